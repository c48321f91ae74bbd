//! The strict reading: what is refused, what is kept, and agreement with a second parser.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails should say so at once"
)]

use _core::message::{Unread, read};
use mcpgate_json::{Fault, NodeKind, Tape};
use proptest::prelude::*;

const DEPTH: usize = 64;

fn scan(text: &[u8]) -> Result<(), Fault> {
    Tape::default().scan(text, DEPTH).map(|_| ())
}

#[test]
fn what_readers_disagree_on_is_refused() {
    type Expected = fn(&Fault) -> bool;
    let refused: &[(&[u8], Expected)] = &[
        (b"\xef\xbb\xbf{}", |f| *f == Fault::Bom),
        (b"\"\xff\"", |f| *f == Fault::Utf8),
        (b"\"\xc0\xaf\"", |f| *f == Fault::Utf8),
        (b"{\"a\":1,\"a\":2}", |f| matches!(f, Fault::Duplicate(_))),
        (b"{\"a\":1,\"\\u0061\":2}", |f| matches!(f, Fault::Duplicate(_))),
        (b"[{\"x\":{\"b\":1,\"c\":0,\"b\":2}}]", |f| matches!(f, Fault::Duplicate(_))),
        (b"\"\\ud800\"", |f| matches!(f, Fault::Surrogate(_))),
        (b"\"\\udc00\"", |f| matches!(f, Fault::Surrogate(_))),
        (b"\"\\ud800\\u0041\"", |f| matches!(f, Fault::Surrogate(_))),
        (b"1e400", |f| matches!(f, Fault::Number(_))),
        (b"-1e400", |f| matches!(f, Fault::Number(_))),
        (b"1e-400", |f| matches!(f, Fault::Number(_))),
        (b"{} {}", |f| matches!(f, Fault::Trailing(_))),
        (b"{}\0", |f| matches!(f, Fault::Trailing(_))),
    ];
    for (text, expected) in refused {
        let fault = scan(text).unwrap_err();
        assert!(expected(&fault), "{} gave {fault}", String::from_utf8_lossy(text));
    }
    let long = "1".repeat(65);
    assert!(matches!(scan(long.as_bytes()), Err(Fault::Number(0))));
}

#[test]
fn keys_in_another_case_are_refused_where_they_decide() {
    let ambiguous = |raw: &str| {
        read(&mut Tape::default(), raw.as_bytes(), DEPTH).map(|message| message.is_ambiguous())
    };
    let call = |params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{params}}}}}"#)
    };
    for params in [
        r#""name":"a","Name":"b""#,
        r#""uri":"a","URI":"b""#,
        "\"argument\u{17f}\":{}",
        "\"ta\u{17f}\u{212a}\":{}",
        r#""_META":{}"#,
        r#""requeststate":"x""#,
        r#""ref":{"type":"ref/prompt","name":"a","NAME":"b"}"#,
    ] {
        assert_eq!(ambiguous(&call(params)), Ok(true), "{params}");
    }
    for params in ["", r#""name":"a","arguments":{"Name":1,"NAME":2},"names":1,"é":2"#] {
        assert_eq!(ambiguous(&call(params)), Ok(false), "{params}");
    }
    for key in ["Method", "ID", "PARAMS", "param\u{17f}", "JsonRpc", "Error"] {
        let raw = call("").replace("{\"jsonrpc\"", &format!("{{\"{key}\":1,\"jsonrpc\""));
        assert!(matches!(ambiguous(&raw), Err(Unread::Shape(Some(_), _))), "{raw}");
    }
}

#[test]
fn what_is_not_json_is_refused() {
    let texts: &[&[u8]] = &[
        b"",
        b" ",
        b"{",
        b"[",
        b"]",
        b"{]",
        b"[}",
        b"[1,]",
        b"{\"a\":1,}",
        b"{a:1}",
        b"{'a':1}",
        b"[1 2]",
        b"01",
        b"1.",
        b".5",
        b"+1",
        b"-",
        b"1e",
        b"NaN",
        b"Infinity",
        b"tru",
        b"nul",
        b"\"a\nb\"",
        b"\"\\x41\"",
        b"\"\\u12g4\"",
        b"\"abc",
        b"{\"a\"}",
        b"{\"a\":}",
        b"[,1]",
        b"{\"a\":1 \"b\":2}",
        b"// x\n1",
        b"\x00",
        b"\"\x1f\"",
        b"{1:2}",
        b"[1],",
        b"\"\\",
    ];
    for text in texts {
        assert!(scan(text).is_err(), "{} was accepted", String::from_utf8_lossy(text));
    }
}

#[test]
fn depth_is_bounded_and_costs_nothing_beyond_its_limit() {
    let nested = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
    assert!(scan(&nested(DEPTH)).is_ok());
    assert_eq!(scan(&nested(DEPTH + 1)), Err(Fault::Depth));
    assert_eq!(scan(&b"[".repeat(1_000_000)), Err(Fault::Depth));
    assert_eq!(scan(&b"{\"a\":".repeat(100_000)), Err(Fault::Depth));
}

#[test]
fn many_keys_are_checked_in_linear_time() {
    let members: Vec<String> = (0..200_000).map(|n| format!("\"k{n}\":{n}")).collect();
    let mut text = format!("{{{}}}", members.join(","));
    assert!(scan(text.as_bytes()).is_ok());
    text.truncate(text.len() - 1);
    text.push_str(",\"k7\":0}");
    assert!(matches!(scan(text.as_bytes()), Err(Fault::Duplicate(_))));
}

#[test]
fn big_integers_and_escapes_survive_as_written() {
    let text = br#"{"n":12345678901234567890123,"s":"a\u0062\n\ud83d\ude00\/","e":1.50e+2}"#;
    let mut tape = Tape::default();
    let doc = tape.scan(text, DEPTH).unwrap();
    let root = doc.root();
    assert_eq!(doc.raw_text(doc.get(root, "n").unwrap()), "12345678901234567890123");
    assert_eq!(doc.integer(doc.get(root, "n").unwrap()), None);
    assert_eq!(doc.text(doc.get(root, "s").unwrap()), "ab\n\u{1F600}/");
    assert_eq!(doc.raw_text(doc.get(root, "e").unwrap()), "1.50e+2");
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 64, 16, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..16).prop_map(Into::into),
            prop::collection::btree_map(".{0,6}", inner, 0..16)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn rebuilt(doc: &mcpgate_json::Doc<'_>, node: mcpgate_json::Node) -> serde_json::Value {
    match doc.kind(node) {
        NodeKind::Null => serde_json::Value::Null,
        NodeKind::True => true.into(),
        NodeKind::False => false.into(),
        NodeKind::Number => serde_json::from_str(doc.raw_text(node)).unwrap(),
        NodeKind::Plain | NodeKind::Escaped => doc.text(node).into_owned().into(),
        NodeKind::Array => {
            doc.items(node).map(|item| rebuilt(doc, item)).collect::<Vec<_>>().into()
        }
        NodeKind::Object => serde_json::Value::Object(
            doc.entries(node)
                .map(|(key, item)| (doc.text(key).into_owned(), rebuilt(doc, item)))
                .collect(),
        ),
    }
}

proptest! {
    #[test]
    fn the_tape_reads_what_serde_wrote(value in value(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.unwrap();
        let mut tape = Tape::default();
        let doc = tape.scan(text.as_bytes(), DEPTH).unwrap();
        let second: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(rebuilt(&doc, doc.root()), second);
    }

    #[test]
    fn what_the_tape_accepts_serde_accepts(text in r#"[\[\]{}:,"0-9eE.+\-tfnul\\ a-c]{0,40}"#) {
        if scan(text.as_bytes()).is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
        }
    }

    #[test]
    fn flipped_bytes_never_split_the_readers(value in value(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = serde_json::to_vec(&value).unwrap();
        let place = place.index(text.len());
        text[place] = byte;
        let mut tape = Tape::default();
        if let Ok(doc) = tape.scan(&text, DEPTH) {
            let second: serde_json::Value = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(rebuilt(&doc, doc.root()), second);
        }
    }
}
