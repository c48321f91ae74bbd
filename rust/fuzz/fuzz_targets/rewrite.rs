//! After edits a document is strict and holds the same values, but for those that were edited.
#![no_main]

use _core::rewrite::{Edits, string};
use libfuzzer_sys::fuzz_target;
use mcpgate_fuzz::{DEPTH, is_leaf, parts, values};
use mcpgate_json::Tape;

fuzz_target!(|input: &[u8]| {
    let [choices, text, data] = parts(input);
    let text = String::from_utf8_lossy(text);
    let mut tape = Tape::default();
    let Ok(doc) = tape.scan(data, DEPTH) else { return };
    let with = string(&text);
    let nodes = values(&doc);
    let chosen = |place: usize| choices.get(place % choices.len().max(1)).is_some_and(|it| *it % 2 == 1);
    let mut edits = Edits::new(doc.bytes());
    let (mut expected, mut at) = (Vec::new(), 0);
    for (place, node) in nodes.iter().enumerate() {
        if chosen(place) && is_leaf(&doc, *node) {
            let span = doc.span(*node);
            expected.extend_from_slice(&data[at..span.start]);
            expected.extend_from_slice(&with);
            at = span.end;
            edits.replace(span, with.clone());
        }
    }
    expected.extend_from_slice(&data[at..]);
    let edited = edits.apply();
    assert_eq!(edited, expected);
    let mut second = Tape::default();
    let after = second.scan(&edited, DEPTH).expect("edits keep a document strict");
    let left = values(&after);
    assert_eq!(left.len(), nodes.len());
    for (place, (before, now)) in nodes.iter().zip(&left).enumerate() {
        if !is_leaf(&doc, *before) {
            assert_eq!(doc.kind(*before), after.kind(*now));
        } else if chosen(place) {
            assert_eq!(after.text(*now), text);
        } else {
            assert_eq!(doc.raw(*before), after.raw(*now));
        }
    }
});
