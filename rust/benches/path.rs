//! What one message costs in the gate: reading, inspect, review, close, and all of them together.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails should say so at once"
)]

use std::hint::black_box;

use _core::caller::Caller;
use _core::gate::Gate;
use _core::mirror::Head;
use _core::verdict::Outcome;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mcpgate_json::Tape;

const GOLDEN: &[u8] = include_bytes!("../../tests/golden/snapshot.json");
const NOW: i64 = 1_000_000_000;

fn gate() -> Gate {
    let gate = Gate::new(&[1; 32], None, &[2; 32], "bench");
    gate.swap(GOLDEN).expect("the golden document is good");
    gate
}

/// A call of a legacy server's tool, padded to about this size.
fn call(size: usize) -> Vec<u8> {
    let start = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"every__echo","arguments":{"message":"hello","count":3,"items":[""#;
    let end = r#""]}}}"#;
    let room = size.saturating_sub(start.len() + end.len());
    let filler = "abcdefghij klm\",\"".repeat(room / 17 + 1);
    let cut = filler.get(..room).unwrap_or(&filler).trim_end_matches(['"', ',']).to_owned();
    format!("{start}{cut}{end}").into_bytes()
}

fn caller(gate: &Gate) -> std::sync::Arc<Caller> {
    let fresh = Caller::new("anonymous", false);
    let raw = br#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}"#;
    let verdict = gate.inspect(raw, &fresh, Some(&Head::default()), NOW);
    gate.find_caller(&verdict.session, "anonymous", NOW).expect("the session was just opened")
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    for size in [200, 4 << 10, 64 << 10] {
        let raw = call(size);
        let mut tape = Tape::default();
        group.throughput(Throughput::Bytes(raw.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &raw, |bench, raw| {
            bench.iter(|| tape.scan(black_box(raw), 64).map(|doc| doc.len(doc.root())));
        });
    }
}

/// One whole exchange: inspect, review of a 130-byte reply, close; events drained every 64.
fn exchange(criterion: &mut Criterion) {
    let gate = gate();
    let caller = caller(&gate);
    let mut group = criterion.benchmark_group("inspect_review_close");
    for size in [200, 4 << 10, 64 << 10] {
        let raw = call(size);
        let mut rounds = 0u32;
        group.bench_with_input(BenchmarkId::from_parameter(size), &raw, |bench, raw| {
            bench.iter(|| {
                let verdict = gate.inspect(black_box(raw), &caller, Some(&Head::default()), NOW);
                let ticket = verdict.ticket.expect("the call is forwarded");
                let reply = format!(
                    r#"{{"jsonrpc":"2.0","id":{},"result":{{"content":[{{"type":"text","text":"a reply of about one hundred and thirty bytes"}}],"isError":false}}}}"#,
                    ticket.upstream_id()
                );
                let reviewed = gate.review(black_box(reply.as_bytes()), &ticket);
                assert!(reviewed.last && reviewed.outcome == Outcome::Answer);
                assert!(gate.close(&ticket, Outcome::Done, NOW));
                rounds = rounds.wrapping_add(1);
                if rounds.is_multiple_of(64) {
                    black_box(gate.drain());
                }
            });
        });
    }
}

criterion_group!(benches, read, exchange);
criterion_main!(benches);
