//! What is asked about definitions off the path of messages.

use mcpgate_json::{NodeKind, Tape};
use pyo3::prelude::*;

use crate::caller::hex;
use crate::marks::rule;
use crate::screen::{RULES, Severity};

/// How deep definitions nest at most.
const DEPTH: usize = 64;

/// The fingerprint of a definition in hex; None when it is unreadable.
#[pyfunction]
pub fn fingerprint(definition: &[u8]) -> Option<String> {
    let mut tape = Tape::default();
    let doc = tape.scan(definition, DEPTH).ok()?;
    (doc.kind(doc.root()) == NodeKind::Object)
        .then(|| hex(&mcpgate_json::fingerprint(&doc, doc.root())))
}

/// Every rule that entries are judged by: id, whether it quarantines, what it finds.
#[pyfunction]
pub fn rules() -> Vec<(&'static str, bool, &'static str)> {
    let screened =
        RULES.iter().map(|rule| (rule.id, rule.severity == Severity::Quarantine, rule.text));
    screened.chain(rule::TABLE.iter().copied()).collect()
}
