//! A schema is looked at before it is compiled: its size, its dialect, its references and what
//! it may cost. A schema that fails here is a fault of its definition.

use jsonschema::Draft;
use mcpgate_json::{Doc, Node, NodeKind};
use serde_json::Value;

use crate::cost::{self, Survey};
use crate::{SchemaFault, fault};

/// Bytes of a schema.
pub(crate) const SCHEMA_BYTES: usize = 256 * 1024;
/// How keys begin that mean something else to `serde_json`.
const RESERVED: &str = "$serde_json";
/// Levels of a schema.
pub(crate) const SCHEMA_LEVELS: usize = 64;

/// A schema that may be compiled.
pub(crate) struct Vetted {
    pub(crate) schema: Value,
    pub(crate) draft: Draft,
    pub(crate) survey: Survey,
}

/// Look at the schema that stands at `node`.
pub(crate) fn vet(doc: &Doc<'_>, node: Node) -> Result<Vetted, SchemaFault> {
    if !matches!(doc.kind(node), NodeKind::Object | NodeKind::True | NodeKind::False) {
        return Err(refuse(fault::INVALID, "a schema is an object or a boolean"));
    }
    if doc.raw(node).len() > SCHEMA_BYTES {
        let text = format!("the schema is longer than {SCHEMA_BYTES} bytes");
        return Err(refuse(fault::SIZE, &text));
    }
    if !is_within(doc, node, SCHEMA_LEVELS) {
        let text = format!("the schema is nested more than {SCHEMA_LEVELS} levels deep");
        return Err(refuse(fault::SIZE, &text));
    }
    if let Some(text) = find_lossy(doc, node) {
        return Err(refuse(fault::INVALID, text));
    }
    let schema: Value = serde_json::from_str(doc.raw_text(node))
        .map_err(|error| refuse(fault::INVALID, &error.to_string()))?;
    let draft = Draft::Draft202012.detect(&schema);
    if draft == Draft::Unknown {
        let dialect = schema.get("$schema").and_then(Value::as_str).unwrap_or_default();
        let shown: String = dialect.chars().take(100).collect();
        return Err(refuse(fault::DIALECT, &format!("the dialect {shown:?} is not known")));
    }
    let survey = cost::survey(&schema, draft)?;
    Ok(Vetted { schema, draft, survey })
}

/// What a schema kept as `serde_json`'s values would lose: a key to which that crate gives a meaning
/// of its own, or an integer beyond 64 bits.
fn find_lossy(doc: &Doc<'_>, node: Node) -> Option<&'static str> {
    match doc.kind(node) {
        NodeKind::Object => doc.entries(node).find_map(|(key, value)| {
            let reserved = doc.text(key).starts_with(RESERVED);
            let text = "a key begins with $serde_json, which some readers take for something else";
            reserved.then_some(text).or_else(|| find_lossy(doc, value))
        }),
        NodeKind::Array => doc.items(node).find_map(|item| find_lossy(doc, item)),
        NodeKind::Number => {
            let text = doc.raw_text(node);
            let whole = !text.contains(['.', 'e', 'E']);
            let held = text.parse::<u64>().is_ok() || text.parse::<i64>().is_ok();
            (whole && !held)
                .then_some("an integer has more than 64 bits; values could not be compared exactly")
        }
        _ => None,
    }
}

fn refuse(rule: &'static str, text: &str) -> SchemaFault {
    SchemaFault { rule, text: text.to_owned() }
}

fn is_within(doc: &Doc<'_>, node: Node, levels: usize) -> bool {
    let Some(left) = levels.checked_sub(1) else {
        return !matches!(doc.kind(node), NodeKind::Object | NodeKind::Array);
    };
    match doc.kind(node) {
        NodeKind::Object => doc.entries(node).all(|(_, value)| is_within(doc, value, left)),
        NodeKind::Array => doc.items(node).all(|item| is_within(doc, item, left)),
        _ => true,
    }
}
