//! Hostile schemas and hostile arguments: each is a fault of the schema, or ends within the bound.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails should say so at once"
)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails should say so at once"
)]

mod common;

use std::time::{Duration, Instant};

use common::{check, compile, fault, fits};
use mcpgate_json::Tape;
use mcpgate_schema::Misfit;
use serde_json::{Map, Value, json};

/// What a call may take at most: 20 ms where it counts, more on a busy machine without optimising.
const BOUND: Duration = Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 100 });

/// Judge a value, tell its problems, and hold both to the bound; the best of three.
fn bounded(schema: &Value, value: &str) -> Result<(), Misfit> {
    let judge = compile(&schema.to_string()).expect("the schema compiles");
    let mut tape = Tape::default();
    let doc = tape.scan(value.as_bytes(), 64).expect("the value is JSON");
    let (mut best, mut told) = (Duration::MAX, Duration::MAX);
    let mut verdict = Ok(());
    for _ in 0..3 {
        let start = Instant::now();
        verdict = judge.check(&doc, Some(doc.root()));
        best = best.min(start.elapsed());
        let start = Instant::now();
        let problems = judge.problems(&doc, Some(doc.root()));
        told = told.min(start.elapsed());
        assert_eq!(problems.is_empty(), verdict.is_ok());
    }
    assert!(best < BOUND, "judged in {best:?}");
    assert!(told < BOUND * 3, "told in {told:?}");
    verdict
}

fn wide(count: usize) -> Value {
    Value::Object((0..count).map(|key| (format!("k{key}"), json!(key))).collect())
}

fn nest(levels: usize) -> String {
    let value = (0..levels).fold(json!({}), |inner, _| json!({"a": inner}));
    value.to_string()
}

fn list(item: &str, count: usize) -> String {
    format!("[{}]", vec![item; count].join(","))
}

fn chain(length: usize, link: impl Fn(usize) -> Value) -> Value {
    let mut defs: Map<String, Value> =
        (0..length).map(|at| (format!("a{at}"), link(at + 1))).collect();
    defs.insert(format!("a{length}"), json!({"type": "object"}));
    json!({"$defs": defs, "$ref": "#/$defs/a0"})
}

fn to(at: usize) -> Value {
    json!({"$ref": format!("#/$defs/a{at}")})
}

#[test]
fn a_reference_out_of_the_schema_is_a_fault() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let port = listener.local_addr().expect("an address").port();
    for reference in [
        format!("http://127.0.0.1:{port}/schema.json"),
        format!("https://127.0.0.1:{port}/schema.json#/a"),
        "file:///etc/hostname".to_owned(),
        "other.json".to_owned(),
        "../other.json#a".to_owned(),
        "urn:uuid:deadbeef-1234-0000-0000-4321feebdaed".to_owned(),
        "#/$defs/missing".to_owned(),
        "#missing".to_owned(),
    ] {
        for keyword in ["$ref", "$dynamicRef"] {
            for schema in [
                json!({keyword: reference}),
                json!({"properties": {"a": {"items": {keyword: reference}}}}),
            ] {
                assert_eq!(fault(&schema.to_string()), "schema_reference", "{schema}");
            }
        }
    }
    assert!(listener.accept().is_err(), "nothing is dialled");
}

#[test]
fn only_objects_and_booleans_are_schemas_and_only_known_dialects() {
    for schema in ["1", "null", "\"a\"", "[]", "[{}]"] {
        assert_eq!(fault(schema), "schema_invalid");
    }
    for schema in [
        r#"{"type":"wrong"}"#,
        r#"{"properties":[]}"#,
        r#"{"required":"a"}"#,
        r#"{"minLength":-1}"#,
    ] {
        assert_eq!(fault(schema), "schema_invalid", "{schema}");
    }
    assert_eq!(fault(r#"{"$schema":"https://example.com/mine"}"#), "schema_dialect");
    assert!(fits("true", "1") && !fits("false", "1"));
    let tuple = r#"{"items":[{"type":"integer"}]"#;
    assert_eq!(fault(&format!("{tuple}}}")), "schema_invalid");
    for dialect in ["draft-04", "draft-06", "draft-07"] {
        let schema = format!(r#"{tuple},"$schema":"http://json-schema.org/{dialect}/schema#"}}"#);
        assert!(fits(&schema, "[1,\"a\"]") && !fits(&schema, "[\"a\"]"), "{dialect}");
    }
}

#[test]
fn large_schemas_are_refused() {
    let long = json!({"description": "x".repeat(256 * 1024)});
    assert_eq!(fault(&long.to_string()), "schema_size");
    let deep = (0..40).fold(json!({}), |inner, _| json!({"properties": {"a": inner}}));
    assert_eq!(fault(&deep.to_string()), "schema_size");
    let deep = (0..30).fold(json!({}), |inner, _| json!({"properties": {"a": inner}}));
    assert_eq!(fault(&deep.to_string()), "none");
    let many: Map<String, Value> = (0..10_001).map(|at| (format!("{at}"), json!({}))).collect();
    assert_eq!(fault(&json!({"properties": many}).to_string()), "schema_size");
}

#[test]
fn endless_references_are_refused() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"not": {"anyOf": [{"$ref": "#"}]}}),
        json!({"$dynamicAnchor": "n", "$dynamicRef": "#n"}),
        json!({"properties": {"a": {"$ref": "#/properties/a"}}}),
        json!({"$defs": {"a": {"if": {"$ref": "#/$defs/b"}}, "b": {"else": {"$ref": "#/$defs/a"}}},
            "$ref": "#/$defs/a"}),
        json!({"dependentSchemas": {"a": {"$ref": "#"}}}),
        json!({"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveAnchor": true,
            "anyOf": [{"$recursiveRef": "#"}]}),
    ] {
        assert_eq!(fault(&schema.to_string()), "schema_recursion", "{schema}");
    }
    let tree = json!({"properties": {"next": {"$ref": "#"}}, "required": ["v"]}).to_string();
    assert!(fits(&tree, r#"{"v":1,"next":{"v":2}}"#) && !fits(&tree, r#"{"v":1,"next":{}}"#));
}

#[test]
fn a_small_schema_that_doubles_per_level_is_refused() {
    for levels in [12, 20, 30, 60] {
        let schema = chain(levels, |at| json!({"allOf": [to(at), to(at)]}));
        assert_eq!(fault(&schema.to_string()), "schema_cost", "{levels}");
    }
    let open = (0..14).fold(
        json!({"properties": {"x": {}}}),
        |inner, _| json!({"allOf": [inner], "unevaluatedProperties": false}),
    );
    assert_eq!(fault(&open.to_string()), "schema_cost");
    let schema = chain(10, |at| json!({"allOf": [to(at), to(at)]}));
    assert_eq!(bounded(&schema, "{}"), Ok(()));
}

#[test]
fn long_chains_of_references_neither_overflow_the_stack_nor_take_long() {
    let within = chain(30, |at| json!({"allOf": [to(at)]}));
    assert_eq!(fault(&within.to_string()), "schema_cost");
    let below = chain(2_500, |at| json!({"properties": {"a": to(at)}}));
    let small = std::thread::Builder::new().stack_size(2 << 20);
    let work = move || bounded(&below, &nest(60));
    assert_eq!(small.spawn(work).unwrap().join().unwrap(), Ok(()));
}

#[test]
fn the_deepest_call_fits_a_small_stack() {
    let size = if cfg!(debug_assertions) { 16 << 20 } else { 2 << 20 };
    for link in [
        |at| json!({"allOf": [to(at), {"type": "object"}]}),
        |at| json!({"anyOf": [to(at), false]}),
        |at| json!({"oneOf": [false, to(at)], "unevaluatedItems": false}),
        |at| json!({"not": {"not": to(at)}}),
        |at| json!({"if": to(at), "else": false}),
    ] {
        let count = (1..30).rev().find(|count| fault(&chain(*count, link).to_string()) == "none");
        let mut schema = chain(count.unwrap(), link);
        let last = format!("a{}", count.unwrap());
        schema["$defs"][last] = json!({"properties": {"a": to(0)}});
        let small = std::thread::Builder::new().stack_size(size);
        let work = move || bounded(&schema, &nest(63));
        let _ = small.spawn(work).unwrap().join().unwrap();
    }
}

#[test]
fn schemas_that_double_while_they_descend_are_bounded() {
    let step = json!({"properties": {"a": {"$ref": "#/$defs/n"}}});
    let dead = json!({"properties": {"a": {"$ref": "#/$defs/n"}}, "required": ["z"]});
    let late = json!({"additionalProperties": {"$ref": "#/$defs/n"}, "minProperties": 5});
    for body in [
        json!({"allOf": [step, step]}),
        json!({"anyOf": [dead, dead, {"type": "string"}]}),
        json!({"anyOf": [late, late]}),
        json!({"oneOf": [step, dead, step]}),
        json!({"not": {"allOf": [step, {"not": step}]}}),
        json!({"anyOf": [dead, step], "unevaluatedProperties": false}),
        json!({"if": step, "then": step, "else": step}),
    ] {
        for levels in [10, 30, 62] {
            let _ = bounded(&json!({"$defs": {"n": body}, "$ref": "#/$defs/n"}), &nest(levels));
        }
    }
    let twice = json!({"properties": {"a": {"$dynamicRef": "#n"}}, "required": ["z"]});
    let schema = json!({"$dynamicAnchor": "n", "anyOf": [twice, twice, {"type": "null"}]});
    let _ = bounded(&schema, &nest(62));
}

#[test]
fn a_call_that_was_stopped_leaves_the_judge_whole() {
    let schema = json!({"items": {"oneOf": (0..1000).map(|at| json!({"type": "integer", "minimum": at,
        "maximum": at})).collect::<Vec<_>>()}});
    let judge = compile(&schema.to_string()).unwrap();
    for _ in 0..3 {
        assert_eq!(check(&judge, &list("999", 10_000)), Err(Misfit::TooCostly));
        assert_eq!(check(&judge, "[999,1]"), Ok(()));
        assert_eq!(check(&judge, "[999,1,-1]"), Err(Misfit::Mismatch));
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                assert_eq!(check(&judge, &list("999", 10_000)), Err(Misfit::TooCostly));
                assert_eq!(check(&judge, "[999,1]"), Ok(()));
            });
        }
    });
    let lazy = json!({"$ref": "#/$defs/n", "$defs": {"n": {"allOf": [
        {"properties": {"a": {"$ref": "#/$defs/n"}}}, {"properties": {"b": {"type": "null"}}}],
        "unevaluatedProperties": {"type": "integer", "multipleOf": 0.01}}}});
    let judge = compile(&lazy.to_string()).unwrap();
    let many: Map<String, Value> = (0..30_000).map(|at| (format!("c{at}"), json!(1e300))).collect();
    assert_eq!(check(&judge, &Value::from(many).to_string()), Err(Misfit::TooCostly));
    assert_eq!(check(&judge, r#"{"a":{"b":null,"c":3}}"#), Ok(()));
    assert_eq!(check(&judge, r#"{"a":{"b":null,"c":3.5}}"#), Err(Misfit::Mismatch));
}

#[test]
fn long_lists_are_bounded() {
    let unique = json!({"uniqueItems": true});
    let objects: Vec<Value> = (0..100_000).map(|at| json!({"a": at})).collect();
    assert_eq!(bounded(&unique, &Value::from(objects).to_string()), Ok(()));
    let large: Vec<Value> = (0..13).map(|at| json!([wide(2000), at])).collect();
    let _ = bounded(&unique, &Value::from(large).to_string());
    let branches: Vec<Value> = (0..1000).map(|at| json!({"const": at})).collect();
    let _ = bounded(&json!({"items": {"oneOf": branches}}), &list("999", 10_000));
    let _ = bounded(&json!({"items": {"allOf": vec![json!({}); 4_900]}}), &list("1", 100_000));
    let _ = bounded(&json!({"items": {"allOf": vec![json!(true); 4_900]}}), &list("1", 100_000));
    let contains = json!({"contains": {"minProperties": 3}, "minContains": 99_999});
    assert_eq!(bounded(&contains, &list("{}", 100_000)), Err(Misfit::Mismatch));
    let objects: Vec<Value> = (0..5_000).map(|at| json!({"a": at, "b": [at]})).collect();
    let _ = bounded(&json!({"items": {"enum": objects}}), &list(r#"{"a":4999,"b":[4999]}"#, 5_000));
    let _ = bounded(
        &json!({"items": {"enum": (0..5000).collect::<Vec<_>>()}}),
        &list("4999.0", 10_000),
    );
    let _ = bounded(&json!({"items": {"type": "string"}}), &list("1", 200_000));
    let strings: Vec<Value> =
        (0..1000).map(|at| json!({"type": "string", "minLength": at})).collect();
    let _ = bounded(&json!({"anyOf": strings}), &list("1", 20_000));
    let _ = bounded(&json!({"items": {"anyOf": strings}}), &list("1", 5_000));
}

#[test]
fn wide_objects_are_bounded() {
    let value = wide(50_000).to_string();
    let names: Vec<String> = (0..5_000).map(|at| format!("k{at}")).collect();
    let _ = bounded(&json!({"required": names}), &value);
    let _ = bounded(&json!({"dependentRequired": {"k1": names}}), &value);
    let _ = bounded(&json!({"propertyNames": {"pattern": "^[a-z0-9]+$"}}), &value);
    let known: Map<String, Value> = (0..5_000).map(|at| (format!("k{at}"), json!({}))).collect();
    let _ = bounded(
        &json!({"properties": known.clone(), "additionalProperties": {"type": "integer"}}),
        &value,
    );
    let few: Map<String, Value> = known.into_iter().take(2_000).collect();
    let _ = bounded(&json!({"dependentSchemas": few}), &value);
    let patterns: Map<String, Value> =
        (0..400).map(|at| (format!("[k]{at}x.*y+$"), json!({}))).collect();
    let schema = json!({"patternProperties": patterns, "additionalProperties": true});
    let _ = bounded(&schema, &value);
    let _ = bounded(&schema, &format!(r#"{{"{}":1}}"#, "k".repeat(1_000_000)));
}

#[test]
fn numbers_are_bounded() {
    for (multiple, number) in [
        ("1e-300", "1e300"),
        ("0.0001", "123456789012345678901234567890.12345"),
        ("7", "1000000000000000000000000000000000000000000000000000000000"),
        ("0.01", "1e308"),
        ("1e308", "1.7e308"),
        ("3e-320", "5e-324"),
    ] {
        let schema: Value =
            serde_json::from_str(&format!(r#"{{"items":{{"multipleOf":{multiple}}}}}"#)).unwrap();
        let _ = bounded(&schema, &list(number, 100_000));
        let _ = bounded(&json!({"not": schema}), &list(number, 100_000));
    }
}

#[test]
fn lengths_are_bounded() {
    let many: Vec<Value> = (0..200).map(|at| json!({"maxLength": 300_000 - at})).collect();
    let schema = json!({"allOf": many});
    let _ = bounded(&schema, &format!("\"{}\"", "\u{e9}".repeat(250_000)));
    let _ = bounded(&schema, &format!("\"{}\"", "\\u00e9".repeat(250_000)));
}
