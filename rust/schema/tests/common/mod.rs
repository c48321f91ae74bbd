//! Schemas and arguments that tests and the bench share.
#![allow(dead_code, reason = "each test uses some of it")]
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::missing_errors_doc,
    reason = "a test that fails should say so at once"
)]

use std::fmt::Write;

use mcpgate_json::Tape;
use mcpgate_schema::{Judge, Misfit, SchemaFault};

/// Compile a schema written as text.
pub fn compile(schema: &str) -> Result<Judge, SchemaFault> {
    let mut tape = Tape::default();
    let doc = tape.scan(schema.as_bytes(), 1000).expect("a test's schema is JSON");
    Judge::compile(&doc, doc.root(), false)
}

/// Judge a value written as text.
pub fn check(judge: &Judge, value: &str) -> Result<(), Misfit> {
    let mut tape = Tape::default();
    let doc = tape.scan(value.as_bytes(), 1000).expect("a test's value is JSON");
    judge.check(&doc, Some(doc.root()))
}

/// Whether a value fits a schema.
pub fn fits(schema: &str, value: &str) -> bool {
    check(&compile(schema).expect(schema), value) == Ok(())
}

/// The rule a schema breaks.
pub fn fault(schema: &str) -> &'static str {
    compile(schema).map_or_else(|fault| fault.rule, |_| "none")
}

/// Three properties.
pub const SMALL: &str = r#"{"type":"object","properties":{"id":{"type":"integer","minimum":0},
    "name":{"type":"string","maxLength":64},"dry":{"type":"boolean"}},"required":["id","name"],
    "additionalProperties":false}"#;
/// Arguments for them.
pub const SMALL_VALUE: &str = r#"{"id":1042,"name":"quarterly","dry":false}"#;

/// Ten properties, with a pattern, an enum and an object inside.
pub const TEN: &str = r#"{"type":"object","properties":{"id":{"type":"integer","minimum":0},
    "path":{"type":"string","pattern":"^[a-z0-9/_.-]+$","maxLength":200},
    "mode":{"enum":["read","write","append"]},"limit":{"type":"integer","minimum":1,"maximum":1000},
    "ratio":{"type":"number","minimum":0,"maximum":1},"deep":{"type":"boolean"},
    "tags":{"type":"array","items":{"type":"string"},"maxItems":10},
    "owner":{"type":"object","properties":{"name":{"type":"string"},"team":{"type":"string"}},
        "required":["name"]},
    "note":{"type":"string","maxLength":100},"page":{"type":["integer","null"]}},
    "required":["id","path","mode"],"additionalProperties":false}"#;
/// Arguments for them, about 200 bytes.
pub const TEN_VALUE: &str = r#"{"id":1042,"path":"reports/2026/q3.csv","mode":"read","limit":100,
    "ratio":0.25,"deep":true,"tags":["a","bc"],"owner":{"name":"kim","team":"data"},
    "note":"nightly run","page":null}"#;

/// A list of rows, each with a pattern, an integer, a number and a length.
pub const ROWS: &str = r#"{"type":"object","properties":{"rows":{"type":"array","items":{
    "type":"object","properties":{"key":{"type":"string","pattern":"^[a-z]{3}-[0-9]{4}$"},
    "count":{"type":"integer"},"share":{"type":"number"},"text":{"type":"string","maxLength":80}},
    "required":["key","count"]}}},"required":["rows"]}"#;

/// Arguments of `count` rows, about 69 bytes each.
pub fn rows(count: usize) -> String {
    let mut text = String::from(r#"{"rows":["#);
    for row in 0..count {
        let comma = if row == 0 { "" } else { "," };
        let number = row % 10_000;
        write!(
            text,
            r#"{comma}{{"key":"abc-{number:04}","count":{row},"share":0.{number},"text":"row with text"}}"#
        )
        .expect("a string takes text");
    }
    text + "]}"
}
