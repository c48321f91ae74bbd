//! Two other JSON readers, held against the tape value by value.

use std::borrow::Cow;
use std::fmt;

use jiter::JsonValue;
use mcpgate_json::{Doc, Node, NodeKind};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Fail when serde_json reads the document otherwise, or not at all.
///
/// The comparing visitor stands in for `serde_json::Value`, which gives one key of its own a
/// second meaning.
pub fn same_by_serde(doc: &Doc<'_>) -> Result<(), String> {
    let mut reader = serde_json::Deserializer::from_slice(doc.bytes());
    Same(doc, doc.root()).deserialize(&mut reader).map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())
}

struct Same<'d, 'a>(&'d Doc<'a>, Node);

impl Same<'_, '_> {
    fn check<E: Error>(&self, same: bool) -> Result<(), E> {
        if same { Ok(()) } else { Err(E::custom(format!("differs: {}", self.0.raw_text(self.1)))) }
    }

    fn number<E: Error>(&self, same: impl FnOnce(&str) -> bool) -> Result<(), E> {
        let text = self.0.raw_text(self.1);
        self.check(self.0.kind(self.1) == NodeKind::Number && same(text))
    }
}

impl<'de> DeserializeSeed<'de> for Same<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Same<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the value of the tape")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.check(self.0.kind(self.1) == NodeKind::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        let kind = if value { NodeKind::True } else { NodeKind::False };
        self.check(self.0.kind(self.1) == kind)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.number(|text| text.parse() == Ok(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(|text| text.parse() == Ok(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.number(|text| text.parse() == Ok(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.check(self.0.is_string(self.1) && self.0.text(self.1) == value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.check(self.0.kind(self.1) == NodeKind::Array)?;
        for item in self.0.items(self.1) {
            self.check(items.next_element_seed(Same(self.0, item))?.is_some())?;
        }
        let more = items.next_element::<serde::de::IgnoredAny>()?;
        self.check(more.is_none())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.check(self.0.is_object(self.1))?;
        for (name, value) in self.0.entries(self.1) {
            let key: Option<Cow<'_, str>> = members.next_key()?;
            self.check(key.is_some_and(|key| key == self.0.text(name)))?;
            members.next_value_seed(Same(self.0, value))?;
        }
        let more = members.next_key::<serde::de::IgnoredAny>()?;
        self.check(more.is_none())
    }
}

/// Fail when jiter reads the document otherwise, or not at all.
pub fn same_by_jiter(doc: &Doc<'_>) -> Result<(), String> {
    let value = JsonValue::parse(doc.bytes(), false).map_err(|error| error.to_string())?;
    if same(doc, doc.root(), &value) { Ok(()) } else { Err(format!("differs: {value:?}")) }
}

fn same(doc: &Doc<'_>, node: Node, value: &JsonValue<'_>) -> bool {
    let text = || doc.raw_text(node);
    match (doc.kind(node), value) {
        (NodeKind::Null, JsonValue::Null) => true,
        (kind, JsonValue::Bool(value)) => {
            kind == if *value { NodeKind::True } else { NodeKind::False }
        }
        (NodeKind::Number, JsonValue::Int(value)) => text().parse() == Ok(*value),
        (NodeKind::Number, JsonValue::BigInt(value)) => value.to_string() == text(),
        (NodeKind::Number, JsonValue::Float(value)) => text().parse() == Ok(*value),
        (NodeKind::Plain | NodeKind::Escaped, JsonValue::Str(value)) => doc.text(node) == *value,
        (NodeKind::Array, JsonValue::Array(items)) => {
            doc.len(node) == items.len()
                && doc.items(node).zip(items.iter()).all(|(node, item)| same(doc, node, item))
        }
        (NodeKind::Object, JsonValue::Object(members)) => {
            doc.len(node) == members.len()
                && doc.entries(node).zip(members.iter()).all(|((key, node), (name, item))| {
                    doc.text(key) == *name && same(doc, node, item)
                })
        }
        _ => false,
    }
}
