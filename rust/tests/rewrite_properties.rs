//! Whatever a message holds: after the gate's edits only id, name and `_meta` differ, and the way
//! back puts the client's own id and token in their place.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails should say so at once"
)]

mod common;

use _core::mirror::Head;
use _core::verdict::Outcome;
use common::{gate, json, legacy};
use proptest::prelude::*;
use serde_json::{Map, Value};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "\\PC{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            object(inner).prop_map(Value::Object),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("[a-z]{1,5}|_meta|id|name|method", inner, 0..6)
        .prop_map(|map| map.into_iter().collect())
}

fn id() -> impl Strategy<Value = Value> {
    prop_oneof![any::<i64>().prop_map(Value::from), "\\PC{0,20}".prop_map(Value::from)]
}

/// A `tools/call` with its members in some order, and what is in it.
#[derive(Debug, Clone)]
struct Call {
    id: Value,
    arguments: Map<String, Value>,
    meta: Option<Map<String, Value>>,
    token: Option<Value>,
    reversed: bool,
    pretty: bool,
    modern_server: bool,
}

fn call() -> impl Strategy<Value = Call> {
    let meta = prop::option::of(object(value()));
    let token = prop::option::of(id());
    (id(), object(value()), meta, token, any::<[bool; 3]>()).prop_map(
        |(id, arguments, meta, token, [reversed, pretty, modern_server])| Call {
            id,
            arguments,
            meta,
            token,
            reversed,
            pretty,
            modern_server,
        },
    )
}

impl Call {
    fn name(&self) -> &'static str {
        if self.modern_server { "time__convert" } else { "every__echo" }
    }

    fn meta(&self) -> Option<Map<String, Value>> {
        let mut meta = self.meta.clone();
        if let Some(token) = &self.token {
            meta.get_or_insert_default().insert("progressToken".into(), token.clone());
        }
        meta
    }

    fn text(&self) -> String {
        let write = |value: &Value| {
            let text = if self.pretty {
                serde_json::to_string_pretty(value)
            } else {
                serde_json::to_string(value)
            };
            text.unwrap()
        };
        let join = |mut members: Vec<String>| {
            if self.reversed {
                members.reverse();
            }
            format!("{{{}}}", members.join(if self.pretty { " ,\n" } else { "," }))
        };
        let mut params = vec![
            format!("\"name\":\"{}\"", self.name()),
            format!("\"arguments\":{}", write(&self.arguments.clone().into())),
        ];
        params.extend(self.meta().map(|meta| format!("\"_meta\" : {}", write(&meta.into()))));
        join(vec![
            "\"jsonrpc\":\"2.0\"".into(),
            format!("\"id\":{}", write(&self.id)),
            "\"method\":\"tools/call\"".into(),
            format!("\"params\":{}", join(params)),
        ])
    }
}

/// A gate that judges no arguments.
fn lenient() -> _core::gate::Gate {
    let gate = gate();
    let document =
        ["strict", "schema"].into_iter().fold(common::text(common::GOLDEN), |text, mode| {
            text.replace(&format!(r#""arguments":"{mode}""#), r#""arguments":"off""#)
        });
    gate.swap(document.as_bytes()).unwrap();
    gate
}

proptest! {
    #[test]
    fn only_what_must_change_changes(call in call()) {
        let gate = lenient();
        let raw = call.text();
        let verdict = gate.inspect(raw.as_bytes(), &legacy(&gate), Some(&Head::default()), 5);
        if serde_json::to_string(&call.id).unwrap().len() > 256 {
            prop_assert_eq!(verdict.outcome, Outcome::Refuse);
            return Ok(());
        }
        prop_assert_eq!(verdict.outcome, Outcome::Forward, "{}", raw);
        let ticket = verdict.ticket.unwrap();

        let mut expected = json(raw.as_bytes());
        expected["id"] = ticket.upstream_id().into();
        expected["params"]["name"] = call.name().split("__").nth(1).unwrap().into();
        let mut sent = json(&verdict.body);
        if call.modern_server {
            let meta = sent["params"]["_meta"].as_object_mut().unwrap();
            prop_assert!(meta.remove("io.modelcontextprotocol/protocolVersion").is_some());
            prop_assert!(meta.remove("io.modelcontextprotocol/clientCapabilities").is_some());
            prop_assert!(meta.remove("io.modelcontextprotocol/clientInfo").is_some());
            if call.meta().is_none() {
                prop_assert!(meta.is_empty());
                sent["params"].as_object_mut().unwrap().remove("_meta");
            }
        }
        if call.token.is_some() {
            expected["params"]["_meta"]["progressToken"] = ticket.upstream_id().into();
        }
        prop_assert_eq!(&sent, &expected);

        let text = serde_json::to_string(&call.arguments).unwrap();
        if !call.pretty {
            prop_assert!(String::from_utf8(verdict.body).unwrap().contains(&text), "arguments were rewritten");
        }
    }

    #[test]
    fn the_way_back_restores_id_and_token(call in call(), result in object(value())) {
        let gate = gate();
        let verdict = gate.inspect(call.text().as_bytes(), &legacy(&gate), Some(&Head::default()), 5);
        let Some(ticket) = verdict.ticket else { return Ok(()) };
        let mut reply = serde_json::json!({"jsonrpc": "2.0", "id": ticket.upstream_id(), "result": result});
        let reviewed = gate.review(reply.to_string().as_bytes(), &ticket);
        prop_assert!(reviewed.last);
        reply["id"] = call.id.clone();
        prop_assert_eq!(json(&reviewed.body), reply);
        let note = serde_json::json!({"jsonrpc": "2.0", "method": "notifications/progress",
            "params": {"progressToken": ticket.upstream_id(), "progress": 1}});
        let passed = gate.review(note.to_string().as_bytes(), &ticket);
        match &call.token {
            Some(token) => prop_assert_eq!(&json(&passed.body)["params"]["progressToken"], token),
            None => prop_assert!(passed.body.is_empty()),
        }
    }

    #[test]
    fn no_bytes_make_the_gate_panic(raw in prop::collection::vec(any::<u8>(), 0..64), text in "\\PC{0,64}") {
        let gate = gate();
        let caller = legacy(&gate);
        for bytes in [raw.as_slice(), text.as_bytes()] {
            let verdict = gate.inspect(bytes, &caller, None, 5);
            prop_assert!(verdict.outcome == Outcome::Refuse && !verdict.body.is_empty());
            let _ = gate.address(bytes);
        }
    }
}
