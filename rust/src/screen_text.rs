//! Rules over characters and markup of one text.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::screen::{
    Findings, TEXT_ANSI, TEXT_BIDI, TEXT_ENCODED, TEXT_INVISIBLE, TEXT_MARKUP, TEXT_PADDING,
    TEXT_TAG,
};
use crate::screen_tags::{CHAT_MARKERS, HARD_TAGS, PAIR_TAGS, SOFT_TAGS};
use crate::screen_words::{Words, clean, speaks_to_model};

/// So many blanks in a row, with text behind, hide that text; tables are aligned with fewer.
const PADDING_CHARS: usize = 1_000;
/// So many line ends in a row do, too.
const PADDING_LINES: usize = 40;
/// A run of base64 or hex as long as this is noted.
const ENCODED_CHARS: usize = 160;
/// A run of base64 as long as this is decoded and read.
const DECODED_CHARS: usize = 24;
/// How far decoding goes: a text inside a text inside a text.
const DECODED_DEPTH: usize = 2;

/// Where a text stands, and whether it is data rather than words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'p> {
    pub(crate) path: &'p str,
    pub(crate) data: bool,
}

/// Whether a person sees nothing where this character stands.
pub(crate) const fn is_unseen(one: char) -> bool {
    is_control(one) || is_invisible(one) || is_direction(one) || is_joiner(one) || is_selector(one)
}

const fn is_control(one: char) -> bool {
    matches!(one, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}')
}

const fn is_invisible(one: char) -> bool {
    matches!(one,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
        && !is_selector(one)
}

const fn is_tag(one: char) -> bool {
    matches!(one, '\u{e0000}'..='\u{e007f}')
}

const fn is_direction(one: char) -> bool {
    matches!(one, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

const fn is_joiner(one: char) -> bool {
    matches!(one, '\u{200c}' | '\u{200d}')
}

const fn is_selector(one: char) -> bool {
    matches!(one, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Scripts that are written from right to left.
const fn is_right_to_left(one: char) -> bool {
    matches!(one, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{1e800}'..='\u{1efff}')
}

/// Scripts whose letters join or are kept apart by joiners, or that mark word ends by no blank.
const fn needs_joiners(one: char) -> bool {
    matches!(one, '\u{600}'..='\u{8ff}' | '\u{900}'..='\u{109f}' | '\u{1780}'..='\u{1aaf}' | '\u{1b00}'..='\u{1cff}'
        | '\u{a840}'..='\u{abff}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

/// Scripts written without blanks, where a zero width space marks where a line may break.
const fn breaks_unseen(one: char) -> bool {
    matches!(one, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{1980}'..='\u{1aaf}')
}

const fn is_emoji(one: char) -> bool {
    matches!(one, '\u{203c}'..='\u{3299}' | '\u{1f000}'..='\u{1faff}' | '\u{fe0f}')
}

/// Find characters that hide, turn or control.
pub(crate) fn screen_characters(text: &str, path: &str, findings: &mut Findings) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t')) {
        return;
    }
    let leftwards = text.chars().any(is_right_to_left);
    let mut before = '\0';
    let mut rest = text.chars();
    while let Some(one) = rest.next() {
        let after = rest.clone().next().unwrap_or('\0');
        if is_control(one) {
            let around: String = std::iter::once(one).chain(rest.clone().take(20)).collect();
            findings.add(&TEXT_ANSI, path, &around);
        } else if is_tag(one) && before == '\u{1f3f4}' {
            // A flag of a region: a black flag, tags, and the tag that ends them.
            let flag = rest.clone().take(7).position(|next| next == '\u{e007f}');
            if let Some(end) = flag {
                rest.nth(end);
            } else {
                findings.add_with(&TEXT_INVISIBLE, path, || reveal(text));
            }
        } else if hides(one, before, after) {
            findings.add_with(&TEXT_INVISIBLE, path, || reveal(text));
        } else if is_direction(one) && !(leftwards && may_turn(one)) {
            findings.add_with(&TEXT_BIDI, path, || around(text));
        }
        before = one;
    }
}

/// Whether this character hides something where it stands.
fn hides(one: char, before: char, after: char) -> bool {
    if is_joiner(one) {
        let emoji = is_emoji(before) && is_emoji(after);
        return !(emoji || needs_joiners(before) || needs_joiners(after));
    }
    if is_selector(one) {
        // One selector after a sign is a choice of its picture; on letters or in rows it is data.
        return is_selector(before)
            || before.is_ascii_alphabetic()
            || before.is_whitespace()
            || before == '\0';
    }
    if one == '\u{200b}' {
        return !(breaks_unseen(before) || breaks_unseen(after));
    }
    is_invisible(one)
}

/// Whether a mark of direction can belong to text that is written from right to left.
const fn may_turn(one: char) -> bool {
    !matches!(one, '\u{202d}' | '\u{202e}')
}

/// The text that tags spell, or what stands around the first unseen character.
fn reveal(text: &str) -> String {
    let ascii = |one: char| u32::from(one).checked_sub(0xE0000).and_then(char::from_u32);
    let tags: String = text.chars().filter(|one| is_tag(*one)).filter_map(ascii).collect();
    if tags.len() > 1 { format!("tags that read: {tags}") } else { around(text) }
}

fn around(text: &str) -> String {
    let unseen = text.char_indices().find(|(_, one)| is_unseen(*one)).map_or(0, |(at, _)| at);
    let start = text.get(..unseen).unwrap_or_default().char_indices().rev().nth(15);
    text.get(start.map_or(0, |(at, _)| at)..).unwrap_or_default().chars().take(40).collect()
}

/// Find text behind a long run of blanks.
pub(crate) fn find_padding(text: &str, path: &str, findings: &mut Findings) {
    let (mut blanks, mut lines) = (0_usize, 0_usize);
    for one in text.chars() {
        if one.is_whitespace() {
            blanks = blanks.saturating_add(1);
            lines = lines.saturating_add(usize::from(one == '\n'));
        } else if blanks >= PADDING_CHARS || lines >= PADDING_LINES {
            findings.add(&TEXT_PADDING, path, &format!("{blanks} blanks before more text"));
            return;
        } else {
            (blanks, lines) = (0, 0);
        }
    }
}

/// Find tags, chat markers and comments that address a model.
pub(crate) fn screen_markup(text: &str, path: &str, findings: &mut Findings) {
    if !text.contains(['<', '[', '#', '&', ':', '＜', '［', '：']) {
        return;
    }
    let low = clean(text).replace("&lt;", "<").replace("&gt;", ">").replace("\\n", "\n");
    for marker in CHAT_MARKERS {
        if low.contains(marker) {
            findings.add(&TEXT_MARKUP, path, marker.trim());
        }
    }
    for piece in low.split("<!--").skip(1) {
        let comment = piece.split("-->").next().unwrap_or_default();
        if speaks_to_model(comment) {
            findings.add(&TEXT_MARKUP, path, &["<!--", comment].concat());
        }
    }
    for line in low.lines().filter_map(|line| line.trim_start().strip_prefix("system:")) {
        if ["assistant", "must", "ignore", "you are", "override"]
            .iter()
            .any(|word| line.contains(word))
        {
            findings.add(&TEXT_MARKUP, path, &["system:", line].concat());
        }
    }
    screen_tags(&low, path, findings);
}

/// Find tags; each known name is looked at once, so that many tags cost no more.
fn screen_tags(low: &str, path: &str, findings: &mut Findings) {
    let mut seen: Vec<&str> = Vec::new();
    let tags = [('<', '>'), ('[', ']')].into_iter().flat_map(|(open, close)| {
        let pieces = low.split(open).skip(1);
        pieces.filter_map(move |piece| Some((open, piece.split_once(close)?.0)))
    });
    for (open, inside) in tags {
        let name = inside.split([' ', '\n', ':', '=']).next().unwrap_or_default();
        let name = name.trim_matches(['*', '!', '|', '/', '_', '-', '#']);
        let Some(kind) = find_tag(&name.replace('-', "_")).filter(|_| !seen.contains(&name)) else {
            continue;
        };
        let closed = || low.contains(&format!("</{name}>")) || low.contains(&format!("[/{name}]"));
        let shown = [if open == '<' { "<" } else { "[" }, inside].concat();
        match kind {
            Tag::Hard if open == '<' || closed() => findings.add(&TEXT_MARKUP, path, &shown),
            Tag::Pair if closed() => findings.add(&TEXT_MARKUP, path, &shown),
            Tag::Soft if closed() => findings.add(&TEXT_TAG, path, &shown),
            // `[important]` alone says nothing yet of `<important>`.
            Tag::Hard => continue,
            Tag::Pair | Tag::Soft => {}
        }
        seen.push(name);
    }
}

#[derive(Clone, Copy)]
enum Tag {
    Hard,
    Pair,
    Soft,
}

fn find_tag(name: &str) -> Option<Tag> {
    let lists = [(HARD_TAGS, Tag::Hard), (PAIR_TAGS, Tag::Pair), (SOFT_TAGS, Tag::Soft)];
    lists.into_iter().find(|(list, _)| list.contains(&name)).map(|(_, kind)| kind)
}

/// Find long encoded texts, and read what shorter ones say.
pub(crate) fn screen_encoded(text: &str, path: &str, findings: &mut Findings) {
    let signs = |one: char| !(one.is_ascii_alphanumeric() || matches!(one, '+' | '/' | '-' | '_'));
    for run in text.split(signs).filter(|run| run.len() >= DECODED_CHARS) {
        let letters = run.bytes().any(|byte| byte.is_ascii_lowercase());
        let capitals = run.bytes().any(|byte| byte.is_ascii_uppercase());
        let digits = run.bytes().any(|byte| byte.is_ascii_digit());
        let hex = run.bytes().all(|byte| byte.is_ascii_hexdigit());
        if run.len() >= ENCODED_CHARS && digits && (hex || (letters && capitals)) {
            let start: String = run.chars().take(40).collect();
            findings.add(&TEXT_ENCODED, path, &format!("{} characters: {start}", run.len()));
        }
        if let Some(hidden) = decode(run, hex) {
            read_decoded(&hidden, path, findings);
        }
    }
}

/// Read a decoded text by the rules over words; it may hold another one.
fn read_decoded(hidden: &str, path: &str, findings: &mut Findings) {
    let mut hidden = hidden.to_owned();
    for _ in 0..DECODED_DEPTH {
        let mut words = Words::new();
        words.read(&hidden, path, findings);
        words.end(findings);
        screen_markup(&hidden, path, findings);
        match decode(hidden.trim().trim_end_matches('='), false) {
            Some(inner) => hidden = inner,
            None => return,
        }
    }
}

/// Decode hex or base64 when what comes out is text.
fn decode(run: &str, hex: bool) -> Option<String> {
    let bytes = if hex && run.len().is_multiple_of(2) {
        let digits = run.as_bytes().chunks(2);
        digits
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect::<Option<Vec<u8>>>()?
    } else {
        STANDARD_NO_PAD.decode(run).or_else(|_| URL_SAFE_NO_PAD.decode(run)).ok()?
    };
    let text = String::from_utf8(bytes).ok()?;
    let readable = text.chars().all(|one| !one.is_control() || one == '\n' || one == '\t');
    readable.then_some(text)
}
