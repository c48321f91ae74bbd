//! Requests of servers to clients, in every pair of eras; log levels and watched resources.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails should say so at once"
)]

mod common;

use std::sync::Arc;

use _core::bridge::More;
use _core::caller::Caller;
use _core::gate::Gate;
use _core::mirror::Head;
use _core::ticket::Ticket;
use _core::verdict::{Outcome, Reason, Verdict};
use common::{code, gate, json, text};
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000_000_000;
const ELICIT: &str = r#"{"method":"elicitation/create","params":{"message":"Sure?","requestedSchema":{"type":"object","properties":{}}}}"#;

fn session(gate: &Gate, capabilities: &str) -> Arc<Caller> {
    let fresh = Caller::new("ann", false);
    let raw = format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"2025-11-25","capabilities":{capabilities}}}}}"#
    );
    let verdict = gate.inspect(raw.as_bytes(), &fresh, Some(&Head::default()), 1);
    gate.find_caller(&verdict.session, "ann", 2).unwrap()
}

fn call(gate: &Gate, caller: &Caller, name: &str) -> (Verdict, Arc<Ticket>) {
    let arguments = if name == "time__convert" { r#"{"time":"9:00","zone":"UTC"}"# } else { "{}" };
    let raw = format!(
        r#"{{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{{"name":"{name}","arguments":{arguments}}}}}"#
    );
    let verdict = gate.inspect(raw.as_bytes(), caller, Some(&Head::default()), 10);
    assert_eq!(verdict.outcome, Outcome::Forward, "{}", text(&verdict.body));
    let ticket = verdict.ticket.clone().unwrap();
    (verdict, ticket)
}

fn call_modern(gate: &Gate, who: &str, name: &str, more: &str, now: i64) -> Verdict {
    let arguments = if name == "time__convert" {
        r#"{"time":"9:00","zone":"UTC"}"#
    } else {
        r#"{"a":1,"b":2}"#
    };
    modern_with(gate, who, name, arguments, more, now)
}

fn modern_with(
    gate: &Gate,
    who: &str,
    name: &str,
    arguments: &str,
    more: &str,
    now: i64,
) -> Verdict {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{},"roots":{}}}"#;
    let raw = format!(
        r#"{{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{{"name":"{name}","arguments":{arguments},{meta}{more}}}}}"#
    );
    gate.inspect(raw.as_bytes(), &Caller::new(who, true), None, now)
}

fn more(verdict: &Verdict) -> &More {
    verdict.more.as_deref().unwrap()
}

fn asks_for_input(ticket: &Ticket, rest: &str) -> String {
    let id = ticket.upstream_id();
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"input_required"{rest}}}}}"#)
}

#[test]
fn a_request_in_a_legacy_call_becomes_one_of_ours_if_the_client_can_answer_it() {
    let gate = gate();
    let (_, ticket) = call(&gate, &session(&gate, r#"{"elicitation":{}}"#), "every__echo");
    assert_eq!(ticket.declared().declare(), r#"{"elicitation":{}}"#);
    let raw = r#"{"id": "s-1","jsonrpc":"2.0","method":"elicitation/create","params":{"message":"Sure?"}}"#;
    let verdict = gate.review(raw.as_bytes(), &ticket);
    assert!(!verdict.last && verdict.body.is_empty());
    let [ask] = &more(&verdict).asks[..] else { panic!() };
    assert_eq!(text(&ask.server_id), r#""s-1""#);
    assert_eq!(text(&ask.body), raw.replace(r#""s-1""#, &ask.id.to_string()));
    for (method, answer) in [
        ("sampling/createMessage", json!(-32601)),
        ("roots/list", json!(-32601)),
        ("tools/call", json!(-32601)),
        ("ping", Value::Null),
    ] {
        let raw = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{{}}}}"#);
        let verdict = gate.review(raw.as_bytes(), &ticket);
        let more = more(&verdict);
        let back = json(&more.back);
        assert!(more.asks.is_empty(), "{method}");
        assert_eq!((&back["id"], &back["error"]["code"]), (&json!(7), &answer), "{method}");
    }
}

#[test]
fn an_answer_of_a_client_is_read_and_belongs_to_nobody_yet() {
    let gate = gate();
    let caller = session(&gate, "{}");
    let raw = br#"{"jsonrpc":"2.0","id":41,"result":{"action":"accept","content":{"n":1.50}}}"#;
    let verdict = gate.inspect(raw, &caller, Some(&Head::default()), 10);
    assert_eq!((verdict.outcome, verdict.status), (Outcome::Answer, 202));
    let [answer] = &more(&verdict).answers[..] else { panic!() };
    assert_eq!((text(&answer.key), answer.is_error), ("41".to_owned(), false));
    assert_eq!(text(&answer.value), r#"{"action":"accept","content":{"n":1.50}}"#);
}

#[test]
fn a_modern_server_that_wants_input_has_a_legacy_client_asked() {
    let gate = gate();
    let caller = session(&gate, r#"{"elicitation":{},"roots":{"listChanged":true}}"#);
    let (sent, ticket) = call(&gate, &caller, "time__convert");
    let meta = &json(&sent.body)["params"]["_meta"];
    let declared = &meta["io.modelcontextprotocol/clientCapabilities"];
    assert_eq!(declared, &json!({"elicitation":{},"roots":{}}));
    let wants = format!(
        r#","inputRequests":{{"ok":{ELICIT},"r":{{"method":"roots/list"}}}},"requestState":"st\u0061te""#
    );
    let verdict = gate.review(asks_for_input(&ticket, &wants).as_bytes(), &ticket);
    assert!(!verdict.last);
    let more = more(&verdict);
    assert!(more.again);
    assert_eq!(text(&more.state), r#""st\u0061te""#);
    let keys: Vec<_> = more.asks.iter().map(|ask| text(&ask.key)).collect();
    assert_eq!(keys, [r#""ok""#, r#""r""#]);
    let asked = json(&more.asks[0].body);
    assert_eq!(
        (&asked["id"], &asked["method"]),
        (&json!(more.asks[0].id), &json!("elicitation/create"))
    );
    assert_eq!(json(&more.asks[1].body)["params"], json!({}));

    let before = ticket.upstream_id();
    let again = gate.retry(&sent.body, &ticket, br#""ok":{"action":"accept"}"#, &more.state);
    assert_ne!(ticket.upstream_id(), before);
    let again = json(&again);
    assert_eq!(again["id"], ticket.upstream_id());
    assert_eq!(again["params"]["inputResponses"], json!({"ok":{"action":"accept"}}));
    assert_eq!(again["params"]["requestState"], "state");
    assert_eq!(again["params"]["arguments"], json(&sent.body)["params"]["arguments"]);
}

#[test]
fn a_server_is_held_to_what_the_client_can_do() {
    let gate = gate();
    let (_, ticket) = call(&gate, &session(&gate, "{}"), "time__convert");
    for (rest, reason) in [
        (format!(r#","inputRequests":{{"ok":{ELICIT}}}"#), Reason::Capability),
        (r#","inputRequests":{"ok":{"method":"tools/call"}}"#.to_owned(), Reason::Unreadable),
        (r#","inputRequests":[]"#.to_owned(), Reason::Unreadable),
        (r#","requestState":5"#.to_owned(), Reason::Unreadable),
    ] {
        let verdict = gate.review(asks_for_input(&ticket, &rest).as_bytes(), &ticket);
        assert_eq!((verdict.last, verdict.reason), (true, Some(reason)), "{rest}");
    }
}

/// What a modern client gets of a modern server that wants input.
fn sealed(gate: &Gate, rest: &str) -> String {
    let verdict = call_modern(gate, "ann", "time__convert", "", 10);
    let ticket = verdict.ticket.unwrap();
    let told = gate.review(asks_for_input(&ticket, rest).as_bytes(), &ticket);
    let told = json(&told.body);
    assert_eq!(
        (&told["id"], &told["result"]["resultType"]),
        (&json!("c"), &json!("input_required"))
    );
    told["result"]["requestState"].as_str().unwrap().to_owned()
}

#[test]
fn a_state_comes_back_byte_for_byte_to_the_same_request_only() {
    let gate = gate();
    let state =
        sealed(&gate, &format!(r#","inputRequests":{{"ok":{ELICIT}}},"requestState":"\u0041/b""#));
    let with = |state: &str| {
        format!(r#","inputResponses":{{"ok":{{"action":"accept"}}}},"requestState":"{state}""#)
    };
    for _ in 0..2 {
        let verdict = call_modern(&gate, "ann", "time__convert", &with(&state), 20);
        assert_eq!(verdict.outcome, Outcome::Forward, "{}", text(&verdict.body));
        let sent = text(&verdict.body);
        assert!(sent.contains(r#""requestState":"\u0041/b""#), "{sent}");
        assert_eq!(json(&verdict.body)["params"]["inputResponses"]["ok"]["action"], "accept");
    }
    let reordered = r#"{"zone":"UTC","time":"9:00"}"#;
    let verdict = modern_with(&gate, "ann", "time__convert", reordered, &with(&state), 20);
    assert_eq!(verdict.outcome, Outcome::Forward);
    let mut forged = state.clone().into_bytes();
    forged[40] = if forged[40] == b'A' { b'B' } else { b'A' };
    let other = r#"{"time":"9:01","zone":"UTC"}"#;
    for refused in [
        call_modern(&gate, "bob", "time__convert", &with(&state), 20),
        call_modern(&gate, "ann", "every__echo", &with(&state), 20),
        call_modern(&gate, "ann", "time__convert", &with(&text(&forged)), 20),
        call_modern(&gate, "ann", "time__convert", &with("x"), 20),
        call_modern(&gate, "ann", "time__convert", &with(&state), 2 * HOUR),
        modern_with(&gate, "ann", "time__convert", other, &with(&state), 20),
    ] {
        assert_eq!((refused.reason, code(&refused)), (Some(Reason::Params), -32602));
    }
}

#[test]
fn a_server_that_gave_no_state_gets_none() {
    let gate = gate();
    let state = sealed(&gate, &format!(r#","inputRequests":{{"ok":{ELICIT}}}"#));
    let with = format!(r#","inputResponses":{{}},"requestState":"{state}""#);
    let verdict = call_modern(&gate, "ann", "time__convert", &with, 20);
    let params = &json(&verdict.body)["params"];
    assert_eq!((params.get("requestState"), &params["inputResponses"]), (None, &json!({})));
}

#[test]
fn a_legacy_call_of_a_modern_client_is_parked_and_goes_on_under_the_same_id() {
    let gate = gate();
    let verdict = call_modern(&gate, "ann", "every__echo", "", 10);
    let ticket = verdict.ticket.unwrap();
    assert_eq!(ticket.declared().declare(), r#"{"roots":{},"elicitation":{}}"#);
    let raw =
        r#"{"jsonrpc":"2.0","id":0,"method":"elicitation/create","params":{"message":"Sure?"}}"#;
    let reviewed = gate.review(raw.as_bytes(), &ticket);
    let [ask] = &more(&reviewed).asks[..] else { panic!() };
    assert_eq!(text(&ask.body), r#"{"method":"elicitation/create","params":{"message":"Sure?"}}"#);
    let members = [&ask.key[..], b":", &ask.body].concat();
    let parked = gate.park(&ticket, &members);
    let told = &json(&parked.body)["result"];
    assert_eq!(told["resultType"], "input_required");
    assert_eq!(told["inputRequests"][ask.id.to_string()]["method"], "elicitation/create");
    let state = told["requestState"].as_str().unwrap();
    let answer = format!(
        r#","inputResponses":{{"{}":{{"action":"decline"}}}},"requestState":"{state}""#,
        ask.id
    );
    let resumed = call_modern(&gate, "ann", "every__echo", &answer, 20);
    assert_eq!((resumed.outcome, resumed.body.len()), (Outcome::Forward, 0));
    assert_eq!(more(&resumed).handle, more(&parked).handle);
    assert_ne!(more(&gate.park(&ticket, &members)).handle, more(&parked).handle);
    assert_eq!(resumed.ticket.as_ref().unwrap().upstream_id(), ticket.upstream_id());
    let [answer_read] = &more(&resumed).answers[..] else { panic!() };
    assert_eq!(answer_read.key, ask.key);
    assert_eq!(text(&answer_read.value), r#"{"action":"decline"}"#);
    let bob = call_modern(&gate, "bob", "every__echo", &answer, 20);
    assert_eq!(bob.reason, Some(Reason::Params));
    let plain = call_modern(&gate, "ann", "every__echo", r#","inputResponses":{"x":1}"#, 20);
    assert_eq!(json(&plain.body)["params"].get("inputResponses"), None);
}

#[test]
fn log_messages_reach_who_asked_from_the_severity_on_that_was_asked_for() {
    let gate = gate();
    let caller = session(&gate, "{}");
    let heard = |ticket: &Arc<Ticket>, level: &str| {
        let raw = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"{level}","data":1}}}}"#
        );
        !gate.review(raw.as_bytes(), ticket).body.is_empty()
    };
    let (_, ticket) = call(&gate, &caller, "every__echo");
    assert!(heard(&ticket, "debug"));
    let ask = |level: &str| {
        let raw = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{{"level":{level}}}}}"#
        );
        gate.inspect(raw.as_bytes(), &caller, Some(&Head::default()), 10)
    };
    assert_eq!(ask("\"warning\"").outcome, Outcome::Answer);
    assert_eq!(ask("\"loud\"").reason, Some(Reason::Params));
    let (_, ticket) = call(&gate, &caller, "every__echo");
    assert_eq!(
        (heard(&ticket, "info"), heard(&ticket, "warning"), heard(&ticket, "alert")),
        (false, true, true)
    );
    let (sent, _) = call(&gate, &caller, "time__convert");
    let meta = &json(&sent.body)["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/logLevel"], "warning");
    let silent = call_modern(&gate, "ann", "every__echo", "", 10).ticket.unwrap();
    assert!(!heard(&silent, "emergency"));
}

#[test]
fn a_missing_capability_is_told_to_modern_clients_in_their_own_words() {
    let gate = gate();
    let error = |ticket: &Ticket| {
        let id = ticket.upstream_id();
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32021,"message":"m","data":{{"requiredCapabilities":{{"sampling":{{}}}}}}}}}}"#
        )
    };
    let ticket = call_modern(&gate, "ann", "time__convert", "", 10).ticket.unwrap();
    let told = gate.review(error(&ticket).as_bytes(), &ticket);
    assert_eq!((told.status, code(&told)), (400, -32021));
    let (_, ticket) = call(&gate, &session(&gate, "{}"), "time__convert");
    assert_eq!(code(&gate.review(error(&ticket).as_bytes(), &ticket)), -31008);
}
