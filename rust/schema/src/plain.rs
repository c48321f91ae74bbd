//! A schema without composition needs no automaton: a copy of it with every object closed judges
//! values and names in one pass.

use serde_json::{Map, Value};

use crate::keywords::{MANY_BESIDE, NAMED_BESIDE, ONE_BESIDE, REFERENCES};

/// Keywords under which more than one subschema may judge an object, or its names are told apart.
const COMPOSING: [&[&str]; 5] = [
    &REFERENCES,
    &MANY_BESIDE,
    &ONE_BESIDE,
    &NAMED_BESIDE,
    &[
        "dependentRequired",
        "patternProperties",
        "propertyNames",
        "unevaluatedProperties",
        "unevaluatedItems",
        "contains",
    ],
];
/// Keywords that speak of names.
const NAMING: [&str; 6] = [
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
];
/// Keywords whose schemas judge members and items.
const BELOW: [&str; 3] = ["additionalProperties", "items", "additionalItems"];

/// The schema with every object closed that strict names would hold; none where composition or
/// references decide which names are known.
pub(crate) fn close(schema: &Value) -> Option<Value> {
    let mut copy = schema.clone();
    close_at(&mut copy).then_some(copy)
}

/// Nesting is as deep as the vetting allowed.
fn close_at(schema: &mut Value) -> bool {
    let Some(object) = schema.as_object_mut() else { return schema.is_boolean() };
    if COMPOSING.iter().copied().flatten().any(|keyword| object.contains_key(*keyword)) {
        return !object.values().any(speaks_of_names) && !names_itself(object);
    }
    let below = BELOW.iter().all(|keyword| match object.get_mut(*keyword) {
        Some(Value::Array(schemas)) => schemas.iter_mut().all(close_at),
        Some(inner) => close_at(inner),
        None => true,
    });
    let prefix = match object.get_mut("prefixItems") {
        Some(Value::Array(schemas)) => schemas.iter_mut().all(close_at),
        other => other.is_none(),
    };
    below && prefix && close_object(object)
}

fn close_object(object: &mut Map<String, Value>) -> bool {
    let required: Vec<String> = match object.get("required") {
        Some(Value::Array(names)) => {
            names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    };
    let Some(properties) = object.get_mut("properties") else { return true };
    let Some(properties) = properties.as_object_mut() else { return false };
    let listed = required.iter().all(|name| properties.contains_key(name));
    let closed = listed && properties.values_mut().all(close_at);
    object.entry("additionalProperties").or_insert(Value::Bool(false));
    closed
}

fn names_itself(object: &Map<String, Value>) -> bool {
    let references = REFERENCES.iter().any(|keyword| object.contains_key(*keyword));
    references || NAMING.iter().any(|keyword| object.contains_key(*keyword))
}

fn speaks_of_names(value: &Value) -> bool {
    match value {
        Value::Object(object) => names_itself(object) || object.values().any(speaks_of_names),
        Value::Array(items) => items.iter().any(speaks_of_names),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_objects_are_closed_at_every_depth() {
        let schema = json!({"type":"object","properties":{
            "a":{"type":"object","properties":{"b":{}},"required":["b"]},
            "list":{"type":"array","items":{"properties":{"c":true}}},
            "map":{"additionalProperties":{"properties":{}}},
            "open":{"properties":{},"additionalProperties":true},
            "maybe":{"anyOf":[{"type":"string"},{"type":"null"}]},
            "free":{"type":"object"}}});
        let closed = close(&schema).unwrap();
        let at = |pointer: &str| closed.pointer(pointer);
        for place in
            ["", "/properties/a", "/properties/list/items", "/properties/map/additionalProperties"]
        {
            assert_eq!(
                at(&format!("{place}/additionalProperties")),
                Some(&json!(false)),
                "{place}"
            );
        }
        assert_eq!(at("/properties/open/additionalProperties"), Some(&json!(true)));
        assert_eq!(at("/properties/free"), Some(&json!({"type":"object"})));
        assert_eq!(at("/properties/maybe"), schema.pointer("/properties/maybe"));
    }

    #[test]
    fn composition_and_references_need_the_automaton() {
        for schema in [
            json!({"properties":{"a":{}},"allOf":[{"properties":{"b":{}}}]}),
            json!({"properties":{"a":{"$ref":"#/$defs/x"}}}),
            json!({"properties":{"a":{"anyOf":[{"properties":{"b":{}}},{"type":"null"}]}}}),
            json!({"properties":{"a":{}},"patternProperties":{"^x":{}}}),
            json!({"properties":{"a":{}},"required":["b"]}),
            json!({"properties":{"a":{}},"not":{"type":"string"}}),
            json!({"items":[{"oneOf":[{"required":["a"]}]}]}),
        ] {
            assert_eq!(close(&schema), None, "{schema}");
        }
    }
}
