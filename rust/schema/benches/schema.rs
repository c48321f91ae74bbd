//! What it costs to judge arguments on the tape, without scanning them.

#![allow(clippy::expect_used, missing_docs, reason = "a bench that fails should say so at once")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mcpgate_json::Tape;

fn judging(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("judge");
    let cases = [
        ("3 properties", common::SMALL, common::SMALL_VALUE.to_owned()),
        ("10 properties", common::TEN, common::TEN_VALUE.to_owned()),
        ("4 KB", common::ROWS, common::rows(59)),
        ("64 KB", common::ROWS, common::rows(930)),
    ];
    for (name, schema, value) in cases {
        let judge = common::compile(schema).expect("the schema compiles");
        let mut tape = Tape::default();
        let doc = tape.scan(value.as_bytes(), 64).expect("the value is JSON");
        assert_eq!(judge.check(&doc, Some(doc.root())), Ok(()));
        group.throughput(Throughput::Bytes(value.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| judge.check(black_box(&doc), Some(doc.root())));
        });
    }
    group.finish();
}

criterion_group!(benches, judging);
criterion_main!(benches);
