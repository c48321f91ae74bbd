//! What is wrong with a value, for a model to act on; never any part of the value.

use mcpgate_json::{Doc, Node, NodeKind};
use serde_json::Value;

/// The most names or values that one problem lists.
pub const ALLOWED: usize = 20;
/// What is expected where a name may not be.
pub(crate) const NO_SUCH_NAME: &str = "no such name";

/// One thing that is wrong with the arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer into the arguments; empty for the whole.
    pub pointer: String,
    /// What the schema asks for, in plain words.
    pub expected: String,
    /// Type and size of what came, never the value.
    pub got: String,
    /// The unknown or missing name, as sent or as the schema has it.
    pub name: Option<String>,
    /// The nearest known name or allowed value.
    pub near: Option<String>,
    /// Allowed values as JSON text, or known names, nearest first.
    pub allowed: Vec<String>,
}

/// Type and size of a value.
pub fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "boolean".to_owned(),
        Value::Number(number) if number.is_f64() => "number".to_owned(),
        Value::Number(_) => "integer".to_owned(),
        Value::String(text) => sized("string", text.chars().count(), "character"),
        Value::Array(items) => sized("array", items.len(), "item"),
        Value::Object(map) => sized("object", map.len(), "member"),
    }
}

/// Type and size of a value on the tape.
pub fn describe_node(doc: &Doc<'_>, node: Node) -> String {
    match doc.kind(node) {
        NodeKind::Null => "null".to_owned(),
        NodeKind::True | NodeKind::False => "boolean".to_owned(),
        NodeKind::Number => {
            let whole = !doc.raw(node).iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
            if whole { "integer" } else { "number" }.to_owned()
        }
        NodeKind::Plain | NodeKind::Escaped => {
            sized("string", doc.text(node).chars().count(), "character")
        }
        NodeKind::Array => sized("array", doc.len(node), "item"),
        NodeKind::Object => sized("object", doc.len(node), "member"),
    }
}

fn sized(kind: &str, count: usize, unit: &str) -> String {
    format!("{kind} of {}", counted(count, unit))
}

/// A count with its unit: `1 item`, `3 items`.
pub fn counted(count: impl std::fmt::Display, unit: &str) -> String {
    let text = count.to_string();
    let plural = if text == "1" { "" } else { "s" };
    format!("{text} {unit}{plural}")
}

/// Write one step of a JSON pointer.
pub fn push_step(pointer: &mut String, step: &str) {
    pointer.push('/');
    for letter in step.chars() {
        match letter {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use mcpgate_json::Tape;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_described_by_type_and_size_alone() {
        for (value, text) in [
            (json!(null), "null"),
            (json!(true), "boolean"),
            (json!(3), "integer"),
            (json!(3.5), "number"),
            (json!("gr\u{fc}n"), "string of 4 characters"),
            (json!("x"), "string of 1 character"),
            (json!([]), "array of 0 items"),
            (json!({"a": 1}), "object of 1 member"),
        ] {
            assert_eq!(describe(&value), text);
            let mut tape = Tape::default();
            let bytes = value.to_string();
            let doc = tape.scan(bytes.as_bytes(), 8).unwrap();
            assert_eq!(describe_node(&doc, doc.root()), text);
        }
    }

    #[test]
    fn pointers_escape_their_steps() {
        let mut pointer = String::new();
        push_step(&mut pointer, "a/b~c");
        push_step(&mut pointer, "");
        assert_eq!(pointer, "/a~1b~0c/");
    }
}
