//! The tables of words and phrases, compiled once.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use crate::screen::Rule;
use crate::screen_phrases::{CLASSES, PHRASES};
use crate::screen_text::is_unseen;

/// The most classes there may be.
const CLASSES_MAX: usize = 256;

/// A set of classes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mask(u128, u128);

impl Mask {
    pub(crate) const EMPTY: Self = Self(0, 0);

    fn of(class: usize) -> Self {
        let shift = u32::try_from(class).unwrap_or(u32::MAX);
        let bit = |shift: u32| 1_u128.checked_shl(shift).unwrap_or(0);
        if shift < u128::BITS {
            Self(bit(shift), 0)
        } else {
            Self(0, bit(shift.wrapping_sub(u128::BITS)))
        }
    }

    pub(crate) const fn add(&mut self, other: Self) {
        self.0 |= other.0;
        self.1 |= other.1;
    }

    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0 || self.1 & other.1 != 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0 && self.1 == 0
    }
}

/// One element of a phrase: any of its classes, at most `gap` words after the one before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element {
    pub(crate) classes: Mask,
    pub(crate) gap: u32,
}

#[derive(Debug)]
pub(crate) struct Phrase {
    pub(crate) rule: &'static Rule,
    pub(crate) elements: Vec<Element>,
    pub(crate) classes: Mask,
    /// A word of these shortly before makes the phrase harmless.
    pub(crate) unless: Mask,
    /// A word of these inside ends it.
    pub(crate) reset: Mask,
    /// A word of these directly behind makes it harmless.
    pub(crate) followed: Mask,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Meaning {
    pub(crate) classes: Mask,
    /// The first of a pair of words that means something together.
    pub(crate) begins: bool,
}

/// The compiled tables.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) words: HashMap<String, Meaning>,
    classes: HashMap<String, Mask>,
    pub(crate) phrases: Vec<Phrase>,
    faults: Vec<String>,
}

pub(crate) static TABLES: LazyLock<Tables> = LazyLock::new(Tables::build);

impl Tables {
    fn build() -> Self {
        let mut tables = Self {
            words: HashMap::new(),
            classes: HashMap::new(),
            phrases: Vec::new(),
            faults: Vec::new(),
        };
        for (name, words) in CLASSES {
            let class = tables.class(name);
            for word in words.split_whitespace() {
                tables.add_word(word, class);
            }
        }
        for (rule, text) in PHRASES {
            tables.add_phrase(rule, text);
        }
        tables
    }

    fn class(&mut self, name: &str) -> Mask {
        let count = self.classes.len();
        if count >= CLASSES_MAX {
            self.faults.push(format!("too many classes for {name}"));
        }
        *self.classes.entry(name.to_owned()).or_insert_with(|| Mask::of(count))
    }

    fn add_word(&mut self, word: &str, class: Mask) {
        let word = fold(word);
        let mut signs = word.chars();
        let pair = match (signs.next(), signs.next(), signs.next()) {
            (Some(first), Some(second), None) if is_ideograph(first) && is_ideograph(second) => {
                Some((first.to_string(), second.to_string()))
            }
            _ => word.split_once('+').map(|(first, second)| (first.to_owned(), second.to_owned())),
        };
        if let Some((first, second)) = pair {
            self.words
                .entry([first.as_str(), " ", &second].concat())
                .or_default()
                .classes
                .add(class);
            self.words.entry(first).or_default().begins = true;
        } else {
            self.words.entry(word).or_default().classes.add(class);
        }
    }

    /// Give the classes of `A|b|c`: those named, and one for all words that are not.
    fn mask(&mut self, names: &str) -> Mask {
        let is_class = |name: &&str| name.starts_with(|one: char| one.is_ascii_uppercase());
        let (classes, words): (Vec<&str>, Vec<&str>) = names.split('|').partition(is_class);
        let mut mask = Mask::EMPTY;
        for name in classes {
            match self.classes.get(name) {
                Some(class) => mask.add(*class),
                None => self.faults.push(format!("no class {name}")),
            }
        }
        if words.is_empty() {
            return mask;
        }
        let class = self.class(&words.join("|"));
        for word in words {
            self.add_word(word, class);
        }
        mask.add(class);
        mask
    }

    fn add_phrase(&mut self, rule: &'static Rule, text: &str) {
        let mut phrase = Phrase {
            rule,
            elements: Vec::new(),
            classes: Mask::EMPTY,
            unless: Mask::EMPTY,
            reset: Mask::EMPTY,
            followed: Mask::EMPTY,
        };
        let mut gap = 0;
        for part in text.split_whitespace() {
            if let Some(words) = part.strip_prefix("..") {
                gap = words.parse().unwrap_or(0);
            } else if let Some(names) = part.strip_prefix('~') {
                phrase.reset = self.mask(names);
            } else if let Some(names) = part.strip_prefix('!') {
                let mask = self.mask(names);
                if phrase.elements.is_empty() {
                    phrase.unless = mask;
                } else {
                    phrase.followed = mask;
                }
            } else {
                let classes = self.mask(part);
                phrase.classes.add(classes);
                phrase.elements.push(Element { classes, gap });
                gap = 0;
            }
        }
        phrase.classes.add(phrase.unless);
        phrase.classes.add(phrase.reset);
        self.phrases.push(phrase);
    }

    pub(crate) fn special(&self, name: &str) -> Mask {
        self.classes.get(name).copied().unwrap_or_default()
    }
}

/// Signs that are words or parts of words without blanks between.
pub(crate) const fn is_ideograph(one: char) -> bool {
    matches!(one, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Fold one character's case and drop marks, apostrophes and unseen characters.
fn push_folded(text: &mut String, one: char) {
    let dropped = matches!(one, '\u{300}'..='\u{36f}' | '\'' | '’' | '‘' | 'ʼ');
    if !dropped && (!is_unseen(one) || matches!(one, '\n' | '\r' | '\t')) {
        text.extend(one.to_lowercase());
    }
}

pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    if text.is_ascii() {
        text.chars().for_each(|one| push_folded(&mut folded, one));
    } else {
        text.nfkd().for_each(|one| push_folded(&mut folded, one));
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phrase_compiles() {
        assert_eq!(TABLES.faults, [""; 0]);
        assert!(TABLES.phrases.iter().all(|phrase| phrase.elements.len() > 1));
    }
}
