//! A message that is read has spans that are values by themselves and a kind that fits them.
#![no_main]

use _core::message::{Kind, Unread, read};
use libfuzzer_sys::fuzz_target;
use mcpgate_fuzz::{DEPTH, is_strict};
use mcpgate_json::Tape;

fuzz_target!(|data: &[u8]| {
    let mut tape = Tape::default();
    let message = match read(&mut tape, data, DEPTH) {
        Ok(message) => message,
        Err(Unread::Json(fault)) => {
            assert!(!fault.to_string().is_empty());
            return;
        }
        Err(Unread::Shape(Some(id), _)) => return assert!(is_strict(&id) && id.len() <= 256),
        Err(_) => return,
    };
    let doc = message.doc;
    let parts = [message.id, message.params, message.result, message.error];
    for node in parts.into_iter().flatten() {
        assert!(is_strict(doc.raw(node)));
    }
    assert!(is_strict(message.raw_id()) && message.raw_id().len() <= 256);
    match message.kind {
        Kind::Request => assert!(message.id.is_some() && !message.method.is_empty()),
        Kind::Notification => assert!(message.id.is_none() && !message.method.is_empty()),
        Kind::Reply => assert!(message.method.is_empty()),
    }
    assert_eq!(message.kind == Kind::Reply, message.result.is_some() != message.error.is_some());
    let _ = message.is_ambiguous();
    assert!(message.params.is_none_or(|params| doc.is_object(params)));
});
