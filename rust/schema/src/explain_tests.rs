//! What is said for each kind of error.

use serde_json::{Value, json};

use super::*;

fn said(schema: &Value, value: &Value) -> Problem {
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .with_draft(jsonschema::Draft::Draft202012)
        .build(schema)
        .unwrap();
    let error = validator.iter_errors(value).next().unwrap();
    let text = value.to_string();
    let mut tape = mcpgate_json::Tape::default();
    let doc = tape.scan(text.as_bytes(), 64).unwrap();
    let problem = explain_on(&error, &doc, doc.root());
    if error.schema_path().as_str() != "/additionalProperties" {
        assert_eq!(explain(&error), problem);
    }
    problem
}

fn line(schema: &Value, value: &Value) -> String {
    let problem = said(schema, value);
    format!("{}|{}|{}", problem.pointer, problem.expected, problem.got)
}

#[test]
fn every_kind_is_said_in_plain_words() {
    for (schema, value, text) in [
        (json!({"type": "integer"}), json!("ab"), "|integer|string of 2 characters"),
        (json!({"type": ["string", "null"]}), json!(1), "|null or string|integer"),
        (json!({"maximum": 100}), json!(101), "|at most 100|integer"),
        (json!({"minimum": 1.5}), json!(1), "|at least 1.5|integer"),
        (json!({"exclusiveMaximum": 5}), json!(5), "|less than 5|integer"),
        (json!({"exclusiveMinimum": 5}), json!(5), "|more than 5|integer"),
        (json!({"multipleOf": 5}), json!(7), "|a multiple of 5|integer"),
        (json!({"maxLength": 1}), json!("abc"), "|at most 1 character|string of 3 characters"),
        (json!({"minLength": 2}), json!(""), "|at least 2 characters|string of 0 characters"),
        (json!({"minItems": 1}), json!([]), "|at least 1 item|array of 0 items"),
        (json!({"maxItems": 1}), json!([1, 2]), "|at most 1 item|array of 2 items"),
        (json!({"minProperties": 1}), json!({}), "|at least 1 member|object of 0 members"),
        (json!({"maxProperties": 0}), json!({"a": 1}), "|at most 0 members|object of 1 member"),
        (json!({"uniqueItems": true}), json!([1, 1]), "|items that all differ|array of 2 items"),
    ] {
        assert_eq!(line(&schema, &value), text);
    }
}

#[test]
fn kinds_without_a_number_are_said_in_plain_words() {
    for (schema, value, text) in [
        (
            json!({"not": {"type": "null"}}),
            json!(null),
            "|a value that the schema does not exclude|null",
        ),
        (
            json!({"contains": {"type": "null"}}),
            json!([1]),
            "|as many items of the described kind as the schema asks for|array of 1 item",
        ),
        (
            json!({"pattern": "^a$"}),
            json!("b"),
            "|a string that matches the pattern ^a$|string of 1 character",
        ),
        (
            json!({"format": "date"}),
            json!("b"),
            "|a string in the format date|string of 1 character",
        ),
        (
            json!({"properties": {"a": false}}),
            json!({"a": 1}),
            "/a|no value here; leave it out|integer",
        ),
        (
            json!({"prefixItems": [true], "items": false}),
            json!([1, 2]),
            "/1|no value here; leave it out|integer",
        ),
        (json!({"unevaluatedItems": false}), json!([1]), "|no more items|array of 1 item"),
        (
            json!({"properties": {"a/b~": {"type": "null"}}}),
            json!({"a/b~": 1}),
            "/a~1b~0|null|integer",
        ),
        (
            json!({"oneOf": [{"minimum": 0}, {"maximum": 9}]}),
            json!(5),
            "|exactly one of the described forms; it fits several|integer",
        ),
    ] {
        assert_eq!(line(&schema, &value), text);
    }
}

#[test]
fn patterns_are_cut() {
    let problem = said(&json!({"pattern": format!("^{}$", "a".repeat(300))}), &json!("b"));
    assert!(problem.expected.chars().count() < 150, "{}", problem.expected);
}

#[test]
fn names_are_named() {
    let problem = said(&json!({"required": ["query"]}), &json!({}));
    assert_eq!((problem.name.as_deref(), problem.got.as_str()), (Some("query"), "missing"));
    for key in ["additionalProperties", "unevaluatedProperties"] {
        let problem = said(&json!({"properties": {"a": {}}, key: false}), &json!({"verbos": "x"}));
        assert_eq!(problem.name.as_deref(), Some("verbos"), "{key} {problem:?}");
        assert_eq!(
            (problem.expected.as_str(), problem.got.as_str()),
            ("no such name", "string of 1 character")
        );
    }
    let problem = said(&json!({"additionalProperties": false}), &json!({"verbos": "x"}));
    assert_eq!(problem.expected, "no names but those of the schema");
    let problem = said(&json!({"propertyNames": {"maxLength": 2}}), &json!({"abc": 1}));
    assert_eq!(problem.name.as_deref(), Some("abc"));
    assert_eq!(problem.expected, "a name that is: at most 2 characters");
    let schema = json!({"dependentRequired": {"a": ["b"]}});
    assert_eq!(said(&schema, &json!({"a": 1})).name.as_deref(), Some("b"));
}

#[test]
fn lists_of_values_show_the_nearest() {
    let problem = said(&json!({"enum": ["ascending", "descending", 3]}), &json!("asending"));
    assert_eq!(problem.near.as_deref(), Some("\"ascending\""));
    assert_eq!(problem.allowed, ["\"ascending\"", "\"descending\"", "3"]);
    assert_eq!(said(&json!({"const": 5}), &json!(6)).allowed, ["5"]);
    let many: Vec<String> = (0..90).map(|number| format!("value{number:03}")).collect();
    let problem = said(&json!({ "enum": many }), &json!("value077x"));
    assert_eq!(problem.near.as_deref(), Some("\"value077\""));
    assert_eq!(problem.allowed.len(), ALLOWED);
}

#[test]
fn the_form_that_was_meant_is_explained() {
    let schema = json!({"properties": {"shape": {"oneOf": [
        {"type": "object", "properties": {"kind": {"const": "circle"}, "r": {"type": "number"}}, "required": ["kind", "r"]},
        {"type": "object", "properties": {"kind": {"const": "box"}, "w": {"type": "number"}}, "required": ["kind", "w"]},
    ]}}});
    assert_eq!(
        line(&schema, &json!({"shape": {"kind": "box", "w": "x"}})),
        "/shape/w|number|string of 1 character"
    );
    let problem = said(&schema, &json!({"shape": {"kind": "bax"}}));
    assert_eq!(problem.pointer, "/shape/kind");
    assert_eq!(problem.allowed, ["\"circle\"", "\"box\""]);
    assert_eq!(problem.near.as_deref(), Some("\"box\""));
    assert_eq!(line(&schema, &json!({"shape": 5})), "/shape|object|integer");
}

#[test]
fn optional_values_name_their_types() {
    let schema =
        json!({"properties": {"limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}});
    assert_eq!(
        line(&schema, &json!({"limit": "10"})),
        "/limit|integer or null|string of 2 characters"
    );
    let schema = json!({"anyOf": [{"type": "integer", "maximum": 5}, {"type": "null"}]});
    assert_eq!(line(&schema, &json!(6)), "|at most 5|integer");
    let schema = json!({"anyOf": [{"enum": ["a", "b"]}, {"const": "c"}]});
    assert_eq!(said(&schema, &json!("z")).allowed, ["\"a\"", "\"b\"", "\"c\""]);
    let schema = json!({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]});
    assert_eq!(
        line(&schema, &json!({})),
        "|one of 2 described forms; missing is a or b|object of 0 members"
    );
}

#[test]
fn nothing_of_the_value_is_said() {
    let secret = "hunter2hunter2";
    for schema in [
        json!({"type": "integer"}),
        json!({"enum": ["x"]}),
        json!({"pattern": "^a$"}),
        json!({"maxLength": 3}),
        json!({"anyOf": [{"const": 1}, {"pattern": "^b"}]}),
        json!({"not": {"type": "string"}}),
        json!(false),
    ] {
        let problem = said(&schema, &json!(secret));
        assert!(!format!("{problem:?}").contains(secret), "{problem:?}");
    }
}

#[test]
fn deep_compositions_end() {
    let mut schema = json!({"type": "integer"});
    for _ in 0..20 {
        schema = json!({"anyOf": [schema, {"required": ["a"], "type": "object"}]});
    }
    assert!(said(&schema, &json!("x")).expected.len() < 200);
}
