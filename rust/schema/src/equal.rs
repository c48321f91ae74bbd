//! Equality of values as JSON Schema means it: numbers by value, objects whatever their order.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use jsonschema_value::cmp::equal_numbers;
use mcpgate_json::NodeKind;
use serde_json::Value;

use crate::value::Item;

/// Arrays longer than this are searched for equal items by hashing.
const FEW_ITEMS: usize = 12;
/// Units for reading a number to compare it.
const NUMBER_UNITS: u64 = 4;

/// Whether `item` equals a value of the schema.
pub(crate) fn to_value(item: Item<'_>, expected: &Value) -> bool {
    let doc = &item.scene.doc;
    match (item.kind(), expected) {
        (NodeKind::Null, Value::Null) => true,
        (NodeKind::True, Value::Bool(flag)) => *flag,
        (NodeKind::False, Value::Bool(flag)) => !flag,
        (NodeKind::Number, Value::Number(number)) => {
            item.scene.meter.pay(NUMBER_UNITS);
            item.digits().is_some_and(|digits| equal_numbers(&digits, number))
        }
        (NodeKind::Plain | NodeKind::Escaped, Value::String(text)) => is_text(item, text),
        (NodeKind::Array, Value::Array(values)) => {
            doc.len(item.node) == values.len()
                && item.walk().zip(values).all(|(left, right)| to_value(left, right))
        }
        (NodeKind::Object, Value::Object(members)) => {
            doc.len(item.node) == members.len()
                && members
                    .iter()
                    .all(|(key, right)| item.find(key).is_some_and(|left| to_value(left, right)))
        }
        _ => false,
    }
}

fn is_text(item: Item<'_>, text: &str) -> bool {
    item.scene.meter.pay_bytes(text.len());
    item.scene.doc.is_key(item.node, text)
}

/// Whether no two items of an array are equal.
pub(crate) fn all_differ(array: Item<'_>) -> bool {
    let count = array.scene.doc.len(array.node);
    if count > FEW_ITEMS {
        let keys = RandomState::new();
        let hashed = array.walk().map(|item| (keys.hash_one(Hashed(item)), item));
        let mut hashed: Vec<(u64, Item<'_>)> = hashed.collect();
        hashed.sort_unstable_by_key(|(hash, _)| *hash);
        return hashed.chunk_by(|left, right| left.0 == right.0).all(|alike| differ(alike));
    }
    let earlier =
        |item: Item<'_>, place: usize| array.walk().take(place).any(|other| same(item, other));
    array.walk().enumerate().all(|(place, item)| !earlier(item, place))
}

/// Whether no two of some items, which have the same hash, are equal.
fn differ(alike: &[(u64, Item<'_>)]) -> bool {
    let earlier = |place: usize| alike.iter().take(place);
    alike
        .iter()
        .enumerate()
        .all(|(place, (_, item))| !earlier(place).any(|(_, other)| same(*item, *other)))
}

/// Whether two values of one document are equal.
fn same(left: Item<'_>, right: Item<'_>) -> bool {
    let (doc, other) = (&left.scene.doc, &right.scene.doc);
    match (left.kind(), right.kind()) {
        (NodeKind::Number, NodeKind::Number) => left.digits() == right.digits(),
        (NodeKind::Plain | NodeKind::Escaped, NodeKind::Plain | NodeKind::Escaped) => {
            is_text(left, &right.text())
        }
        (NodeKind::Array, NodeKind::Array) => {
            doc.len(left.node) == other.len(right.node)
                && left.walk().zip(right.walk()).all(|(left, right)| same(left, right))
        }
        (NodeKind::Object, NodeKind::Object) => {
            doc.len(left.node) == other.len(right.node) && has_all(left, right)
        }
        (left, right) => left == right,
    }
}

/// Equal objects mostly have their members in the same order.
fn has_all(left: Item<'_>, right: Item<'_>) -> bool {
    let (mut mine, mut theirs) = (left.walk(), right.walk());
    while let Some((name, value)) = theirs.member() {
        let key = name.text();
        let found = match mine.member() {
            Some((other, found)) if is_text(other, &key) => Some(found),
            _ => left.find(&key),
        };
        if !found.is_some_and(|found| same(found, value)) {
            return false;
        }
    }
    true
}

struct Hashed<'a>(Item<'a>);

impl Hash for Hashed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let item = self.0;
        let kind = item.kind();
        match kind {
            NodeKind::Number => item.digits().hash(state),
            NodeKind::Plain | NodeKind::Escaped => {
                let text = item.text();
                item.scene.meter.pay_bytes(text.len());
                text.hash(state);
            }
            NodeKind::Array => item.walk().for_each(|inner| Hashed(inner).hash(state)),
            NodeKind::Object => hash_members(item, state),
            NodeKind::Null | NodeKind::True | NodeKind::False => {}
        }
        state.write_u8(tag(kind));
    }
}

/// Members hash alike in any order: each by a hasher of its own, the results combined.
fn hash_members<H: Hasher>(object: Item<'_>, state: &mut H) {
    let mut sum = 0_u64;
    let mut members = object.walk();
    while let Some((name, value)) = members.member() {
        let mut hasher = std::hash::DefaultHasher::new();
        name.text().hash(&mut hasher);
        Hashed(value).hash(&mut hasher);
        sum = sum.wrapping_add(hasher.finish());
    }
    state.write_u64(sum);
}

fn tag(kind: NodeKind) -> u8 {
    match kind {
        NodeKind::Null => 0,
        NodeKind::True => 1,
        NodeKind::False => 2,
        NodeKind::Number => 3,
        NodeKind::Plain | NodeKind::Escaped => 4,
        NodeKind::Array => 5,
        NodeKind::Object => 6,
    }
}
