//! Patterns over names, read as the validator reads them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fancy_regex::{Regex, RegexBuilder};

use crate::SchemaFault;

/// Steps back that one match may take; a name that needs more counts as unknown.
const BACKTRACKS: usize = 400;
/// Bytes that one compiled pattern may take.
const SIZE_BYTES: usize = 1 << 20;
/// Longer names match no pattern.
const NAME_BYTES: usize = 1_024;

/// A compiled pattern: linear where it can be, else bounded.
#[derive(Debug)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    pub(crate) fn compile(text: &str) -> Result<Self, SchemaFault> {
        let fault = || {
            let cut: String = text.chars().take(100).collect();
            SchemaFault {
                rule: "schema_pattern",
                text: format!("The pattern {cut:?} cannot be compiled."),
            }
        };
        let translated = jsonschema_regex::to_rust_regex(text).map_err(|()| fault())?;
        RegexBuilder::new(&translated)
            .backtrack_limit(BACKTRACKS)
            .delegate_size_limit(SIZE_BYTES)
            .delegate_dfa_size_limit(SIZE_BYTES)
            .build()
            .map(Self)
            .map_err(|_| fault())
    }

    /// Whether the name matches; no, when that cannot be decided within bounds.
    pub(crate) fn matches(&self, name: &str) -> bool {
        if name.len() > NAME_BYTES {
            return false;
        }
        // The engine under it has panicked on rare patterns; that decides nothing either.
        let matched = catch_unwind(AssertUnwindSafe(|| self.0.is_match(name)));
        matches!(matched, Ok(Ok(true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_read_as_ecma_and_stay_bounded() {
        assert!(Pattern::compile(r"^x-").unwrap().matches("x-a"));
        assert!(!Pattern::compile(r"^\d+$").unwrap().matches("\u{661}"));
        assert!(Pattern::compile(r"^(?!_)").unwrap().matches("a"));
        assert!(!Pattern::compile(r"^(?!_)").unwrap().matches("_a"));
        let slow = Pattern::compile(r"^(?=(a+)+b)(a+)+\2$").unwrap();
        assert!(!slow.matches(&"a".repeat(60)));
        assert!(!Pattern::compile("").unwrap().matches(&"a".repeat(2_000)));
        assert_eq!(Pattern::compile("(").unwrap_err().rule, "schema_pattern");
    }
}
