//! Taking secrets out touches nothing else, leaves a strict document and leaves no secret.
#![no_main]

use _core::rewrite::Edits;
use _core::secrets::{find, kind_of};
use libfuzzer_sys::fuzz_target;
use mcpgate_fuzz::{DEPTH, values};
use mcpgate_json::Tape;

fuzz_target!(|data: &[u8]| {
    let mut tape = Tape::default();
    let Ok(doc) = tape.scan(data, DEPTH) else { return };
    let secrets = find(&doc, doc.root());
    let nodes = values(&doc);
    for node in nodes.iter().filter(|node| doc.is_string(**node)) {
        let span = doc.span(*node);
        let inside = |place: usize| span.contains(&place);
        let found = secrets.iter().any(|secret| !secret.in_key && inside(secret.span.start));
        assert_eq!(found, kind_of(&doc.text(*node)).is_some(), "{}", doc.raw_text(*node));
    }
    let mut edits = Edits::new(data);
    for secret in secrets.iter().filter(|secret| !secret.in_key) {
        edits.replace(secret.span.clone(), secret.with.clone());
    }
    let edited = edits.apply();
    let mut second = Tape::default();
    let after = second.scan(&edited, DEPTH).expect("what is left is strict");
    assert!(find(&after, after.root()).iter().all(|secret| secret.in_key));
    let left = values(&after);
    assert_eq!(left.len(), nodes.len());
    for (before, now) in nodes.iter().zip(&left) {
        let touched = secrets.iter().any(|secret| doc.span(*before).contains(&secret.span.start));
        assert!(touched || doc.raw(*before) == after.raw(*now));
    }
});
