//! Named cases of strict names.

use std::slice::from_ref;

use jsonschema::Draft;
use mcpgate_json::Tape;
use serde_json::{Value, json};

use super::Names;
use crate::problem::Problem;

const NEW: Draft = Draft::Draft202012;

fn check(names: Option<&Names>, value: &Value) -> bool {
    let text = value.to_string();
    let mut tape = Tape::default();
    let doc = tape.scan(text.as_bytes(), 64).unwrap();
    names.is_none_or(|names| names.check(&doc, doc.root()))
}

fn problems(schema: &Value, value: &str) -> Vec<Problem> {
    let names = Names::compile(schema, NEW).unwrap().unwrap();
    let mut tape = Tape::default();
    let doc = tape.scan(value.as_bytes(), 64).unwrap();
    names.problems(&doc, doc.root(), 3)
}

fn case(draft: Draft, schema: &Value, taken: &[Value], refused: &[Value]) {
    let names = Names::compile(schema, draft).unwrap();
    for value in taken {
        assert!(check(names.as_ref(), value), "{draft:?} {schema} should take {value}");
    }
    for value in refused {
        assert!(!check(names.as_ref(), value), "{draft:?} {schema} should refuse {value}");
    }
}

#[test]
fn a_forgotten_additional_properties_is_supplied() {
    let schema = json!({"type": "object", "properties": {"query": {"type": "string"}}});
    for draft in [Draft::Draft4, Draft::Draft7, Draft::Draft201909, NEW] {
        case(
            draft,
            &schema,
            &[json!({}), json!({"query": "x"}), json!({"query": {"a": 1}})],
            &[json!({"quary": "x"}), json!({"query": "x", "verbose": true})],
        );
    }
}

#[test]
fn all_of_with_references_is_one_set_of_names() {
    let schema = json!({
        "allOf": [{"$ref": "#/$defs/paging"}, {"properties": {"query": {}}}],
        "$defs": {"paging": {"properties": {"page": {"properties": {"size": {}}}}}},
    });
    case(
        NEW,
        &schema,
        &[json!({"query": 1, "page": {"size": 1}})],
        &[json!({"size": 1}), json!({"page": {"sise": 1}})],
    );
}

#[test]
fn alternatives_know_their_names_together() {
    let schema = json!({"oneOf": [
        {"type": "object", "properties": {"kind": {"const": "a"}, "one": {}}},
        {"type": "object", "properties": {"kind": {"const": "b"}, "two": {}}},
        {"type": "null"},
    ]});
    case(NEW, &schema, &[json!({"kind": "a", "two": 1})], &[json!({"three": 1})]);
    let free = json!({"anyOf": [{"properties": {"a": {}}}, {"type": "object"}]});
    case(NEW, &free, &[json!({"anything": 1})], &[]);
    let rules = json!({"properties": {"a": {}, "b": {}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]});
    case(NEW, &rules, &[json!({"a": 1})], &[json!({"c": 1})]);
}

#[test]
fn optional_models_are_held_as_pydantic_writes_them() {
    let schema = json!({
        "$defs": {"Options": {"type": "object", "title": "Options", "properties": {
            "depth": {"default": 1, "title": "Depth", "type": "integer"},
            "tags": {"anyOf": [{"items": {"$ref": "#/$defs/Tag"}, "type": "array"}, {"type": "null"}]},
        }}, "Tag": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
        "type": "object",
        "properties": {"options": {"anyOf": [{"$ref": "#/$defs/Options"}, {"type": "null"}], "default": null}},
    });
    case(
        NEW,
        &schema,
        &[json!({"options": null}), json!({"options": {"depth": 2, "tags": [{"name": "x"}]}})],
        &[
            json!({"option": null}),
            json!({"options": {"dept": 2}}),
            json!({"options": {"tags": [{"name": "x"}, {"nmae": "x"}]}}),
        ],
    );
}

#[test]
fn nested_objects_are_held_as_zod_writes_them() {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"edits": {"type": "array", "items": {
            "type": "object",
            "properties": {"oldText": {"type": "string"}, "newText": {"type": "string"}},
            "required": ["oldText", "newText"],
            "additionalProperties": false,
        }}, "env": {"type": "object", "additionalProperties": {"type": "string"}}},
        "required": ["edits"],
    });
    case(
        Draft::Draft7,
        &schema,
        &[json!({"edits": [{"oldText": "a"}], "env": {"ANY": "x"}})],
        &[json!({"edits": [{"oldtext": "a"}]}), json!({"edits": [], "Env": {}})],
    );
}

#[test]
fn older_dialects_read_nothing_beside_a_reference() {
    let schema = json!({
        "properties": {"a": {"$ref": "#/definitions/x", "properties": {"beside": {}}}},
        "definitions": {"x": {"properties": {"inner": {}}}},
    });
    let (inner, beside) = (json!({"a": {"inner": 1}}), json!({"a": {"beside": 1}}));
    for draft in [Draft::Draft4, Draft::Draft6, Draft::Draft7] {
        case(draft, &schema, from_ref(&inner), from_ref(&beside));
    }
    case(NEW, &schema, &[inner, beside], &[]);
}

#[test]
fn recursive_schemas_are_finite_and_held_at_every_depth() {
    let tree = json!({"properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#"}},
    }});
    let deep = |name: &str| {
        let leaf = json!({name: "x"});
        (0..20).fold(leaf, |inner, _| json!({"children": [{"name": "y"}, inner]}))
    };
    case(NEW, &tree, &[deep("name")], &[deep("nmae")]);
    for (draft, reference, anchor) in [
        (NEW, json!({"$dynamicRef": "#node"}), json!({"$dynamicAnchor": "node"})),
        (Draft::Draft201909, json!({"$recursiveRef": "#"}), json!({"$recursiveAnchor": true})),
    ] {
        let mut tree = anchor;
        tree["properties"] = json!({"name": {}, "children": {"items": reference}});
        case(draft, &tree, &[deep("name")], &[deep("nmae")]);
    }
}

#[test]
fn maps_and_patterns_welcome_what_they_describe() {
    let map = json!({"properties": {"a": {}}, "additionalProperties": {"properties": {"b": {}}}});
    case(
        NEW,
        &map,
        &[json!({"any": {"b": 1}}), json!({"a": {"c": 1}})],
        &[json!({"any": {"c": 1}})],
    );
    let patterns =
        json!({"properties": {"a": {}}, "patternProperties": {"^x-": {"properties": {"b": {}}}}});
    case(
        NEW,
        &patterns,
        &[json!({"x-1": {"b": 1}})],
        &[json!({"y-1": 1}), json!({"x-1": {"c": 1}})],
    );
    let only = json!({"patternProperties": {"^x-": {}}});
    case(NEW, &only, &[json!({"y": 1})], &[]);
    let welcome = json!({"properties": {"a": {}}, "unevaluatedProperties": {"type": "string"}});
    case(NEW, &welcome, &[json!({"y": 1})], &[]);
    let named = json!({"properties": {"a": {}}, "propertyNames": {"enum": ["a", "b"]}});
    case(NEW, &named, &[json!({"b": 1})], &[json!({"c": 1})]);
}

#[test]
fn no_names_means_no_names_and_no_say_means_any() {
    let none = json!({"type": "object", "properties": {}, "title": "pingArguments"});
    case(NEW, &none, &[json!({})], &[json!({"x": 1})]);
    for free in [
        json!({}),
        json!(true),
        json!(false),
        json!({"type": "object"}),
        json!({"required": ["a"]}),
    ] {
        assert!(Names::compile(&free, NEW).unwrap().is_none(), "{free}");
    }
    let open = json!({"properties": {"a": {}}, "additionalProperties": true});
    assert!(Names::compile(&open, NEW).unwrap().is_none());
    let nested = json!({"properties": {"meta": {"type": "object"}}});
    case(NEW, &nested, &[json!({"meta": {"any": {"thing": 1}}})], &[json!({"mета": {}})]);
}

#[test]
fn conditions_and_dependents_add_names_and_hold_nothing() {
    let schema = json!({
        "properties": {"a": {}},
        "dependentSchemas": {"a": {"properties": {"b": {}}}},
        "dependentRequired": {"a": ["c"]},
        "if": {"properties": {"d": {}}}, "then": {"properties": {"e": {}}},
        "not": {"properties": {"f": {}}},
    });
    let known = ["a", "b", "c", "d", "e"].map(|name| json!({ name: 1 }));
    case(NEW, &schema, &known, &[json!({"f": 1})]);
    let free =
        json!({"type": "object", "if": {"properties": {"a": {}}}, "then": {"required": ["b"]}});
    case(NEW, &free, &[json!({"anything": 1})], &[]);
    let sides =
        json!({"if": {}, "then": {"properties": {"a": {}}}, "else": {"properties": {"b": {}}}});
    case(NEW, &sides, &[json!({"b": 1})], &[json!({"c": 1})]);
}

#[test]
fn lists_are_read_by_place() {
    let one = json!({"properties": {"a": {}}});
    let rest = json!({"properties": {"b": {}}});
    let old = json!({"items": [one], "additionalItems": rest});
    let new = json!({"prefixItems": [one], "items": rest});
    let open = json!({"prefixItems": [one], "unevaluatedItems": rest});
    for (draft, schema) in [(Draft::Draft7, old), (NEW, new), (NEW, open)] {
        let schema = json!({"properties": {"list": schema}});
        case(
            draft,
            &schema,
            &[json!({"list": [{"a": 1}, {"b": 1}, {"b": 1}]})],
            &[json!({"list": [{"b": 1}]}), json!({"list": [{"a": 1}, {"b": 1}, {"a": 1}]})],
        );
    }
}

#[test]
fn anchors_and_addresses_inside_the_document_are_followed() {
    let schema = json!({
        "$id": "https://example.com/tools/search.json",
        "properties": {"a": {"$ref": "#part"}, "b": {"$ref": "part.json"}, "c": {"$ref": "part.json#/$defs/deep"}},
        "$defs": {
            "one": {"$anchor": "part", "properties": {"x": {}}},
            "two": {"$id": "part.json", "properties": {"y": {"$ref": "#/$defs/deep"}},
                    "$defs": {"deep": {"properties": {"z": {}}}}},
        },
    });
    case(
        NEW,
        &schema,
        &[json!({"a": {"x": 1}, "b": {"y": {"z": 1}}, "c": {"z": 1}})],
        &[
            json!({"a": {"y": 1}}),
            json!({"b": {"z": 1}}),
            json!({"b": {"y": {"x": 1}}}),
            json!({"c": {"y": 1}}),
        ],
    );
}

#[test]
fn what_leads_nowhere_or_costs_too_much_is_a_fault() {
    let rule = |schema: &Value| Names::compile(schema, NEW).unwrap_err().rule;
    assert_eq!(rule(&json!({"$ref": "#/$defs/none"})), "schema_reference");
    assert_eq!(rule(&json!({"$ref": "https://example.com/other.json"})), "schema_reference");
    assert_eq!(rule(&json!({"patternProperties": {"(": {}}})), "schema_pattern");
    let mut defs = json!({"d0": {"properties": {"a": {}}}});
    for number in 1..400 {
        defs[format!("d{number}")] = json!({"$ref": format!("#/$defs/d{}", number - 1)});
    }
    assert_eq!(rule(&json!({"$ref": "#/$defs/d399", "$defs": defs})), "schema_recursion");
    let wide: serde_json::Map<String, Value> =
        (0..70_000).map(|number| (format!("n{number}"), json!({}))).collect();
    assert_eq!(rule(&json!({ "properties": wide })), "schema_cost");
}

#[test]
fn patterns_are_few_and_tried_a_bounded_number_of_times() {
    let patterns = |count: u32| -> Value {
        let map = (0..count).map(|number| (format!("^{number}_"), json!({})));
        json!({"properties": {}, "patternProperties": map.collect::<serde_json::Map<_, _>>()})
    };
    assert_eq!(Names::compile(&patterns(300), NEW).unwrap_err().rule, "schema_cost");
    let names = Names::compile(&patterns(100), NEW).unwrap();
    let members = |count: u32| -> Value {
        let map = (0..count).map(|number| (format!("99_{number}"), json!(1)));
        Value::Object(map.collect())
    };
    assert!(check(names.as_ref(), &members(900)));
    assert!(!check(names.as_ref(), &members(1_100)));
}

#[test]
fn a_reference_to_itself_ends() {
    let names = Names::compile(&json!({"$ref": "#", "properties": {"a": {}}}), NEW).unwrap();
    assert!(!check(names.as_ref(), &json!({"b": 1})));
    let names = Names::compile(&json!({"allOf": [{"$ref": "#"}]}), NEW).unwrap();
    assert!(names.is_none());
}

#[test]
fn problems_say_where_and_what_was_meant() {
    let schema = json!({"properties": {
        "max_length": {}, "query": {}, "a/b": {"items": {"properties": {"page size": {}}}},
    }});
    let found = problems(&schema, r#"{"maxLenght":"12","a\/b":[{},{"pagesize":null}]}"#);
    assert_eq!(
        found,
        [
            Problem {
                pointer: String::new(),
                expected: "no such name".to_owned(),
                got: "string of 2 characters".to_owned(),
                name: Some("maxLenght".to_owned()),
                near: Some("max_length".to_owned()),
                allowed: ["max_length", "a/b", "query"].map(str::to_owned).to_vec(),
            },
            Problem {
                pointer: "/a~1b/1".to_owned(),
                expected: "no such name".to_owned(),
                got: "null".to_owned(),
                name: Some("pagesize".to_owned()),
                near: Some("page size".to_owned()),
                allowed: vec!["page size".to_owned()],
            },
        ]
    );
    assert_eq!(problems(&schema, r#"{"1":1,"2":1,"3":1,"4":1}"#).len(), 3);
    assert!(problems(&schema, r#"{"qu\u0065ry":1}"#).is_empty());
}
