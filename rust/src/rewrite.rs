//! Edits on byte spans: what is not edited stays as the peer wrote it, byte for byte.

use std::ops::Range;

use mcpgate_json::{Doc, Node};

pub use mcpgate_json::push_string;

/// A set of edits on one message.
#[derive(Debug)]
pub struct Edits<'a> {
    bytes: &'a [u8],
    list: Vec<(Range<usize>, Vec<u8>)>,
}

impl<'a> Edits<'a> {
    /// No edits yet.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, list: Vec::with_capacity(6) }
    }

    /// Put `with` in the place of a span. Spans never overlap.
    pub fn replace(&mut self, span: Range<usize>, with: Vec<u8>) {
        self.list.push((span, with));
    }

    /// Put `with` right after the opening bracket of the object at `span`, before its members.
    pub fn insert_first(&mut self, span: &Range<usize>, with: Vec<u8>) {
        let place = span.start.saturating_add(1);
        self.list.push((place..place, with));
    }

    /// Take the members with these keys out of an object.
    pub fn remove(&mut self, doc: &Doc<'_>, object: Node, keys: &[&str]) {
        let (mut kept, mut end) = (false, 0);
        let mut entries = doc.entries(object).peekable();
        while let Some((key, value)) = entries.next() {
            let gone = keys.iter().any(|name| doc.is_key(key, name));
            let next = entries.peek().map(|(key, _)| doc.span(*key).start);
            if gone && kept {
                self.replace(end..doc.span(value).end, Vec::new());
            } else if gone {
                self.replace(doc.span(key).start..next.unwrap_or(doc.span(value).end), Vec::new());
            }
            kept |= !gone;
            end = doc.span(value).end;
        }
    }

    /// The edited message.
    pub fn apply(mut self) -> Vec<u8> {
        self.list.sort_by_key(|(span, _)| span.start);
        let added: usize = self.list.iter().map(|(_, with)| with.len()).sum();
        let mut out = Vec::with_capacity(self.bytes.len().saturating_add(added));
        let mut at = 0;
        for (span, with) in &self.list {
            out.extend_from_slice(self.bytes.get(at..span.start).unwrap_or_default());
            out.extend_from_slice(with);
            at = span.end.max(at);
        }
        out.extend_from_slice(self.bytes.get(at..).unwrap_or_default());
        out
    }
}

/// `text` as a JSON string, quotes included.
pub fn string(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len().saturating_add(2));
    push_string(&mut out, text);
    out
}

/// `number` in decimal digits.
pub fn decimal(number: i64) -> Vec<u8> {
    number.to_string().into_bytes()
}
