//! The path of a message through the gate: forward, review, close, in both eras.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails should say so at once"
)]

mod common;

use _core::gate::Gate;
use _core::mirror::Head;
use _core::verdict::{LISTEN, Outcome, Reason, Verdict};
use common::{META, code, gate, head, json, legacy, modern, text};

fn ask(gate: &Gate, raw: &str) -> Verdict {
    gate.inspect(raw.as_bytes(), &legacy(gate), Some(&Head::default()), 10)
}

fn ask_modern(gate: &Gate, raw: &str, head: &Head) -> Verdict {
    gate.inspect(raw.as_bytes(), &modern(), Some(head), 10)
}

#[test]
fn a_call_keeps_every_byte_that_need_not_change() {
    let gate = gate();
    let raw = r#"{ "params" : {"arguments":{"b":12345678901234567890123, "a":"\u0062"} ,"name":"every__echo","x":[1.50]}, "id":"seven","jsonrpc":"2.0","method":"tools/call", "extra":null}"#;
    let verdict = ask(&gate, raw);
    assert_eq!(verdict.outcome, Outcome::Forward, "{}", text(&verdict.body));
    let ticket = verdict.ticket.unwrap();
    let expected =
        raw.replace("\"seven\"", &ticket.upstream_id().to_string()).replace("every__echo", "echo");
    assert_eq!(text(&verdict.body), expected);
    assert!(verdict.head.is_empty());
    let reply = format!(
        r#"{{"result":{{"content":[],"big":98765432109876543210}},"id":{},"jsonrpc":"2.0"}}"#,
        ticket.upstream_id()
    );
    let reviewed = gate.review(reply.as_bytes(), &ticket);
    assert!(reviewed.last);
    assert_eq!(
        text(&reviewed.body),
        reply.replace(&format!("\"id\":{}", ticket.upstream_id()), "\"id\":\"seven\"")
    );
}

#[test]
fn a_modern_server_gets_our_stamp_and_a_legacy_one_none() {
    let gate = gate();
    let verdict = ask(
        &gate,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"time__convert","arguments":{"time":"9:00","zone":"UTC"}}}"#,
    );
    let sent = json(&verdict.body);
    assert_eq!(sent["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(sent["params"]["_meta"]["io.modelcontextprotocol/clientInfo"]["name"], "mcpgate");
    let raw = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"every__echo",{META}}}}}"#
    );
    let verdict = ask_modern(&gate, &raw, &head("tools/call", Some("every__echo")));
    assert_eq!(verdict.outcome, Outcome::Forward, "{}", text(&verdict.body));
    assert_eq!(json(&verdict.body)["params"]["_meta"], json(b"{}"));
}

#[test]
fn progress_tokens_are_ours_on_the_link_and_theirs_for_the_client() {
    let gate = gate();
    let verdict = ask(
        &gate,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"every__echo","_meta":{"progressToken":"tok","trace":{"a":1}}}}"#,
    );
    let ticket = verdict.ticket.unwrap();
    let sent = json(&verdict.body);
    assert_eq!(sent["params"]["_meta"]["progressToken"], ticket.upstream_id());
    assert_eq!(sent["params"]["_meta"]["trace"]["a"], 1);
    let note = |token: i64| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":0.5}}}}"#
        )
    };
    let passed = gate.review(note(ticket.upstream_id()).as_bytes(), &ticket);
    assert!(!passed.last);
    assert_eq!(json(&passed.body)["params"]["progressToken"], "tok");
    let foreign = gate.review(note(ticket.upstream_id() + 1).as_bytes(), &ticket);
    assert!(foreign.body.is_empty() && !foreign.last);
}

#[test]
fn results_are_fitted_to_the_clients_era() {
    let gate = gate();
    let raw = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"every__echo",{META}}}}}"#
    );
    let ticket = ask_modern(&gate, &raw, &head("tools/call", Some("every__echo"))).ticket.unwrap();
    let reply = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, ticket.upstream_id());
    assert_eq!(
        text(&gate.review(reply.as_bytes(), &ticket).body),
        r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete"}}"#
    );

    let ticket = ask(
        &gate,
        r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"time://utc/now"}}"#,
    )
    .ticket
    .unwrap();
    let cases = [
        (
            r#"{"resultType":"complete","contents":[],"ttlMs":5, "cacheScope":"public"}"#,
            r#"{"contents":[]}"#,
        ),
        (r#"{"resultType":"complete","ttlMs":5}"#, "{}"),
        (r#"{"a":1,"ttlMs":5,"b":2}"#, r#"{"a":1,"b":2}"#),
        (r#"{"ttlMs":5,"cacheScope":"x","b":2}"#, r#"{"b":2}"#),
    ];
    for (theirs, ours) in cases {
        let reply =
            format!(r#"{{"jsonrpc":"2.0","id":{},"result":{theirs}}}"#, ticket.upstream_id());
        let body = text(&gate.review(reply.as_bytes(), &ticket).body);
        assert_eq!(body, format!(r#"{{"jsonrpc":"2.0","id":1,"result":{ours}}}"#));
    }
}

#[test]
fn broken_replies_are_the_servers_fault() {
    let gate = gate();
    let ticket = ask(
        &gate,
        r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"every__echo"}}"#,
    )
    .ticket
    .unwrap();
    let id = ticket.upstream_id();
    let replies = [
        "rubbish".to_owned(),
        r#"{"jsonrpc":"2.0","id":999999,"result":{}}"#.to_owned(),
        format!(r#"{{"jsonrpc":"2.0","id":"{id}","result":{{}}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":[]}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"a":1,"a":2}}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":"x","message":"m"}}}}"#),
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{}},"error":{{"code":1,"message":"m"}}}}"#
        ),
    ];
    for reply in replies {
        let verdict = gate.review(reply.as_bytes(), &ticket);
        assert_eq!(
            (verdict.outcome, verdict.reason),
            (Outcome::Refuse, Some(Reason::Unreadable)),
            "{reply}"
        );
        let body = json(&verdict.body);
        assert_eq!((&body["id"], &body["error"]["code"]), (&5.into(), &(-31005).into()));
        assert_eq!(body["error"]["data"]["reason"], "unreadable");
    }
}

#[test]
fn errors_of_the_server_reach_the_client_with_their_data() {
    let gate = gate();
    let ticket = ask(
        &gate,
        r#"{"jsonrpc":"2.0","id":5,"method":"resources/read","params":{"uri":"time://utc/now"}}"#,
    )
    .ticket
    .unwrap();
    let reply = format!(
        r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-32602,"message":"no","data":{{"k":1.0}}}}}}"#,
        ticket.upstream_id()
    );
    let verdict = gate.review(reply.as_bytes(), &ticket);
    assert_eq!(
        text(&verdict.body),
        r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32002,"message":"no","data":{"k":1.0}}}"#
    );
    assert_eq!(verdict.status, 200);
}

#[test]
fn an_exchange_ends_once_and_is_recorded_twice() {
    let gate = gate();
    let _ = gate.drain();
    let verdict = ask(
        &gate,
        r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"every__echo","arguments":{"secret":"s3cr3t"}}}"#,
    );
    let ticket = verdict.ticket.unwrap();
    assert!(gate.close(&ticket, Outcome::Done, 2_000_010));
    assert!(!gate.close(&ticket, Outcome::Failed, 3_000_000));
    let lines = text(&gate.drain());
    assert!(!lines.contains("s3cr3t"));
    let events: Vec<_> = lines.lines().map(|line| json(line.as_bytes())).collect();
    let [_, ruling, end] = events.as_slice() else { panic!("{lines}") };
    assert_eq!((&ruling["kind"], &end["kind"]), (&"verdict".into(), &"end".into()));
    assert_eq!(ruling["event"], end["event"]);
    assert_eq!(
        (&ruling["outcome"], &ruling["server"], &ruling["entry"]),
        (&"forward".into(), &"every".into(), &"echo".into())
    );
    assert_eq!(ruling["arguments_sha256"].as_str().unwrap().len(), 64);
    assert_eq!((&end["outcome"], &end["duration_us"]), (&"done".into(), &2000.into()));
}

#[test]
fn a_failed_link_becomes_an_error_with_the_clients_id() {
    let gate = gate();
    let ticket = ask(
        &gate,
        r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"every__echo"}}"#,
    )
    .ticket
    .unwrap();
    for (reason, number, retryable) in [
        (Reason::Unavailable, -31005, true),
        (Reason::Lost, -31005, false),
        (Reason::Deadline, -31006, false),
    ] {
        let verdict = gate.fail(&ticket, reason);
        let body = json(&verdict.body);
        assert_eq!((body["id"].as_str(), code(&verdict), verdict.status), (Some("x"), number, 200));
        assert_eq!(body["error"]["data"]["retryable"], retryable);
        assert_eq!(body["error"]["data"]["eventId"], ticket.event.as_str());
    }
}

#[test]
fn unknown_entries_have_the_protocols_own_answer() {
    let gate = gate();
    let cases = [
        ("tools/call", r#""name":"echo""#, -32602),
        ("tools/call", r#""name":"every__Echo""#, -32602),
        ("prompts/get", r#""name":"time__nope""#, -32602),
        ("resources/read", r#""uri":"test://nope""#, -32002),
    ];
    for (method, params, expected) in cases {
        let verdict = ask(
            &gate,
            &format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}}}}}"#),
        );
        assert_eq!(
            (verdict.outcome, code(&verdict), verdict.status),
            (Outcome::Refuse, expected, 200)
        );
    }
    let raw = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{{"uri":"test://nope",{META}}}}}"#
    );
    let verdict = ask_modern(&gate, &raw, &head("resources/read", Some("test://nope")));
    assert_eq!((code(&verdict), verdict.status), (-32602, 400));
}

#[test]
fn a_shared_uri_belongs_to_its_owner_and_the_other_is_named_apart() {
    let gate = gate();
    let read = |uri: &str| {
        ask(
            &gate,
            &format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{{"uri":"{uri}"}}}}"#
            ),
        )
    };
    assert_eq!(&*read("test://shared").ticket.unwrap().server.name, "time");
    let verdict = read("every+test://shared");
    let ticket = verdict.ticket.unwrap();
    assert_eq!(&*ticket.server.name, "every");
    assert_eq!(json(&verdict.body)["params"]["uri"], "test://shared");
    let reply = format!(
        r#"{{"jsonrpc":"2.0","id":{},"result":{{"contents":[{{"uri":"test://shared","text":""}}]}}}}"#,
        ticket.upstream_id()
    );
    let body = json(&gate.review(reply.as_bytes(), &ticket).body);
    assert_eq!(body["result"]["contents"][0]["uri"], "every+test://shared");
}

#[test]
fn mirrored_headers_are_made_anew_for_a_modern_http_server() {
    let document =
        text(common::GOLDEN).replacen("\"transport\":\"stdio\"", "\"transport\":\"http\"", 1);
    let gate = gate();
    gate.swap(document.as_bytes()).unwrap();
    let verdict = ask(
        &gate,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"time__convert","arguments":{"time":"9:00","zone":"Zürich"}}}"#,
    );
    assert_eq!(
        text(&verdict.head),
        "mcp-method: tools/call\r\nmcp-name: convert\r\nmcp-param-zone: =?base64?WsO8cmljaA==?=\r\n"
    );
}

#[test]
fn a_modern_request_is_held_to_its_headers_in_order() {
    let gate = gate();
    let raw = format!(
        r#"{{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{{"name":"time__convert","arguments":{{"time":"9:00","zone":"UTC"}},{META}}}}}"#
    );
    let good =
        || Head { params: Some("zone: UTC".into()), ..head("tools/call", Some("time__convert")) };
    assert_eq!(ask_modern(&gate, &raw, &good()).outcome, Outcome::Forward);
    let encoded = Head { params: Some("zone: =?base64?VVRD?=".into()), ..good() };
    assert_eq!(ask_modern(&gate, &raw, &encoded).outcome, Outcome::Forward);
    let bad = [
        Head { duplicate: true, ..good() },
        Head { version: Some("2025-11-25".into()), ..good() },
        Head { method: Some("tools/list".into()), ..good() },
        Head { method: None, ..good() },
        Head { name: Some("time__other".into()), ..good() },
        Head { name: None, ..good() },
        Head { name: Some("=?base64?%%%?=".into()), ..good() },
        Head { params: None, ..good() },
        Head { params: Some("zone: CET".into()), ..good() },
    ];
    for head in bad {
        let verdict = ask_modern(&gate, &raw, &head);
        assert_eq!((code(&verdict), verdict.status), (-32020, 400), "{head:?}");
        assert_eq!(json(&verdict.body)["id"], 9);
    }
}

#[test]
fn revisions_and_removed_methods_have_their_codes() {
    let gate = gate();
    let with = |method: &str, meta: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":9,"method":"{method}","params":{{{meta}}}}}"#)
    };
    let odd = META.replace("2026-07-28", "2099-01-01");
    let future = Head { version: Some("2099-01-01".into()), ..head("tools/list", None) };
    let verdict = ask_modern(&gate, &with("tools/list", &odd), &future);
    assert_eq!((code(&verdict), verdict.status), (-32022, 400));
    assert_eq!(json(&verdict.body)["error"]["data"]["supported"][0], "2026-07-28");
    assert_eq!(json(&verdict.body)["error"]["data"]["requested"], "2099-01-01");
    for method in ["ping", "initialize", "logging/setLevel", "resources/subscribe", "no/such"] {
        let verdict = ask_modern(&gate, &with(method, META), &head(method, None));
        assert_eq!((code(&verdict), verdict.status), (-32601, 404), "{method}");
    }
    let verdict = ask_modern(&gate, &with("tools/list", ""), &head("tools/list", None));
    assert_eq!((code(&verdict), verdict.status), (-32602, 400));
    let verdict = gate.inspect(
        with("tools/list", META).as_bytes(),
        &_core::caller::Caller::new("ann", false),
        Some(&Head::default()),
        1,
    );
    assert_eq!((code(&verdict), verdict.status), (-32020, 400));
    let verdict = ask(&gate, &with("no/such", ""));
    assert_eq!((code(&verdict), verdict.status), (-32601, 200));
}

#[test]
fn lists_are_whole_stable_and_the_cursor_is_sealed() {
    let gate = gate();
    let verdict = ask(&gate, r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    assert_eq!(
        text(&verdict.body),
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"time__convert","description":"Convert a time","inputSchema":{"type":"object","properties":{"time":{"type":"string"},"zone":{"type":"string","x-mcp-header":"Zone"}},"required":["time"]}},{"inputSchema":{"type":"object"},"name":"every__echo","x-unknown":12345678901234567890}]}}"#
    );
    let document = text(common::GOLDEN).replace("\"page_entries\":2000", "\"page_entries\":1");
    gate.swap(document.as_bytes()).unwrap();
    let first = json(&ask(&gate, r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).body);
    let cursor = first["result"]["nextCursor"].as_str().unwrap().to_owned();
    let page = |method: &str, cursor: &str| {
        ask(
            &gate,
            &format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"cursor":"{cursor}"}}}}"#
            ),
        )
    };
    let second = json(&page("tools/list", &cursor).body);
    assert_eq!(second["result"]["tools"][0]["name"], "every__echo");
    assert!(second["result"].get("nextCursor").is_none());
    assert_eq!(code(&page("prompts/list", &cursor)), -32602);
    assert_eq!(code(&page("tools/list", "")), -32602);
    assert_eq!(code(&page("tools/list", "nonsense")), -32602);
}

#[test]
fn the_handshake_opens_a_session_of_a_revision_we_speak() {
    let gate = gate();
    let fresh = _core::caller::Caller::new("ann", false);
    for (asked, given) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let raw = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"{asked}","capabilities":{{}},"clientInfo":{{"name":"c","version":"1"}}}}}}"#
        );
        let verdict = gate.inspect(raw.as_bytes(), &fresh, Some(&Head::default()), 1);
        let body = json(&verdict.body);
        assert_eq!(body["result"]["protocolVersion"], given);
        assert_eq!(body["result"]["capabilities"]["tools"]["listChanged"], true);
        let caller = gate.find_caller(&verdict.session, "ann", 2).unwrap();
        assert_eq!(caller.revision.unwrap().name(), given);
        assert!(gate.find_caller(&verdict.session, "eve", 2).is_none());
    }
    let verdict = gate.inspect(
        br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
        &fresh,
        Some(&Head::default()),
        1,
    );
    assert_eq!((code(&verdict), verdict.status), (-32600, 400));
}

#[test]
fn listen_is_acknowledged_with_what_is_honoured() {
    let gate = gate();
    let raw = format!(
        r#"{{"jsonrpc":"2.0","id":"L","method":"subscriptions/listen","params":{{"notifications":{{"toolsListChanged":true,"promptsListChanged":false,"resourceSubscriptions":["a:b"]}},{META}}}}}"#
    );
    let verdict = ask_modern(&gate, &raw, &head("subscriptions/listen", None));
    assert_eq!(verdict.streams, LISTEN | 1);
    assert_eq!(verdict.subscription, b"\"L\"");
    let body = json(&verdict.body);
    assert_eq!(body["params"]["notifications"], json(br#"{"toolsListChanged":true}"#));
    assert_eq!(body["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "L");
}

#[test]
fn messages_that_are_none_get_the_protocols_codes() {
    let gate = gate();
    let cases = [
        ("", -32700, 400),
        ("{", -32700, 400),
        ("[]", -32600, 400),
        ("3", -32600, 400),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600, 400),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600, 400),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600, 400),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600, 400),
        (r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#, -32600, 400),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, -32600, 400),
        (r#"{"jsonrpc":"2.0","id":1,"m\u0065thod":"ping"}"#, -32600, 400),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"n\u0061me":"x"}}"#,
            -32600,
            400,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"time__convert","name":"every__echo"}}"#,
            -32700,
            400,
        ),
    ];
    for (raw, expected, status) in cases {
        let verdict = ask(&gate, raw);
        assert_eq!((code(&verdict), verdict.status), (expected, status), "{raw}");
    }
    let accepted = ask(&gate, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    assert_eq!((accepted.status, accepted.body.len()), (202, 0));
    let cancel = ask(
        &gate,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"7"}}"#,
    );
    assert_eq!(cancel.cancels, b"\"7\"");
}

#[test]
fn a_progress_token_that_is_none_asks_for_nothing() {
    let raw = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"every__echo","_meta":{"progressToken":null,"a":1}}}"#;
    let sent = json(&ask(&gate(), raw).body);
    assert_eq!(sent["params"]["_meta"], serde_json::json!({"a": 1}));
}

#[test]
fn a_log_message_is_no_progress() {
    let gate = gate();
    let raw = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"every__echo"}}"#;
    let ticket = ask(&gate, raw).ticket.unwrap();
    let said = br#"{"jsonrpc":"2.0","method":"notifications/message","params":{"data":1}}"#;
    assert!(!gate.review(said, &ticket).body.is_empty());
    gate.drain();
    assert!(gate.close(&ticket, Outcome::Done, 20));
    let end = json(&gate.drain());
    assert_eq!((&end["messages"], &end["progress"]), (&1.into(), &0.into()));
}

#[test]
fn a_broken_document_leaves_the_old_snapshot() {
    let gate = gate();
    let error = gate.swap(br#"{"format":1}"#).unwrap_err();
    assert!(!error.problems.is_empty());
    assert_eq!(
        ask(
            &gate,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"every__echo"}}"#
        )
        .outcome,
        Outcome::Forward
    );
}
