//! What the firewall costs: inspect of a strictly judged call, and review of a result, by size.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails should say so at once"
)]

use std::hint::black_box;
use std::sync::Arc;

use _core::caller::Caller;
use _core::gate::Gate;
use _core::mirror::Head;
use _core::verdict::Outcome;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const NOW: i64 = 1_000_000_000;
const SIZES: [usize; 3] = [200, 4 << 10, 64 << 10];
/// A tool of ten properties as tools have them; no `additionalProperties`, so strict mode decides.
const TOOL: &str = r#"{"name":"search","description":"Search the orders","inputSchema":{"type":"object",
    "properties":{"query":{"type":"string","minLength":1,"maxLength":200},"limit":{"type":"integer","minimum":1,"maximum":100},
    "offset":{"type":"integer","minimum":0},"order":{"type":"string","enum":["asc","desc"]},"since":{"type":"string","pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    "exact":{"type":"boolean"},"weight":{"type":"number","exclusiveMinimum":0},"tags":{"type":"array","items":{"type":"string","maxLength":40}},
    "range":{"type":"object","properties":{"from":{"type":"integer"},"to":{"type":"integer"}},"required":["from"]},
    "rows":{"type":"array","items":{"type":"object","properties":{"id":{"type":"integer"},"sku":{"type":"string","pattern":"^[A-Z]{3}-[0-9]{4}$"},
    "price":{"type":"number","minimum":0},"note":{"type":"string","maxLength":80}},"required":["id","sku"]}}},"required":["query"]}}"#;

fn gate() -> Gate {
    let gate = Gate::new(&[1; 32], None, &[2; 32], "bench");
    let document = format!(
        r#"{{"format":1,"generation":1,"gateway":{{"name":"g","version":"1","instructions":""}},"prefix":"always","page_entries":100,
        "session_s":60,"depth":64,"owners":[],"servers":[{{"name":"shop","transport":"http","era":"legacy","revision":"2025-11-25",
        "environment":null,"labels":{{}},"deadline_ms":1000,"completions":false,"instructions":"",
        "firewall":{{"arguments":"strict","results":"observe","secrets":"off"}},"exceptions":[],"held":[],"cleared":[],
        "tools":[{TOOL}],"prompts":[],"resources":[],"templates":[]}}]}}"#
    );
    gate.swap(document.as_bytes()).expect("the document is good");
    gate
}

fn caller(gate: &Gate) -> Arc<Caller> {
    let fresh = Caller::new("anonymous", false);
    let raw = br#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}"#;
    let verdict = gate.inspect(raw, &fresh, Some(&Head::default()), NOW);
    gate.find_caller(&verdict.session, "anonymous", NOW).expect("the session was just opened")
}

/// A good call of the tool, filled up with rows to about this size.
fn call(size: usize) -> Vec<u8> {
    let start = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"shop__search","arguments":{"query":"late orders","limit":20,"order":"asc","since":"2026-01-31","exact":false,"range":{"from":1,"to":9},"tags":["a","b"]"#;
    let mut text = start.to_owned();
    let mut rows = Vec::new();
    while text.len() + rows.iter().map(String::len).sum::<usize>() + 70 < size {
        let id = rows.len();
        rows.push(format!(
            r#"{{"id":{id},"sku":"ABC-{:04}","price":{id}.25,"note":"plain"}},"#,
            id % 10_000
        ));
    }
    if !rows.is_empty() {
        text += r#","rows":["#;
        text += rows.concat().trim_end_matches(',');
        text += "]";
    }
    (text + "}}}").into_bytes()
}

fn inspect(criterion: &mut Criterion) {
    let gate = gate();
    let caller = caller(&gate);
    let mut group = criterion.benchmark_group("inspect_strict");
    for size in SIZES {
        let raw = call(size);
        group.throughput(Throughput::Bytes(raw.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &raw, |bench, raw| {
            let mut rounds = 0u32;
            bench.iter(|| {
                let verdict = gate.inspect(black_box(raw), &caller, Some(&Head::default()), NOW);
                assert!(verdict.outcome == Outcome::Forward);
                rounds = rounds.wrapping_add(1);
                if rounds.is_multiple_of(64) {
                    black_box(gate.drain());
                }
            });
        });
    }
}

/// A call that is refused with a lesson: names and values both wrong.
fn refuse(criterion: &mut Criterion) {
    let gate = gate();
    let caller = caller(&gate);
    let raw = br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"shop__search","arguments":{"query":"late","limt":20,"order":"up"}}}"#;
    criterion.bench_function("inspect_refused", |bench| {
        bench.iter(|| {
            let verdict = gate.inspect(black_box(raw), &caller, Some(&Head::default()), NOW);
            assert!(verdict.outcome == Outcome::Refuse);
            black_box(gate.drain());
        });
    });
}

fn review(criterion: &mut Criterion) {
    let gate = gate();
    let caller = caller(&gate);
    let verdict = gate.inspect(&call(200), &caller, Some(&Head::default()), NOW);
    let ticket = verdict.ticket.expect("the call is forwarded");
    let mut group = criterion.benchmark_group("review");
    for size in SIZES {
        let line = "A line of a result as servers send them, with some \\\"quotes\\\" in it.\\n";
        let text = line.repeat(size.saturating_sub(90) / line.len() + 1);
        let reply = format!(
            r#"{{"jsonrpc":"2.0","id":{},"result":{{"content":[{{"type":"text","text":"{text}"}}],"isError":false}}}}"#,
            ticket.upstream_id()
        );
        group.throughput(Throughput::Bytes(reply.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &reply, |bench, reply| {
            bench.iter(|| {
                let reviewed = gate.review(black_box(reply.as_bytes()), &ticket);
                assert!(reviewed.last && reviewed.outcome == Outcome::Answer);
            });
        });
    }
}

criterion_group!(benches, inspect, refuse, review);
criterion_main!(benches);
