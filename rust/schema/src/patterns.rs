//! What a pattern may cost, found out before it is used: patterns run on the linear engine, those
//! that look around or back on a backtracking one with a small limit.

use jsonschema_regex::{Search, search_form, to_rust_regex};
use regex_automata::dfa::dense;
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;

use crate::{SchemaFault, fault};

/// Bytes of a pattern.
pub(crate) const PATTERN_BYTES: usize = 1024;
/// Bytes of a pattern compiled for the linear engine.
pub(crate) const COMPILED_BYTES: usize = 1 << 20;
/// Bytes of all patterns of a schema compiled.
pub(crate) const ALL_COMPILED_BYTES: usize = 4 << 20;
/// Bytes taken for a pattern of the other engine.
const BACK_BYTES: usize = 1 << 14;
/// Steps back the other engine may take on one text; more count as no match.
pub(crate) const STEPS_BACK: usize = 400;
/// Bytes of the tables within which an engine is sure to read each byte once.
const TABLE_BYTES: usize = 1 << 18;
/// Units for a text that may take every step back.
const BACK_UNITS: u64 = 800;
/// Units for any other text.
const TEXT_UNITS: u64 = 12;
/// 1/32 units for each byte read once.
const ONCE: u64 = 16;
/// 1/32 units for each byte and each state of a pattern whose tables would be too large.
const STATE: u64 = 32;

/// The price of matching one text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Price {
    /// Units for the text.
    pub(crate) text: u64,
    /// 1/32 units for each of its bytes.
    pub(crate) byte: u64,
    /// Whether the text may be read once for each of its bytes.
    pub(crate) square: bool,
    /// Whether the pattern needs the backtracking engine.
    pub(crate) back: bool,
    /// Bytes of the compiled pattern.
    pub(crate) bytes: usize,
}

impl Price {
    /// A price that covers both.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            text: self.text.max(other.text),
            byte: self.byte.max(other.byte),
            square: self.square || other.square,
            back: self.back || other.back,
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// The price of a pattern, or why it is refused.
pub(crate) fn price(pattern: &str) -> Result<Price, SchemaFault> {
    if pattern.len() > PATTERN_BYTES {
        let text = format!("a pattern is longer than {PATTERN_BYTES} bytes");
        return Err(SchemaFault { rule: fault::PATTERN, text });
    }
    let Ok(translated) = to_rust_regex(pattern) else {
        return Err(refused(pattern, "is not a regular expression"));
    };
    if let Some(Search::RepeatedClass(_)) = search_form(pattern, &translated) {
        // Read by counting characters, without an engine.
        return Ok(Price { text: TEXT_UNITS, byte: ONCE, ..Price::default() });
    }
    let around = looks_around(pattern);
    if around > 1 {
        return Err(refused(pattern, "looks around inside a look-around"));
    }
    let config = thompson::Config::new().nfa_size_limit(Some(COMPILED_BYTES));
    let built = thompson::Compiler::new()
        .configure(config)
        .syntax(syntax::Config::new().nest_limit(100))
        .build(&translated);
    match built {
        Ok(nfa) if around == 0 => Ok(linear(&nfa)),
        Err(error) if error.size_limit().is_some() => {
            Err(refused(pattern, "is too large once its repetitions are written out"))
        }
        _ => {
            Ok(Price { text: BACK_UNITS, byte: ONCE, square: true, back: true, bytes: BACK_BYTES })
        }
    }
}

fn refused(pattern: &str, why: &str) -> SchemaFault {
    let shown: String = pattern.chars().take(60).collect();
    SchemaFault { rule: fault::PATTERN, text: format!("the pattern {shown:?} {why}") }
}

/// An automaton whose tables are small reads each byte once; for others every state may be
/// looked at for every byte.
fn linear(nfa: &thompson::NFA) -> Price {
    let config = dense::Config::new()
        .dfa_size_limit(Some(TABLE_BYTES))
        .determinize_size_limit(Some(TABLE_BYTES));
    let small = dense::Builder::new().configure(config).build_from_nfa(nfa).is_ok();
    let states = nfa.states().len() as u64;
    let byte = if small { ONCE } else { states.saturating_mul(STATE).max(ONCE) };
    Price { text: TEXT_UNITS, byte, square: false, back: false, bytes: nfa.memory_usage() }
}

/// How deep look-arounds are nested in a pattern.
fn looks_around(pattern: &str) -> usize {
    let mut groups: Vec<bool> = Vec::new();
    let (mut deepest, mut class) = (0, false);
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        match first {
            '[' if !class => class = true,
            ']' if class => class = false,
            '(' if !class => {
                let marks = ["(?=", "(?!", "(?<=", "(?<!"];
                groups.push(marks.iter().any(|mark| rest.starts_with(mark)));
                deepest = deepest.max(groups.iter().filter(|around| **around).count());
            }
            ')' if !class => {
                groups.pop();
            }
            _ => {}
        }
        let mut chars = rest.chars();
        chars.next();
        if first == '\\' {
            chars.next();
        }
        rest = chars.as_str();
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_arounds_are_counted_outside_classes_and_escapes() {
        for (pattern, depth) in [
            ("a", 0),
            ("(?:a)", 0),
            ("(?=a)(?!b)", 1),
            ("(?<=a)b(?<!c)", 1),
            (r"\(?=a", 0),
            ("[(?=]a", 0),
            ("(?=(?:a(?!b)))", 2),
        ] {
            assert_eq!(looks_around(pattern), depth, "{pattern}");
        }
    }

    #[test]
    fn the_price_follows_the_engine() {
        assert_eq!(price("^[a-z]+$").unwrap().byte, ONCE);
        assert!(price("(a*)*b.{0,40}c(x|y|z)*.{0,40}").unwrap().byte > 100);
        assert!(price(r"^(a+)\1$").unwrap().back);
        assert!(price(r"^(?!x)a").unwrap().back);
        assert_eq!(price("(((a{1000}){1000}){1000}){1000}").unwrap_err().rule, fault::PATTERN);
        assert_eq!(price(&"a".repeat(PATTERN_BYTES + 1)).unwrap_err().rule, fault::PATTERN);
        assert_eq!(price("(?=(?=a)b)c").unwrap_err().rule, fault::PATTERN);
    }
}
