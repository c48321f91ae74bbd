//! The whole gate over any bytes and headers of a client and any bytes of a server.
#![no_main]

use std::sync::{Arc, LazyLock};

use _core::caller::Caller;
use _core::gate::Gate;
use _core::mirror::Head;
use _core::verdict::{Outcome, Verdict};
use libfuzzer_sys::fuzz_target;
use mcpgate_fuzz::{DEPTH, gate, is_strict, parts};
use mcpgate_json::{Doc, Tape};

static GATE: LazyLock<Gate> = LazyLock::new(gate);
static SESSION: LazyLock<Arc<Caller>> = LazyLock::new(|| {
    let raw = br#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}"#;
    let verdict = GATE.inspect(raw, &Caller::new("ann", false), Some(&Head::default()), 1);
    GATE.find_caller(&verdict.session, "ann", 2).expect("the session was just opened")
});

/// `flags FF version FF method FF name FF params FF server FF client`
struct Input<'a> {
    /// Lower bits: 0 no headers, 1 what the body says, more: what the input says.
    flags: u8,
    modern: bool,
    texts: [Option<&'a str>; 4],
    server: &'a [u8],
    client: &'a [u8],
}

impl<'a> Input<'a> {
    fn read(data: &'a [u8]) -> Self {
        let [flags, version, method, name, params, server, client] = parts(data);
        let flags = flags.first().copied().unwrap_or(0);
        let text = |part: &'a [u8]| std::str::from_utf8(part).ok().filter(|text| !text.is_empty());
        let texts = [version, method, name, params].map(text);
        Self { flags, modern: flags & 4 != 0, texts, server, client }
    }

    fn head(&self) -> Option<Head> {
        let said = |place: usize| self.texts[place].map(str::to_owned);
        match self.flags % 4 {
            0 => None,
            1 => Some(self.honest()),
            2 => Some(Head { name: said(2), params: said(3), ..self.honest() }),
            _ => Some(Head {
                version: said(0),
                method: said(1),
                name: said(2),
                params: said(3),
                duplicate: self.flags & 8 != 0,
            }),
        }
    }

    fn honest(&self) -> Head {
        let mut tape = Tape::default();
        let Ok(doc) = tape.scan(self.client, DEPTH) else { return Head::default() };
        let text = |node| Some(doc.text(node).into_owned());
        let params = doc.get(doc.root(), "params");
        let name = |key: &str| params.and_then(|params| doc.get(params, key)).and_then(text);
        let version = self.modern.then(|| "2026-07-28".to_owned());
        Head {
            version,
            method: doc.get(doc.root(), "method").and_then(text),
            name: name("name").or_else(|| name("uri")),
            params: None,
            duplicate: false,
        }
    }
}

fn arguments(doc: &Doc<'_>) -> Option<Vec<u8>> {
    let params = doc.get(doc.root(), "params")?;
    doc.get(params, "arguments").map(|node| doc.raw(node).to_vec())
}

fn check_body(verdict: &Verdict) {
    assert!(verdict.body.is_empty() || is_strict(&verdict.body));
    assert_eq!(verdict.outcome == Outcome::Refuse, verdict.reason.is_some());
    assert!(verdict.outcome != Outcome::Refuse || !verdict.body.is_empty());
}

fuzz_target!(|data: &[u8]| {
    let input = Input::read(data);
    let caller = if input.modern { Arc::new(Caller::new("ann", true)) } else { Arc::clone(&SESSION) };
    let verdict = GATE.inspect(input.client, &caller, input.head().as_ref(), 10);
    check_body(&verdict);
    let _ = GATE.address(input.server);
    if let Some(ticket) = &verdict.ticket {
        assert_eq!(verdict.outcome, Outcome::Forward);
        let (mut before, mut after) = (Tape::default(), Tape::default());
        let sent = before.scan(input.client, DEPTH).expect("only strict messages are forwarded");
        let ours = after.scan(&verdict.body, DEPTH).expect("we send strict messages");
        assert_eq!(arguments(&sent), arguments(&ours));
        let head = String::from_utf8(verdict.head.clone()).expect("header lines are text");
        assert!(head.is_empty() || head.ends_with("\r\n"));
        assert!(head.bytes().all(|byte| matches!(byte, 0x20..=0x7e | b'\r' | b'\n')));
        check_body(&GATE.review(input.server, ticket));
        let start = format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":", ticket.upstream_id());
        let reply = [start.as_bytes(), input.server, b"}"].concat();
        let reviewed = GATE.review(&reply, ticket);
        check_body(&reviewed);
        assert!(reviewed.last && !reviewed.body.is_empty());
        GATE.close(ticket, Outcome::Done, 20);
    }
    GATE.drain();
});
