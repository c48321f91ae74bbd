//! However an event stream is cut into chunks, the same events come out of it.
#![no_main]

use _core::sse::SseCutter;
use libfuzzer_sys::fuzz_target;
use mcpgate_fuzz::{chunks, parts};

type Cut = (Vec<Vec<u8>>, bool, String, Option<u64>);

fn cut(limit: usize, pieces: &[&[u8]]) -> Cut {
    let (mut cutter, mut out, mut full) = (SseCutter::new(limit), Vec::new(), false);
    for piece in pieces {
        full = cutter.feed(piece, &mut out).is_err();
    }
    assert!(out.iter().all(|event| event.len() <= limit && !event.is_empty()));
    (out, full, cutter.last_id().to_owned(), cutter.retry_ms())
}

fuzz_target!(|input: &[u8]| {
    let [sizes, data] = parts(input);
    let limit = sizes.first().copied().unwrap_or(200);
    let whole = cut(limit.into(), &[data]);
    assert_eq!(cut(limit.into(), &chunks(sizes, data)), whole);
});
