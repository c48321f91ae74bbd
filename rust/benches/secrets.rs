//! What the search for secrets costs on results that hold none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails should say so at once"
)]

use std::hint::black_box;

use _core::secrets::find;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mcpgate_json::Tape;

const PROSE: &str = "The task is to write a risk-based plan for the disk, see https://example.com/a/b?c=d and the key-value notes of 2026-07-28. ";
const CODE: &str = "    if token is None:\\n        raise KeyError(\\\"no token: \\\" + name)\\n\\treturn headers[\\\"Accept\\\"]\\n";
const ROW: &str = r#"{"id":"123e4567-e89b-12d3-a456-426614174000","size":1024,"tags":["a","b"],"sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","ok":true},"#;
const IMAGE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg";
const SPELLED: &str = "caf\\u00e9 \\u4f60\\u597d na\\u00efve, ";
const HIDING: &str = "\\u003cb\\u003ebold\\u003c\\/b\\u003e, ";

fn result(text: &str, part: &str, size: usize) -> Vec<u8> {
    let many = part.repeat(size / part.len());
    let many = many.trim_end_matches(',');
    let (open, close) = if text.is_empty() { ("[", "]") } else { ("\"", "\"") };
    let head = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"#;
    format!("{head}{open}{many}{close}}}]}}}}").into_bytes()
}

fn search(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("secrets");
    for (name, text, part) in [
        ("prose", "text", PROSE),
        ("code", "text", CODE),
        ("rows", "", ROW),
        ("image", "text", IMAGE),
        ("spelled", "text", SPELLED),
        ("hiding", "text", HIDING),
    ] {
        for size in [1 << 10, 64 << 10] {
            let raw = result(text, part, size);
            let mut tape = Tape::default();
            let doc = tape.scan(&raw, 64).unwrap();
            assert!(find(&doc, doc.root()).is_empty());
            group.throughput(Throughput::Bytes(raw.len() as u64));
            group.bench_function(BenchmarkId::new(name, size), |bench| {
                bench.iter(|| find(black_box(&doc), doc.root()).len());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, search);
criterion_main!(benches);
