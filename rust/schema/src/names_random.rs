//! The automaton against its oracle, on random schemas and values in every dialect.

use jsonschema::Draft;
use mcpgate_json::Tape;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::Names;
use crate::names_oracle::Oracle;

const DRAFTS: [Draft; 5] =
    [Draft::Draft4, Draft::Draft6, Draft::Draft7, Draft::Draft201909, Draft::Draft202012];
const NAMES: [&str; 6] = ["a", "b", "c", "x-1", "x-a", "z"];
const DEFS: u64 = 3;

/// A small source of choices, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    fn name(&mut self) -> String {
        let place = usize::try_from(self.roll(6)).unwrap();
        NAMES[place].to_owned()
    }

    fn names(&mut self) -> Value {
        (0..=self.roll(2)).map(|_| self.name()).collect()
    }

    /// A schema; `from` is the first definition that it may refer to in place, or none for any.
    fn schema(&mut self, depth: u32, from: Option<u64>) -> Value {
        if depth == 0 || self.one_in(8) {
            return self.leaf();
        }
        let mut map = Map::new();
        if self.one_in(3) {
            map.insert(
                "type".into(),
                if self.one_in(4) { json!(["object", "null"]) } else { json!("object") },
            );
        }
        for _ in 0..=self.roll(3) {
            self.keyword(&mut map, depth, from);
        }
        Value::Object(map)
    }

    fn leaf(&mut self) -> Value {
        match self.roll(7) {
            0 => json!(true),
            1 => json!(false),
            2 => json!({"type": "object"}),
            3 => json!({"enum": ["q"]}),
            4 => json!({"type": "object", "properties": {}}),
            _ => json!({"type": "string"}),
        }
    }

    fn keyword(&mut self, map: &mut Map<String, Value>, depth: u32, from: Option<u64>) {
        let below = depth - 1;
        let (key, value) = match self.roll(20) {
            0..=4 => ("properties", self.named(below)),
            5 => ("allOf", self.several(below, from)),
            6 => ("anyOf", self.several(below, from)),
            7 => ("oneOf", self.several(below, from)),
            8 => ("patternProperties", self.patterns(below)),
            9 => ("additionalProperties", self.schema(below, None)),
            10 => ("required", self.names()),
            11 => {
                let key = ["if", "then", "else"][usize::try_from(self.roll(3)).unwrap()];
                map.entry("if").or_insert(json!({"required": ["a"]}));
                (key, self.schema(below, from))
            }
            12 => ("not", self.schema(below, None)),
            13 => ("dependentSchemas", {
                let name = self.name();
                json!({ name: self.schema(below, from) })
            }),
            14 => ("dependencies", {
                let name = self.name();
                json!({ name: self.schema(below, from), "b": self.names() })
            }),
            15 => ("propertyNames", json!({ "enum": self.names() })),
            16 => self.unevaluated(below),
            17 | 18 => self.items(below),
            _ => self.reference(from),
        };
        map.insert(key.into(), value);
    }

    fn named(&mut self, depth: u32) -> Value {
        let map: Map<String, Value> =
            (0..self.roll(4)).map(|_| (self.name(), self.schema(depth, None))).collect();
        Value::Object(map)
    }

    fn several(&mut self, depth: u32, from: Option<u64>) -> Value {
        (0..=self.roll(3)).map(|_| self.schema(depth, from)).collect()
    }

    fn patterns(&mut self, depth: u32) -> Value {
        let mut map = Map::new();
        for pattern in ["^x-", "[ab]$"] {
            if self.one_in(2) {
                map.insert(pattern.into(), self.schema(depth, None));
            }
        }
        Value::Object(map)
    }

    fn unevaluated(&mut self, depth: u32) -> (&'static str, Value) {
        let key = if self.one_in(2) { "unevaluatedProperties" } else { "unevaluatedItems" };
        (key, self.schema(depth, None))
    }

    fn items(&mut self, depth: u32) -> (&'static str, Value) {
        match self.roll(5) {
            0 => ("items", self.several(depth, None)),
            1 => ("prefixItems", self.several(depth, None)),
            2 => ("additionalItems", self.schema(depth, None)),
            3 => ("contains", self.schema(depth, None)),
            _ => ("items", self.schema(depth, None)),
        }
    }

    fn reference(&mut self, from: Option<u64>) -> (&'static str, Value) {
        let Some(from) = from else {
            return match self.roll(6) {
                0 => ("$ref", json!("#")),
                1 => ("$dynamicRef", json!("#node")),
                2 => ("$recursiveRef", json!("#")),
                _ => ("$ref", json!(format!("#/$defs/d{}", self.roll(DEFS)))),
            };
        };
        if from >= DEFS {
            return ("type", json!("object"));
        }
        ("$ref", json!(format!("#/$defs/d{}", from + self.roll(DEFS - from))))
    }

    fn document(&mut self) -> Value {
        let mut root = self.schema(4, Some(0));
        if !root.is_object() {
            root = json!({"properties": {"a": root}});
        }
        let mut defs = Map::new();
        for number in 0..DEFS {
            let mut schema = self.schema(3, Some(number + 1));
            if number == 1 {
                schema =
                    json!({"$dynamicAnchor": "node", "$recursiveAnchor": true, "allOf": [schema]});
            }
            defs.insert(format!("d{number}"), schema);
        }
        root["$defs"] = Value::Object(defs);
        if self.one_in(2) {
            root["$dynamicAnchor"] = json!("node");
        }
        root
    }

    fn value(&mut self, depth: u32) -> Value {
        match self.roll(if depth == 0 { 2 } else { 9 }) {
            0 => json!("q"),
            1 => json!(1),
            2 | 3 => (0..self.roll(3)).map(|_| self.value(depth - 1)).collect(),
            _ => self.object(depth - 1),
        }
    }

    fn object(&mut self, depth: u32) -> Value {
        Value::Object((0..self.roll(3)).map(|_| (self.name(), self.value(depth))).collect())
    }
}

fn compare(seed: u64) -> (u32, u32) {
    let mut dice = Dice(seed);
    let draft = DRAFTS[usize::try_from(dice.roll(5)).unwrap()];
    let schema = dice.document();
    let names = Names::compile(&schema, draft).unwrap();
    let oracle = Oracle { root: &schema, draft };
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..12 {
        let value = dice.object(4);
        let text = value.to_string();
        let mut tape = Tape::default();
        let doc = tape.scan(text.as_bytes(), 64).unwrap();
        let ours = names.as_ref().is_none_or(|names| names.check(&doc, doc.root()));
        assert_eq!(ours, oracle.accepts(&value), "{draft:?} {schema} {value}");
        if let Some(names) = &names {
            let found = names.problems(&doc, doc.root(), 5);
            assert_eq!(found.is_empty(), ours, "{schema} {value}");
            assert!(found.len() <= 5);
        }
        *(if ours { &mut taken } else { &mut refused }) += 1;
    }
    (taken, refused)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn the_automaton_is_what_the_oracle_reads(seed in any::<u64>()) {
        compare(seed);
    }
}

#[test]
fn thousands_of_schemas_are_judged_alike_both_ways() {
    let (mut taken, mut refused) = (0, 0);
    for seed in 0..3_000 {
        let (more, less) = compare(seed);
        taken += more;
        refused += less;
    }
    assert!(taken > 4_000 && refused > 4_000, "{taken} {refused}");
}

/// The validator's own account of names: with nothing unevaluated allowed, what it takes is known.
#[test]
fn names_that_the_validator_evaluates_are_never_refused() {
    let (mut asked, mut evaluated) = (0, 0);
    for seed in 0..2_000 {
        let mut dice = Dice(seed);
        let draft = if dice.one_in(2) { Draft::Draft201909 } else { Draft::Draft202012 };
        let schema = dice.document();
        let mut closed = schema.clone();
        closed["unevaluatedProperties"] = json!(false);
        let Ok(validator) = jsonschema::options().with_draft(draft).build(&closed) else {
            continue;
        };
        let Some(names) = Names::compile(&schema, draft).unwrap() else { continue };
        for _ in 0..12 {
            let value = dice.object(0);
            asked += 1;
            if !validator.is_valid(&value) {
                continue;
            }
            evaluated += 1;
            let text = value.to_string();
            let mut tape = Tape::default();
            let doc = tape.scan(text.as_bytes(), 64).unwrap();
            assert!(names.check(&doc, doc.root()), "{draft:?} {schema} {value}");
        }
    }
    assert!(asked > 4_000 && evaluated > 500, "{asked} {evaluated}");
}
