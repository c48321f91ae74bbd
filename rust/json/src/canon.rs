//! One form for equal values: members sorted by key, no blanks, one spelling of each text and
//! number. Numbers stay exact decimals, so integers beyond 2^53 never meet.

use sha2::{Digest, Sha256};

use crate::doc::{Doc, Node, NodeKind};
use crate::number::Decimal;
use crate::text::push_string;

/// The canonical form of a value. Equal values, and only they, have the same one.
pub fn canonical(doc: &Doc<'_>, node: Node) -> Vec<u8> {
    let mut out = Vec::with_capacity(doc.span(node).len());
    write(doc, node, &mut out);
    out
}

/// SHA-256 of the canonical form.
pub fn fingerprint(doc: &Doc<'_>, node: Node) -> [u8; 32] {
    Sha256::digest(canonical(doc, node)).into()
}

/// Nesting is as deep as the scan allowed.
fn write(doc: &Doc<'_>, node: Node, out: &mut Vec<u8>) {
    match doc.kind(node) {
        NodeKind::Null => out.extend_from_slice(b"null"),
        NodeKind::True => out.extend_from_slice(b"true"),
        NodeKind::False => out.extend_from_slice(b"false"),
        NodeKind::Number => write_number(doc.raw_text(node), out),
        NodeKind::Plain | NodeKind::Escaped => push_string(out, &doc.text(node)),
        NodeKind::Array => {
            let mut mark = b'[';
            for item in doc.items(node) {
                out.push(mark);
                mark = b',';
                write(doc, item, out);
            }
            out.extend_from_slice(if mark == b'[' { b"[]" } else { b"]" });
        }
        NodeKind::Object => write_object(doc, node, out),
    }
}

fn write_object(doc: &Doc<'_>, node: Node, out: &mut Vec<u8>) {
    let mut members: Vec<_> =
        doc.entries(node).map(|(key, value)| (doc.text(key), value)).collect();
    members.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    let mut mark = b'{';
    for (key, value) in members {
        out.push(mark);
        mark = b',';
        push_string(out, &key);
        out.push(b':');
        write(doc, value, out);
    }
    out.extend_from_slice(if mark == b'{' { b"{}" } else { b"}" });
}

/// Write a number as its digits without outer zeros and the power of ten behind them.
fn write_number(text: &str, out: &mut Vec<u8>) {
    let number = Decimal::read(text);
    if number.is_zero() {
        return out.push(b'0');
    }
    if number.negative {
        out.push(b'-');
    }
    out.extend(number.digits());
    if number.power != 0 {
        out.push(b'e');
        out.extend_from_slice(number.power.to_string().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::tape::Tape;

    fn form(text: &str) -> String {
        let mut tape = Tape::default();
        let doc = tape.scan(text.as_bytes(), 64).unwrap();
        String::from_utf8(canonical(&doc, doc.root())).unwrap()
    }

    #[test]
    fn spelling_makes_no_difference() {
        assert_eq!(
            form(r#" { "b" : [ 1 , 2.50 ] , "\u0061" : "x\/\u0041\n" } "#),
            r#"{"a":"x/A\n","b":[1,25e-1]}"#
        );
        assert_eq!(form("[[],{},null,true,false]"), "[[],{},null,true,false]");
    }

    #[test]
    fn numbers_are_compared_exactly() {
        for (one, other) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("0.10", "1E-1"),
            ("-0", "0.0e9"),
            ("12000e-3", "12"),
            ("1e+2", "100"),
        ] {
            assert_eq!(form(one), form(other));
        }
        for (one, other) in [
            ("9007199254740993", "9007199254740992"),
            ("1", "-1"),
            ("1", "10"),
            ("0.1", "0.10000000000000001"),
        ] {
            assert_ne!(form(one), form(other));
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("\\PC{0,3}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_form_means_the_same_and_is_its_own_form(value in value()) {
            let form_of = form(&value.to_string());
            prop_assert_eq!(form(&form_of), form_of.clone());
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(form(&pretty), form_of);
        }

        #[test]
        fn equal_values_alone_have_equal_forms(one in value(), other in value()) {
            prop_assert_eq!(form(&one.to_string()) == form(&other.to_string()), one == other);
        }
    }
}
