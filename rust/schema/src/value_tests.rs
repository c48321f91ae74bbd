//! The representation against the library's own check of one, and against the library's reading
//! of trees.

use jsonschema_value::conformance::{assert_conformance, document};
use jsonschema_value::{Json, JsonNumber, Node as _, Object};
use mcpgate_json::Tape;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::equal;
use crate::meter::{CALL_UNITS, Prices};
use crate::value::{Scene, TapeJson};

fn with<T>(text: &str, work: impl FnOnce(&Scene<'_>) -> T) -> T {
    let mut tape = Tape::default();
    let doc = tape.scan(text.as_bytes(), 64).unwrap();
    work(&Scene::new(doc, Prices::default()))
}

#[test]
fn the_representation_keeps_the_library_s_contract() {
    with(&document().to_string(), |scene| {
        assert_conformance::<TapeJson>(&scene.item(scene.doc.root()));
    });
}

#[test]
fn lengths_count_code_points_however_they_are_written() {
    for (text, length) in [
        (r#""""#, 0),
        (r#""abc""#, 3),
        ("\"gr\u{fc}n\"", 4),
        (r#""gr\u00fcn""#, 4),
        ("\"\u{1f980}\u{1f980}\"", 2),
        (r#""\ud83e\udd80x""#, 2),
        (r#""\n\\""#, 2),
    ] {
        with(text, |scene| {
            let item = scene.item(scene.doc.root());
            assert_eq!(item.string_length(), Some(length), "{text}");
            for min in 0..6 {
                for max in 0..6 {
                    let within = Some((min..=max).contains(&length));
                    assert_eq!(item.string_length_within(min, max), within, "{text} {min} {max}");
                }
            }
        });
    }
}

#[test]
fn keys_are_found_however_they_are_written() {
    with(r#"{"a":1,"\u0062":2,"gr\u00fcn":3}"#, |scene| {
        let item = scene.item(scene.doc.root());
        for (key, value) in [("a", 1), ("b", 2), ("gr\u{fc}n", 3)] {
            let found = item.get(&TapeJson::prepare_key(key)).unwrap();
            assert_eq!(found.as_number().unwrap().as_i64(), Some(value));
        }
        let names: Vec<String> = item.members().map(|(name, _)| name.into_owned()).collect();
        assert_eq!(names, ["a", "b", "gr\u{fc}n"]);
    });
}

#[test]
fn integers_are_exact_to_the_ends_of_64_bits() {
    for (text, value) in [
        ("9007199254740993", json!(9_007_199_254_740_993_i64)),
        ("18446744073709551615", json!(u64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
    ] {
        with(text, |scene| {
            let item = scene.item(scene.doc.root());
            assert!(item.equals_value(&value));
            assert!(!item.equals_value(&json!(9_007_199_254_740_992_i64)));
        });
    }
}

#[test]
fn a_call_without_units_stops_and_leaves_nothing_broken() {
    with("[1,2,3]", |scene| {
        let item = scene.item(scene.doc.root());
        let endless = || (0..u64::MAX).filter(|_| item.is_null()).count();
        assert_eq!(crate::meter::bounded(endless), None);
        assert_eq!(scene.meter.left(), 0);
    });
    with("[1,2,3]", |scene| {
        assert!(scene.meter.left() > CALL_UNITS);
        assert_eq!(crate::meter::bounded(|| 7), Some(7));
    });
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        prop_oneof![Just(1.0), Just(-0.0), Just(2.5), Just(1e2)].prop_map(Value::from),
        "[ab\u{e9}\"]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map("[ab]{1,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn equality_is_the_library_s(left in values(), right in values()) {
        with(&left.to_string(), |scene| {
            let item = scene.item(scene.doc.root());
            prop_assert_eq!(
                equal::to_value(item, &right),
                jsonschema_value::cmp::equal(&left, &right)
            );
            prop_assert!(equal::to_value(item, &left));
            prop_assert_eq!(item.to_value().into_owned(), left);
            Ok(())
        })?;
    }

    #[test]
    fn uniqueness_is_the_library_s(items in prop::collection::vec(values(), 0..30)) {
        with(&Value::from(items.clone()).to_string(), |scene| {
            let item = scene.item(scene.doc.root());
            prop_assert_eq!(equal::all_differ(item), jsonschema_value::unique::is_unique(&items));
            Ok(())
        })?;
    }
}
