//! Hostile shapes cost time in proportion to their bytes: eight times the bytes, about eight times
//! the time, and never more than a few tens of nanoseconds for each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails should say so at once"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use _core::lines::LineCutter;
use _core::message::read;
use _core::secrets::find;
use _core::sse::SseCutter;
use mcpgate_json::{Tape, canonical};

const SMALL: usize = 64 << 10;
const LARGE: usize = 8 * SMALL;
/// What eight times the bytes may cost, caches and a busy machine allowed for. What is quadratic
/// costs 64 times.
const RATIO: u32 = 40;
/// How often a shape may be too slow before it is the code's fault.
const TRIES: usize = 3;
/// The most that a byte may cost in a build without optimisation, on a busy machine.
const BYTE_NS: u128 = 6_000;

type Shape = (&'static str, fn(usize) -> Vec<u8>);

/// A part again and again, then an end.
fn again(size: usize, start: &str, part: &str, end: &str) -> Vec<u8> {
    let count = size / part.len();
    [start, &part.repeat(count), end].concat().into_bytes()
}

fn keys(size: usize, write: impl Fn(usize) -> String) -> Vec<u8> {
    let (mut text, mut place) = (String::from("{"), 0);
    while text.len() < size {
        text.push_str(&write(place));
        place += 1;
    }
    text.push_str("\"end\":0}");
    text.into_bytes()
}

const SHAPES: [Shape; 24] = [
    ("keys with one long beginning", |size| {
        let start = "k".repeat(256);
        keys(size, |place| format!("\"{start}{place}\":0,"))
    }),
    ("few keys with a very long beginning", |size| {
        let start = "k".repeat(size / 12);
        let members: Vec<_> = (10..22).map(|place| format!("\"{start}{place}\":0")).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    }),
    ("short keys", |size| keys(size, |place| format!("\"{place}\":0,"))),
    ("escaped keys", |size| keys(size, |place| format!("\"\\u0061{place}\":0,"))),
    ("keys of escapes", |size| keys(size, |place| format!("\"{}{place}\":0,", "\\n".repeat(100)))),
    ("a duplicate at the end", |size| {
        keys(size, |place| if place == 0 { "\"end\":0,".into() } else { format!("\"{place}\":0,") })
    }),
    ("objects in objects", |size| again(size, "", "{\"a\":", "")),
    ("arrays in arrays", |size| again(size, "", "[", "")),
    ("closed arrays", |size| [vec![b'['; size / 2], vec![b']'; size / 2]].concat()),
    ("small objects", |size| again(size, "[", "{\"a\":1,\"b\":[]},", "0]")),
    ("objects of thirteen keys", |size| {
        let object = String::from_utf8(keys(100, |place| format!("\"{place}\":0,"))).unwrap();
        again(size, "[", &format!("{object},"), "0]")
    }),
    ("a long number", |size| again(size, "", "1", "")),
    ("a long fraction", |size| again(size, "0.", "1", "")),
    ("a long exponent", |size| again(size, "1e", "1", "")),
    ("numbers of 64 letters", |size| again(size, "[", &format!("{},", "1".repeat(64)), "0]")),
    ("numbers with exponents", |size| again(size, "[", "1.7976931348623157e308,", "0]")),
    ("backslashes", |size| again(size, "\"", "\\\\", "\"")),
    ("backslashes that never end", |size| again(size, "\"", "\\", "")),
    ("surrogate pairs", |size| again(size, "\"", "\\ud83d\\ude00", "\"")),
    ("a half at the end", |size| again(size, "\"", "\\ud83d\\ude00", "\\ud83d\"")),
    ("blanks", |size| again(size, "[", " \n\t", "]")),
    ("a text that never ends", |size| again(size, "\"", "ü", "")),
    ("commas", |size| again(size, "[", ",", "]")),
    ("empty texts", |size| again(size, "[", "\"\",", "0]")),
];

/// The shortest of some runs: what the work costs without the neighbours.
fn best(mut work: impl FnMut()) -> Duration {
    let once = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..5).map(|_| once(&mut work)).min().unwrap()
}

fn check(name: &str, make: fn(usize) -> Vec<u8>, work: fn(&[u8])) {
    let (small, large) = (make(SMALL), make(LARGE));
    let is_good = || {
        let (few, many) = (best(|| work(black_box(&small))), best(|| work(black_box(&large))));
        let linear = many < few.max(Duration::from_micros(20)) * RATIO;
        let good = linear && many.as_nanos() < LARGE as u128 * BYTE_NS;
        if !good {
            println!("{name}: {few:?} for {SMALL} bytes, {many:?} for {LARGE}");
        }
        good
    };
    assert!((0..TRIES).any(|_| is_good()), "{name}");
}

#[test]
fn reading_is_linear() {
    for (name, make) in SHAPES {
        check(name, make, |raw| {
            let _ = black_box(Tape::default().scan(raw, 64).map(|doc| doc.len(doc.root())));
        });
    }
}

#[test]
fn messages_and_canonical_forms_are_linear() {
    for (name, make) in SHAPES {
        check(name, make, |raw| {
            let params = [b"{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{\"a\":", raw, b"}}"];
            let raw = params.concat();
            let mut tape = Tape::default();
            if let Ok(message) = read(&mut tape, &raw, 64) {
                assert!(!message.is_ambiguous());
                black_box(canonical(&message.doc, message.doc.root()));
            }
        });
    }
}

/// What looks like many beginnings of secrets, or like one that goes on and on.
const BAIT: [Shape; 14] = [
    ("marks", |size| again(size, "[\"", "ghp_ sk- eyJ :// ", "\"]")),
    ("words of marks", |size| again(size, "[\"", "sk-", "\"]")),
    ("dotted marks", |size| again(size, "[\"", "ya29.eyJ.SG.", "\"]")),
    ("tokens of nothing", |size| again(size, "[\"sk-", "a", "\"]")),
    ("web tokens", |size| again(size, "[\"", "eyJhbGciOiJub25lIn0.", "\"]")),
    ("headers of web tokens", |size| again(size, "[\"", "eyJhbGciOiJub25lIn0.a ", "\"]")),
    ("urls", |size| again(size, "[\"", "https://a:", "\"]")),
    ("urls with passwords", |size| again(size, "[\"", "https://a:b@c ", "\"]")),
    ("beginnings of keys", |size| again(size, "[\"", "-----BEGIN PRIVATE KEY-----", "\"]")),
    ("beginnings of escaped keys", |size| {
        again(size, "[\"\\n", "-----BEGIN PRIVATE KEY-----\\n", "\"]")
    }),
    ("one key that never ends", |size| {
        again(size, "[\"-----BEGIN PRIVATE KEY-----\\n", "MIIE", "\"]")
    }),
    ("header names", |size| again(size, "[\"", "Authorization: Bearer ", "\"]")),
    ("escapes before marks", |size| again(size, "[\"", "\\u0041\\\\sk-", "\"]")),
    ("short escaped texts", |size| again(size, "[", "\"\\u0041KIA\",", "0]")),
];

#[test]
fn the_search_for_secrets_is_linear() {
    for (name, make) in SHAPES.into_iter().chain(BAIT) {
        check(name, make, |raw| {
            let mut tape = Tape::default();
            if let Ok(doc) = tape.scan(raw, 64) {
                black_box(find(&doc, doc.root()));
            }
        });
    }
}

#[test]
fn cutting_streams_is_linear() {
    let streams: [Shape; 6] = [
        ("a line without end", |size| vec![b'x'; size]),
        ("empty lines", |size| vec![b'\n'; size]),
        ("returns", |size| vec![b'\r'; size]),
        ("data of many lines", |size| again(size, "", "data: x\n", "\n")),
        ("many events", |size| again(size, "", "data: {}\n\n", "")),
        ("many ids", |size| again(size, "", "id: 1\n", "\n")),
    ];
    for (name, make) in streams {
        check(name, make, |raw| {
            let (mut cutter, mut out) = (SseCutter::new(LARGE * 2), Vec::new());
            for chunk in raw.chunks(1000) {
                cutter.feed(chunk, &mut out).unwrap();
            }
        });
        check(name, make, |raw| {
            let (mut cutter, mut out) = (LineCutter::new(1000), Vec::new());
            raw.chunks(1000).for_each(|chunk| cutter.feed(chunk, &mut out));
        });
    }
}

#[test]
fn a_tape_gives_back_what_a_large_document_needed() {
    let mut tape = Tape::default();
    for size in [SMALL, LARGE] {
        let raw = again(size, "[", "0,", "0]");
        assert!(tape.scan(&raw, 64).is_ok());
    }
    tape.trim();
    assert!(tape.scan(b"[1]", 64).is_ok());
}
