//! Any schema and any value: compiling ends soon and never panics, and the verdict is that of the
//! same rules over serde_json's values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcpgate_fuzz::{DEPTH, parts, values};
use mcpgate_json::{Doc, NodeKind, Tape};
use mcpgate_schema::{Judge, Misfit};
use serde_json::Value;

/// The document as serde_json keeps it; nothing where that is not the same value: numbers that lose
/// digits, and the one key to which serde_json gives a meaning of its own.
fn kept(doc: &Doc<'_>) -> Option<Value> {
    let same = |node| match doc.kind(node) {
        NodeKind::Number => {
            let number: Option<serde_json::Number> = serde_json::from_str(doc.raw_text(node)).ok();
            number.is_some_and(|number| number.to_string() == doc.raw_text(node))
        }
        _ => doc.entries(node).all(|(key, _)| !doc.text(key).starts_with("$serde_json")),
    };
    if !values(doc).into_iter().all(same) {
        return None;
    }
    serde_json::from_slice(doc.bytes()).ok()
}

fuzz_target!(|data: &[u8]| {
    let [schema, value] = parts(data);
    let (mut first, mut second) = (Tape::default(), Tape::default());
    let Ok(schema) = first.scan(schema, DEPTH) else { return };
    let Ok(value) = second.scan(value, DEPTH) else { return };
    let strict = Judge::compile(&schema, schema.root(), true);
    let judge = match Judge::compile(&schema, schema.root(), false) {
        Ok(judge) => judge,
        Err(fault) => return assert!(!fault.rule.is_empty() && !fault.text.is_empty()),
    };
    let verdict = judge.check(&value, Some(value.root()));
    if let Ok(strict) = strict {
        let narrow = strict.check(&value, Some(value.root()));
        assert!(narrow.is_err() || verdict.is_ok(), "strict names only take away");
        let problems = strict.problems(&value, Some(value.root()));
        assert!(problems.len() <= 5);
        assert!(narrow != Err(Misfit::Mismatch) || !problems.is_empty());
    }
    let (Some(plain), Some(instance)) = (kept(&schema), kept(&value)) else { return };
    if verdict == Err(Misfit::TooCostly) {
        return;
    }
    if let Ok(oracle) = jsonschema::validator_for(&plain) {
        assert_eq!(verdict.is_ok(), oracle.is_valid(&instance), "{plain} over {instance}");
    }
});
