//! What the tape accepts, two other JSON readers accept too and understand as the same value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcpgate_fuzz::{DEPTH, same_by_jiter, same_by_serde};
use mcpgate_json::{Fault, Tape, canonical};

fuzz_target!(|data: &[u8]| {
    let mut tape = Tape::default();
    let Ok(doc) = tape.scan(data, DEPTH) else { return };
    if let Err(text) = same_by_serde(&doc) {
        panic!("serde_json: {text}");
    }
    if let Err(text) = same_by_jiter(&doc) {
        panic!("jiter: {text}");
    }
    let form = canonical(&doc, doc.root());
    let mut second = Tape::default();
    match second.scan(&form, DEPTH) {
        Ok(again) => assert_eq!(canonical(&again, again.root()), form, "one form of a form"),
        // Without its point a long number has some letters more, for the exponent.
        Err(fault) => assert!(matches!(fault, Fault::Number(_)), "{fault}"),
    }
});
