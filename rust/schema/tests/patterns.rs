//! Patterns: what is refused when a schema loads, and what a text may cost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails should say so at once"
)]

mod common;

use std::time::{Duration, Instant};

use common::{check, compile, fault, fits};
use mcpgate_schema::Misfit;
use serde_json::json;

const BOUND: Duration = Duration::from_millis(if cfg!(debug_assertions) { 3_000 } else { 100 });

fn pattern(text: &str) -> String {
    json!({"pattern": text}).to_string()
}

fn timed(schema: &str, value: &str) -> Result<(), Misfit> {
    let judge = compile(schema).expect(schema);
    let start = Instant::now();
    let verdict = check(&judge, value);
    let took = start.elapsed();
    assert!(took < BOUND, "{schema:.100} took {took:?}");
    verdict
}

#[test]
fn patterns_that_grow_are_refused() {
    for text in ["(a{1000}){1000}", "((a{100}){100}){100}", "\\p{L}{0,900}\\p{N}{0,900}x"] {
        assert_eq!(fault(&pattern(text)), "schema_pattern", "{text}");
    }
    assert_eq!(fault(&pattern(&"a".repeat(1_025))), "schema_pattern");
    assert_eq!(fault(&pattern("(?=(?=a)b)c")), "schema_pattern");
    for text in ["(", "[a", "a{2,1}", "(?<n>a)(?<n>b)"] {
        let rule = fault(&pattern(text));
        assert!(rule == "schema_pattern" || rule == "schema_invalid", "{text}: {rule}");
    }
    let many = (0..501).map(|at| (format!("k{at}"), json!({"pattern": format!("^a{at}")})));
    let many = json!({"properties": many.collect::<serde_json::Map<_, _>>()}).to_string();
    assert_eq!(fault(&many), "schema_pattern");
    let large = (0..100).map(|at| json!({"pattern": format!("x\\p{{L}}{{0,20}}{at}$")}));
    let large = json!({"allOf": large.collect::<Vec<_>>()}).to_string();
    assert_eq!(fault(&large), "schema_pattern");
}

#[test]
fn common_patterns_work_in_both_engines() {
    for (text, yes, no) in [
        ("^[\\p{L} '-]{1,100}$", "Zo\u{eb} O'Neil", "a1"),
        ("^\\d{3}-\\d{4}$", "555-1234", "555-12345"),
        ("^(?!-)[a-z0-9-]{1,63}(?<!-)$", "example-host", "-example"),
        ("^(?=.*[A-Z])(?=.*\\d).{8,}$", "Passw0rd", "password"),
        ("^(.)\\1$", "aa", "ab"),
        ("^#[0-9a-fA-F]{6}$", "#00ff7f", "#00ff7g"),
    ] {
        let schema = pattern(text);
        assert!(fits(&schema, &json!(yes).to_string()), "{text}");
        assert!(!fits(&schema, &json!(no).to_string()), "{text}");
    }
}

#[test]
fn a_match_that_cannot_be_finished_fits_nothing_not_even_a_negation() {
    let hard = "^(?:(a*)*)*\\1b";
    let value = json!("a".repeat(400)).to_string();
    for schema in [
        json!({"pattern": hard}),
        json!({"not": {"pattern": hard}}),
        json!({"not": {"not": {"pattern": hard}}}),
        json!({"anyOf": [{"not": {"pattern": hard}}, {"pattern": hard, "minLength": 500}]}),
        json!({"if": {"pattern": hard}, "then": false}),
        json!({"oneOf": [{"pattern": hard}, {"minLength": 500}]}),
    ] {
        assert!(timed(&schema.to_string(), &value).is_err(), "{schema}");
    }
    assert!(fits(&json!({"not": {"pattern": hard}}).to_string(), "\"c\""));
}

#[test]
fn hard_texts_are_bounded() {
    let letters: String = (0..40_000_u32)
        .map(|at| if at.wrapping_mul(2_654_435_761) >> 31 == 0 { 'a' } else { 'b' })
        .collect();
    for text in [
        "(a+)+$",
        "^(a+)+$",
        "(a|aa)+$",
        "(.*)*x",
        "[ab]*a[ab]{60}c",
        "[ab]*a[ab]{300}c",
        "a.{300}b.{300}c",
        "([ab]?){300}a([ab]?){300}c",
        "((a{0,50}){0,20}b){0,5}c",
        "(a+)+\\1!",
        "^(?:(a*)*)*\\1b",
        "(.*)(.*)(.*)\\1\\2\\3x",
        "^(?:(?=[ab]*c)a|(?=[ab]*d)b|a|b)*$",
        "(?:(?<=a)b|(?<!b)a|a|b)*c",
    ] {
        for length in [30, 300, 2_000, 5_000, 40_000] {
            let value = json!(letters[..length]).to_string();
            for schema in [json!({"pattern": text}), json!({"not": {"pattern": text}})] {
                let _ = timed(&schema.to_string(), &value);
            }
            let _ = timed(&pattern(text), &json!("a".repeat(length)).to_string());
        }
        let texts: Vec<String> =
            (0..2_000).map(|at| format!("{}{at}", &letters[at..at + 40])).collect();
        for schema in
            [json!({"items": {"not": {"pattern": text}}}), json!({"items": {"pattern": text}})]
        {
            let _ = timed(&schema.to_string(), &json!(texts).to_string());
        }
        let keys: serde_json::Map<_, _> = texts.into_iter().map(|text| (text, json!(1))).collect();
        let schema = json!({"patternProperties": {text: false}});
        let _ = timed(&schema.to_string(), &json!(keys).to_string());
    }
}

#[test]
fn formats_are_annotations_in_every_dialect() {
    for dialect in [
        "http://json-schema.org/draft-04/schema#",
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2019-09/schema",
        "https://json-schema.org/draft/2020-12/schema",
    ] {
        for format in ["email", "date-time", "uri", "regex", "ipv4", "unknown"] {
            let schema = json!({"$schema": dialect, "format": format}).to_string();
            assert!(fits(&schema, "\"(((a{1000}){1000}){1000}){1000}\""), "{schema}");
        }
    }
}
