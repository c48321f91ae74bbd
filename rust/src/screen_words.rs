//! Words of a definition and the phrases among them: one pass, no backtracking.
//!
//! A text becomes plain words: compatibility forms, marks, case, punctuation and unseen characters
//! are folded away. Each word stands for classes; a phrase is a row of classes with the most words
//! that may stand between. Per phrase and element only the latest place matters, so the pass is
//! linear whatever the text. Sentences, list items and fields stand some words apart.

use crate::screen::Findings;
use crate::screen_names::fold_mixed;
use crate::screen_tables::{Mask, Phrase, TABLES, Tables, fold, is_ideograph};
use crate::screen_tags::MODEL_WORDS;

/// How far apart two sentences or list items stand.
const BREAK: u32 = 3;
/// How far apart two fields stand: an order may be spread over them.
const FIELD: u32 = 1;
/// How close before a phrase a word has to be that makes it harmless.
const NEAR: u32 = 5;
/// A number with as many digits can be called or paid to.
const PHONE_DIGITS: usize = 9;

/// How far one phrase has come.
#[derive(Debug, Clone, Default)]
struct Progress {
    /// Per element: where it was matched last, and where in the buffer the phrase began.
    reached: Vec<Option<(u32, usize)>>,
    harmless_until: u32,
}

/// A phrase that is complete unless the next word makes it harmless.
#[derive(Debug)]
struct Pending {
    phrase: usize,
    place: String,
    detail: String,
}

/// The words of one definition.
#[derive(Debug)]
pub(crate) struct Words {
    tables: &'static Tables,
    progress: Vec<Progress>,
    pending: Vec<Pending>,
    buffer: String,
    at: u32,
    /// Where the last sentence began.
    began: u32,
    /// The word before, where it may begin a pair.
    first: Option<String>,
}

impl Words {
    pub(crate) fn new() -> Self {
        let tables = &*TABLES;
        let fresh = |phrase: &Phrase| Progress {
            reached: vec![None; phrase.elements.len()],
            harmless_until: 0,
        };
        Self {
            tables,
            progress: tables.phrases.iter().map(fresh).collect(),
            pending: Vec::new(),
            buffer: String::new(),
            at: NEAR,
            began: NEAR,
            first: None,
        }
    }

    /// Read one more text of the definition.
    pub(crate) fn read(&mut self, text: &str, place: &str, findings: &mut Findings) {
        self.pause(FIELD);
        let low = clean(text);
        let mut rest = low.as_str();
        while let Some(start) = rest.find(|one: char| !one.is_whitespace()) {
            let blank = rest.get(..start).unwrap_or_default();
            rest = rest.get(start..).unwrap_or_default();
            if blank.contains('\n') && (blank.matches('\n').count() > 1 || starts_item(rest)) {
                self.pause(BREAK);
            }
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (chunk, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
            self.read_chunk(chunk, place, findings);
            if chunk.trim_end_matches(['"', '\'', ')', '*', '`']).ends_with(['.', '!', '?', '。'])
            {
                self.pause(BREAK);
            }
            rest = tail;
        }
    }

    /// Settle what is still open.
    pub(crate) fn end(&mut self, findings: &mut Findings) {
        self.settle(Mask::EMPTY, findings);
    }

    fn pause(&mut self, words: u32) {
        // One word with a full stop is no sentence.
        if words == FIELD || self.at.saturating_sub(self.began) > 1 {
            self.at = self.at.saturating_add(words);
        }
        self.began = self.at;
        self.first = None;
    }

    /// Read what stands between two blanks.
    fn read_chunk(&mut self, chunk: &str, place: &str, findings: &mut Findings) {
        let mut special = self.classify(chunk);
        let mut begin = None;
        let mut before = ' ';
        let mut dotted = false;
        for (at, one) in chunk.char_indices().chain(std::iter::once((chunk.len(), ' '))) {
            let apart = is_ideograph(one);
            if let Some(from) = begin.filter(|_| apart || !one.is_alphanumeric()) {
                let word = chunk.get(from..at).unwrap_or_default();
                self.read_word(word, (dotted, special), (place, findings));
                special = Mask::EMPTY;
                begin = None;
            }
            if apart {
                let end = at.saturating_add(one.len_utf8());
                self.read_word(
                    chunk.get(at..end).unwrap_or_default(),
                    (false, Mask::EMPTY),
                    (place, findings),
                );
            } else if begin.is_none() && one.is_alphanumeric() {
                begin = Some(at);
                let lead = chunk.get(..at).unwrap_or_default();
                dotted =
                    before == '.' && !lead.trim_end_matches('.').ends_with(char::is_alphanumeric);
            }
            before = one;
        }
    }

    /// Say whether a chunk is an address that something can be sent to.
    fn classify(&self, chunk: &str) -> Mask {
        if chunk.contains("://") {
            return self.tables.special("URL");
        }
        if chunk.contains("~/.") {
            return self.tables.special("HOMEPATH");
        }
        if let Some((name, host)) = chunk.split_once('@') {
            let known = ["example.", "domain.", "company.", "acme.", "test."];
            let letters = host.rsplit_once('.').is_some_and(|(_, end)| {
                end.bytes().take_while(u8::is_ascii_alphabetic).count() > 1
            });
            let real = letters && !known.iter().any(|known| host.contains(known));
            let named = name.ends_with(|one: char| one.is_alphanumeric());
            return if real && named { self.tables.special("EMAIL") } else { Mask::EMPTY };
        }
        let chunk = chunk.trim_end_matches(['.', ',', ';', ')', '!']);
        let digits = chunk.bytes().filter(u8::is_ascii_digit).count();
        let long = digits >= PHONE_DIGITS && !chunk.contains(['{', '[', '.', ':']);
        if long { self.tables.special("NUMBER") } else { Mask::EMPTY }
    }

    fn read_word(
        &mut self,
        word: &str,
        (dotted, special): (bool, Mask),
        (place, findings): (&str, &mut Findings),
    ) {
        let tables = self.tables;
        let find = |word: &str| tables.words.get(word).copied().unwrap_or_default();
        self.at = self.at.saturating_add(1);
        let folded = fold_mixed(word);
        let start = self.buffer.len();
        self.buffer.push_str(&folded);
        let alone = find(&folded);
        let mut classes = alone.classes;
        classes.add(special);
        if dotted {
            classes.add(find(&[".", &folded].concat()).classes);
        }
        if let Some(first) = self.first.take() {
            classes.add(find(&[first.as_str(), " ", &folded].concat()).classes);
        }
        self.settle(classes, findings);
        if !classes.is_empty() {
            self.match_phrases(classes, start, (place, findings));
        }
        self.first = alone.begins.then(|| folded.into_owned());
        self.buffer.push(' ');
    }

    /// Add the phrases that the word before completed.
    fn settle(&mut self, classes: Mask, findings: &mut Findings) {
        for pending in std::mem::take(&mut self.pending) {
            let phrase = self.tables.phrases.get(pending.phrase);
            if let Some(phrase) = phrase.filter(|phrase| !phrase.followed.meets(classes)) {
                findings.add(phrase.rule, &pending.place, &pending.detail);
            }
        }
    }

    fn match_phrases(&mut self, classes: Mask, start: usize, (place, findings): (&str, &Findings)) {
        for (index, phrase) in self.tables.phrases.iter().enumerate() {
            if !phrase.classes.meets(classes) || findings.has(phrase.rule) {
                continue;
            }
            let Some(progress) = self.progress.get_mut(index) else { continue };
            if let Some(began) = progress.step(phrase, classes, (self.at, start)) {
                let detail = self.buffer.get(began..).unwrap_or_default().to_owned();
                self.pending.push(Pending { phrase: index, place: place.to_owned(), detail });
            }
        }
    }
}

impl Progress {
    /// Take one word; return where the phrase began when this completes it.
    fn step(&mut self, phrase: &Phrase, classes: Mask, (at, start): (u32, usize)) -> Option<usize> {
        if phrase.reset.meets(classes) {
            self.reached.fill(None);
        }
        let mut done = None;
        for (place, element) in phrase.elements.iter().enumerate().rev() {
            if !element.classes.meets(classes) {
                continue;
            }
            let began = match place.checked_sub(1) {
                None => (at > self.harmless_until).then_some(start),
                Some(before) => {
                    self.reached.get(before).copied().flatten().and_then(|(last, began)| {
                        let distance = at.saturating_sub(last);
                        (distance <= element.gap.saturating_add(1)).then_some(began)
                    })
                }
            };
            let Some(began) = began else { continue };
            if place.saturating_add(1) == phrase.elements.len() {
                done = Some(began);
            }
            if let Some(reached) = self.reached.get_mut(place) {
                *reached = Some((at, began));
            }
        }
        if phrase.unless.meets(classes) {
            self.harmless_until = at.saturating_add(NEAR);
        }
        done
    }
}

/// Whether a line begins an item of a list or a heading.
fn starts_item(line: &str) -> bool {
    line.starts_with(['-', '*', '•', '#']) || line.starts_with(|one: char| one.is_ascii_digit())
}

/// Fold a text and part the words of an identifier.
pub(crate) fn clean(text: &str) -> String {
    if text.contains(char::is_whitespace) {
        return fold(text);
    }
    let mut parted = String::with_capacity(text.len());
    let mut small = false;
    for one in text.chars() {
        if small && one.is_uppercase() {
            parted.push('_');
        }
        small = one.is_lowercase();
        parted.push(one);
    }
    fold(&parted)
}

/// Whether a text that people do not see speaks to a model.
pub(crate) fn speaks_to_model(text: &str) -> bool {
    let words = clean(text);
    let words: Vec<&str> =
        words.split(|one: char| !one.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let meant = MODEL_WORDS.iter().filter(|word| words.contains(word)).count();
    words.len() > 2 && meant > 1
}
