//! Secrets in what a server sends: found by strict shapes, taken out on byte spans.
//!
//! One pass looks for the marks of all kinds over the raw bytes, whatever strings they are in; only
//! where a mark has the shape of its kind is the string looked up, decoded and judged. So clean
//! text costs one pass and no allocation; but a string that spells letters as `\u00..` is decoded
//! first. A secret that is split over two strings is not found, nor one that is encoded once more.

use std::borrow::Cow;
use std::ops::Range;

use mcpgate_json::{Doc, Node, NodeKind, push_string};

pub use crate::secret_kinds::{KINDS, Kind};
use crate::secret_marks::{Cursor, Mark, check};

/// How often a text is read again after secrets were taken out of it.
const ROUNDS: usize = 8;

/// A secret in a document, and what to put in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The id of its kind.
    pub kind: &'static str,
    /// The bytes of the document to replace.
    pub span: Range<usize>,
    /// What replaces them and keeps the document strict.
    pub with: Vec<u8>,
    /// Whether it stands in a member's name, which cannot be replaced: refuse the whole.
    pub in_key: bool,
}

/// A secret in a text.
type Hit = (&'static str, Range<usize>);

/// Find the secrets in all strings below a node, names of members too.
pub fn find(doc: &Doc<'_>, node: Node) -> Vec<Secret> {
    let span = doc.span(node);
    let bytes = doc.bytes().get(..span.end).unwrap_or_default();
    let mut found = Vec::new();
    let mut at = span.start;
    let mut marks = Cursor::new(bytes, at);
    while let Some((place, mark)) = marks.next(at) {
        at = place.saturating_add(1);
        if is_suspicious(bytes, place, mark) {
            at = at.max(judge(doc, place, &mut found));
        }
    }
    found
}

/// Whether the raw bytes at a mark call for a look at the string they are in.
fn is_suspicious(bytes: &[u8], place: usize, mark: Mark) -> bool {
    let Some(kind) = mark.kind else {
        // An escape: of printable ASCII, it may hide the letters of another mark.
        let digit = bytes.get(place.saturating_add(mark.len));
        return mark.len == 2 || digit.is_some_and(|digit| (b'2'..=b'7').contains(digit));
    };
    check(bytes, place, mark.len, kind, true).is_some()
}

/// The kind of the first secret in a text.
pub fn kind_of(text: &str) -> Option<&'static str> {
    first(text.as_bytes(), &mut Cursor::new(text.as_bytes(), 0), &mut 0).map(|(kind, _)| kind)
}

/// Add the secrets of the string around `place`; return where the string ends.
fn judge(doc: &Doc<'_>, place: usize, found: &mut Vec<Secret>) -> usize {
    let Some(node) = doc.string_at(place) else { return 0 };
    let span = doc.span(node);
    let text = doc.text(node);
    let hits = scan(&text);
    let Some((kind, _)) = hits.first() else { return span.end };
    let in_key = is_key(doc, span.end);
    let once = replaced(&text, &hits);
    if doc.kind(node) == NodeKind::Plain && !in_key && kind_of(&once).is_none() {
        let inside = span.start.saturating_add(1);
        found.extend(hits.iter().map(|(kind, part)| Secret {
            kind,
            span: part.start.saturating_add(inside)..part.end.saturating_add(inside),
            with: label(kind).into_bytes(),
            in_key,
        }));
    } else {
        let mut with = Vec::new();
        push_string(&mut with, &cleaned(once, kind));
        found.push(Secret { kind, span: span.clone(), with, in_key });
    }
    span.end
}

/// Whether the string that ends here is a member's name.
fn is_key(doc: &Doc<'_>, end: usize) -> bool {
    let rest = doc.bytes().get(end..).unwrap_or_default();
    rest.trim_ascii_start().first() == Some(&b':')
}

fn label(kind: &str) -> String {
    format!("[redacted:{kind}]")
}

/// All secrets of a text, in order.
fn scan(text: &str) -> Vec<Hit> {
    let (mut hits, mut at) = (Vec::new(), 0);
    let mut marks = Cursor::new(text.as_bytes(), at);
    while let Some(hit) = first(text.as_bytes(), &mut marks, &mut at) {
        hits.push(hit);
    }
    hits
}

/// The first secret from `at`, which moves behind it.
fn first(text: &[u8], marks: &mut Cursor<'_>, at: &mut usize) -> Option<Hit> {
    while let Some((place, mark)) = marks.next(*at) {
        let hit = mark.kind.and_then(|kind| {
            let part = check(text, place, mark.len, kind, false)?;
            (part.start >= *at).then_some((kind.id, part))
        });
        if let Some((_, part)) = &hit {
            *at = part.end;
            return hit;
        }
        *at = place.saturating_add(1);
    }
    None
}

fn replaced(text: &str, hits: &[Hit]) -> String {
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (kind, part) in hits {
        out.push_str(text.get(at..part.start).unwrap_or_default());
        out.push_str(&label(kind));
        at = part.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Take out what only shows once its neighbours are gone; in the end, everything.
fn cleaned(text: String, kind: &str) -> Cow<'static, str> {
    let mut text = text;
    for _ in 0..ROUNDS {
        let hits = scan(&text);
        if hits.is_empty() {
            return Cow::Owned(text);
        }
        text = replaced(&text, &hits);
    }
    Cow::Owned(label(kind))
}
