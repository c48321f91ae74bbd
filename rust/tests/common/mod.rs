//! A gate over the golden snapshot, and short ways to ask it.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::sync::Arc;

use _core::caller::Caller;
use _core::gate::Gate;
use _core::mirror::Head;
use _core::verdict::{Outcome, Verdict};
use serde_json::Value;

pub const GOLDEN: &[u8] = include_bytes!("../../../tests/golden/snapshot.json");
pub const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

pub fn gate() -> Gate {
    let gate = Gate::new(&[1; 32], None, &[2; 32], "test");
    gate.align(1_795_374_245_000_000_000, 0);
    gate.swap(GOLDEN).unwrap();
    gate
}

pub fn modern() -> Caller {
    Caller::new("ann", true)
}

pub fn legacy(gate: &Gate) -> Arc<Caller> {
    let fresh = Caller::new("ann", false);
    let raw = br#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    let verdict = gate.inspect(raw, &fresh, Some(&Head::default()), 1);
    assert_eq!(verdict.outcome, Outcome::Answer);
    gate.find_caller(&verdict.session, "ann", 2).unwrap()
}

pub fn head(method: &str, name: Option<&str>) -> Head {
    Head {
        version: Some("2026-07-28".into()),
        method: Some(method.into()),
        name: name.map(Into::into),
        params: None,
        duplicate: false,
    }
}

pub fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

pub fn code(verdict: &Verdict) -> i64 {
    json(&verdict.body)["error"]["code"].as_i64().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
