//! One strict pass over JSON bytes, giving a flat tape of nodes.
//!
//! What is accepted means the same to every JSON reader: no duplicate keys at any level, no lone
//! surrogates, no byte order mark, no numbers that a double cannot hold, nothing after the value.
//! The pass is linear, allocates nothing once its buffer has grown, and never recurses.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use crate::scan::Fault;
use crate::scan::{Reader, short};

/// How many cells a tape keeps between documents; what a larger one needed goes back.
const KEPT_CELLS: usize = 64 << 10;
/// Objects with more keys than this, or with escapes in one, are checked for duplicates by hashing.
const FEW_KEYS: usize = 12;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// `null`
    Null,
    /// `true`
    True,
    /// `false`
    False,
    /// A number.
    Number,
    /// A string without escapes.
    Plain,
    /// A string with escapes.
    Escaped,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// A node of a tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node(u32);

#[derive(Debug, Clone, Copy)]
struct Cell {
    kind: NodeKind,
    start: u32,
    end: u32,
    /// Index of the cell after this value and all inside it.
    next: u32,
    /// Keys of an object, items of an array.
    count: u32,
}

/// A container whose end was not reached yet.
#[derive(Debug, Clone, Copy)]
struct Frame {
    cell: u32,
    count: u32,
    object: bool,
    /// A bit for each key seen, by its length and outer letters.
    seen: u64,
    /// Whether two keys share a bit, or one has escapes: they are compared at the end.
    suspect: bool,
}

/// A reusable buffer for one document's nodes.
#[derive(Debug, Default)]
pub struct Tape {
    cells: Vec<Cell>,
    open: Vec<Frame>,
}

/// A scanned document: its bytes and its nodes; the default one holds nothing but a null.
#[derive(Debug, Clone, Copy, Default)]
pub struct Doc<'a> {
    text: &'a str,
    cells: &'a [Cell],
}

impl Tape {
    /// Read the whole of `bytes` as one JSON value nested at most `depth` deep.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    pub fn scan<'a>(&'a mut self, bytes: &'a [u8], depth: usize) -> Result<Doc<'a>, Fault> {
        if bytes.len() >= u32::MAX as usize {
            return Err(Fault::Length);
        }
        if bytes.starts_with(b"\xef\xbb\xbf") {
            return Err(Fault::Bom);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Fault::Utf8)?;
        self.cells.clear();
        self.open.clear();
        let mut reader = Reader { text, bytes, at: 0 };
        reader.blank();
        self.value(&mut reader, depth)?;
        while let Some(frame) = self.open.pop() {
            self.go_on(&mut reader, frame, depth)?;
        }
        reader.blank();
        if reader.at < bytes.len() {
            return Err(Fault::Trailing(reader.place()));
        }
        Ok(Doc { text, cells: &self.cells })
    }

    /// Give back the memory of an unusually large document.
    pub fn trim(&mut self) {
        if self.cells.capacity() > KEPT_CELLS {
            self.cells.clear();
            self.cells.shrink_to(KEPT_CELLS);
        }
    }

    /// Read members of the innermost open container up to its end, or up to one that opens.
    fn go_on(
        &mut self,
        reader: &mut Reader<'_>,
        mut frame: Frame,
        depth: usize,
    ) -> Result<(), Fault> {
        let close = if frame.object { b'}' } else { b']' };
        loop {
            reader.blank();
            let byte = reader.peek();
            if byte == close {
                reader.bump();
                return self.end(reader, &frame);
            }
            if frame.count > 0 {
                reader.expect(b',')?;
                reader.blank();
            }
            frame.count = frame.count.wrapping_add(1);
            if frame.object {
                self.key(reader, &mut frame)?;
            }
            if matches!(reader.peek(), b'{' | b'[') {
                // The place of this container is kept before the inner one opens.
                self.open.push(frame);
                return self.value(reader, depth);
            }
            self.value(reader, depth)?;
        }
    }

    #[inline]
    fn key(&mut self, reader: &mut Reader<'_>, frame: &mut Frame) -> Result<(), Fault> {
        let start = reader.at;
        let escaped = reader.string()?;
        self.push(
            if escaped { NodeKind::Escaped } else { NodeKind::Plain },
            short(start),
            reader.place(),
        );
        let text = reader.bytes.get(start..reader.at).unwrap_or_default();
        let (first, last) = match text {
            [_, first, .., last, _] => (u32::from(*first), u32::from(*last)),
            [_, only, _] => (u32::from(*only), 0),
            _ => (0, 0),
        };
        let mixed = first.wrapping_mul(7).wrapping_add(last.wrapping_mul(31));
        let bit = 1u64.wrapping_shl(mixed.wrapping_add(short(text.len()).wrapping_mul(5)));
        frame.suspect |= escaped || frame.seen & bit != 0;
        frame.seen |= bit;
        reader.blank();
        reader.expect(b':')?;
        reader.blank();
        Ok(())
    }

    fn end(&mut self, reader: &Reader<'_>, frame: &Frame) -> Result<(), Fault> {
        let next = short(self.cells.len());
        if let Some(cell) = self.cells.get_mut(frame.cell as usize) {
            cell.end = reader.place();
            cell.next = next;
            cell.count = frame.count;
        }
        if frame.suspect {
            let doc = Doc { text: reader.text, cells: &self.cells };
            doc.check_keys(Node(frame.cell))?;
        }
        Ok(())
    }

    fn value(&mut self, reader: &mut Reader<'_>, depth: usize) -> Result<(), Fault> {
        match reader.peek() {
            b'"' => self.string(reader),
            b'{' => self.begin(reader, NodeKind::Object, depth),
            b'[' => self.begin(reader, NodeKind::Array, depth),
            b't' => self.word(reader, b"true", NodeKind::True),
            b'f' => self.word(reader, b"false", NodeKind::False),
            b'n' => self.word(reader, b"null", NodeKind::Null),
            b'-' | b'0'..=b'9' => {
                let start = reader.place();
                reader.number()?;
                self.push(NodeKind::Number, start, reader.place());
                Ok(())
            }
            _ => Err(reader.syntax()),
        }
    }

    fn begin(
        &mut self,
        reader: &mut Reader<'_>,
        kind: NodeKind,
        depth: usize,
    ) -> Result<(), Fault> {
        if self.open.len() >= depth {
            return Err(Fault::Depth);
        }
        let cell = short(self.cells.len());
        let object = kind == NodeKind::Object;
        self.open.push(Frame { cell, count: 0, object, seen: 0, suspect: false });
        let start = reader.place();
        self.push(kind, start, start);
        reader.bump();
        Ok(())
    }

    fn word(&mut self, reader: &mut Reader<'_>, word: &[u8], kind: NodeKind) -> Result<(), Fault> {
        let start = reader.place();
        for &byte in word {
            reader.expect(byte)?;
        }
        self.push(kind, start, reader.place());
        Ok(())
    }

    fn string(&mut self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let start = reader.place();
        let escaped = reader.string()?;
        let kind = if escaped { NodeKind::Escaped } else { NodeKind::Plain };
        self.push(kind, start, reader.place());
        Ok(())
    }

    #[inline]
    fn push(&mut self, kind: NodeKind, start: u32, end: u32) {
        let next = short(self.cells.len()).wrapping_add(1);
        self.cells.push(Cell { kind, start, end, next, count: 0 });
    }
}

impl Node {
    /// Where the node stands on its tape; no other node of the document stands there.
    pub const fn index(self) -> u32 {
        self.0
    }
}

impl<'a> Doc<'a> {
    /// The outermost value.
    pub const fn root(&self) -> Node {
        Node(0)
    }

    /// All bytes of the document.
    pub const fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    #[inline]
    fn cell(&self, node: Node) -> Option<&'a Cell> {
        self.cells.get(node.0 as usize)
    }

    /// What the node is.
    #[inline]
    pub fn kind(&self, node: Node) -> NodeKind {
        self.cell(node).map_or(NodeKind::Null, |cell| cell.kind)
    }

    /// Whether the node is a string.
    #[inline]
    pub fn is_string(&self, node: Node) -> bool {
        matches!(self.kind(node), NodeKind::Plain | NodeKind::Escaped)
    }

    /// The string that holds the byte at `place`.
    pub fn string_at(&self, place: usize) -> Option<Node> {
        let behind = self.cells.partition_point(|cell| cell.start as usize <= place);
        let node = Node(short(behind.checked_sub(1)?));
        (self.is_string(node) && self.span(node).contains(&place)).then_some(node)
    }

    /// Whether the node is an object.
    #[inline]
    pub fn is_object(&self, node: Node) -> bool {
        self.kind(node) == NodeKind::Object
    }

    /// Where the node's bytes are, quotes and brackets included.
    #[inline]
    pub fn span(&self, node: Node) -> Range<usize> {
        self.cell(node).map_or(0..0, |cell| cell.start as usize..cell.end as usize)
    }

    /// The node's bytes, quotes and brackets included.
    #[inline]
    pub fn raw(&self, node: Node) -> &'a [u8] {
        self.bytes().get(self.span(node)).unwrap_or_default()
    }

    /// The node's bytes as text.
    #[inline]
    pub fn raw_text(&self, node: Node) -> &'a str {
        self.text.get(self.span(node)).unwrap_or_default()
    }

    /// How many members or items the node has.
    #[inline]
    pub fn len(&self, node: Node) -> usize {
        self.cell(node).map_or(0, |cell| cell.count as usize)
    }

    /// Whether the node has no members.
    pub fn is_empty(&self, node: Node) -> bool {
        self.len(node) == 0
    }

    /// A string's text; empty for any other node.
    #[inline]
    pub fn text(&self, node: Node) -> Cow<'a, str> {
        let span = self.span(node);
        let inside = span.start.wrapping_add(1)..span.end.wrapping_sub(1);
        match (self.kind(node), self.text.get(inside)) {
            (NodeKind::Plain, Some(inner)) => Cow::Borrowed(inner),
            (NodeKind::Escaped, Some(inner)) => Cow::Owned(unescape(inner)),
            _ => Cow::Borrowed(""),
        }
    }

    /// A number's value when it is written as an integer that fits.
    pub fn integer(&self, node: Node) -> Option<i64> {
        if self.kind(node) == NodeKind::Number { self.raw_text(node).parse().ok() } else { None }
    }

    /// The cell after a container's own: its first key or item, if it has one.
    #[inline]
    pub const fn first(&self, node: Node) -> Node {
        Node(node.0.wrapping_add(1))
    }

    /// The cell after a value and all inside it: the next key or item, if there is one.
    #[inline]
    pub fn after(&self, node: Node) -> Node {
        Node(self.cell(node).map_or(u32::MAX, |cell| cell.next))
    }

    /// How many cells the document has.
    pub const fn cells(&self) -> usize {
        self.cells.len()
    }

    /// The members of an object, in order, as key and value.
    pub fn entries(&self, node: Node) -> impl Iterator<Item = (Node, Node)> + use<'a> {
        let this = *self;
        let count = if self.is_object(node) { self.len(node) } else { 0 };
        let mut at = node.0.wrapping_add(1);
        (0..count).map(move |_| {
            let key = Node(at);
            let value = Node(at.wrapping_add(1));
            at = this.cell(value).map_or(u32::MAX, |cell| cell.next);
            (key, value)
        })
    }

    /// The items of an array, in order.
    pub fn items(&self, node: Node) -> impl Iterator<Item = Node> + use<'a> {
        let this = *self;
        let count = if self.kind(node) == NodeKind::Array { self.len(node) } else { 0 };
        let mut at = node.0.wrapping_add(1);
        (0..count).map(move |_| {
            let item = Node(at);
            at = this.cell(item).map_or(u32::MAX, |cell| cell.next);
            item
        })
    }

    /// The value under a key of an object.
    pub fn get(&self, node: Node, key: &str) -> Option<Node> {
        self.entries(node).find(|(name, _)| self.is_key(*name, key)).map(|(_, value)| value)
    }

    /// Whether a key node reads as `key`.
    #[inline]
    pub fn is_key(&self, name: Node, key: &str) -> bool {
        match self.kind(name) {
            NodeKind::Plain => {
                let raw = self.raw(name);
                raw.len() == key.len().wrapping_add(2)
                    && raw.get(1..raw.len().wrapping_sub(1)) == Some(key.as_bytes())
            }
            _ => self.text(name) == key,
        }
    }

    fn check_keys(&self, object: Node) -> Result<(), Fault> {
        let fault = |key: Node| Fault::Duplicate(short(self.span(key).start));
        let respelled = || self.entries(object).any(|(key, _)| self.kind(key) != NodeKind::Plain);
        if self.len(object) > FEW_KEYS || respelled() {
            let mut seen = HashSet::with_capacity(self.len(object));
            let mut keys = self.entries(object).map(|(key, _)| key);
            return keys
                .find(|key| !seen.insert(self.text(*key)))
                .map_or(Ok(()), |key| Err(fault(key)));
        }
        for (place, (key, _)) in self.entries(object).enumerate() {
            let same = |(other, _): (Node, Node)| self.raw(key) == self.raw(other);
            if self.entries(object).take(place).any(same) {
                return Err(fault(key));
            }
        }
        Ok(())
    }
}

fn unescape(inner: &str) -> String {
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, tail)) = rest.split_once('\\') {
        text.push_str(plain);
        rest = unescape_one(tail, &mut text);
    }
    text.push_str(rest);
    text
}

/// Decode what follows a backslash; the scan has checked that it is well formed.
fn unescape_one<'a>(tail: &'a str, text: &mut String) -> &'a str {
    let mut chars = tail.chars();
    match chars.next() {
        Some('b') => text.push('\u{8}'),
        Some('f') => text.push('\u{c}'),
        Some('n') => text.push('\n'),
        Some('r') => text.push('\r'),
        Some('t') => text.push('\t'),
        Some('u') => {
            let unit = |from: usize| {
                let digits = tail.get(from..from.wrapping_add(4)).unwrap_or_default();
                u16::from_str_radix(digits, 16).unwrap_or(0xFFFD)
            };
            let high = unit(1);
            let pair = (0xD800..0xDC00).contains(&high);
            let units = if pair { [high, unit(7)] } else { [high, 0] };
            let used = if pair { units.as_slice() } else { units.get(..1).unwrap_or_default() };
            text.extend(
                char::decode_utf16(used.iter().copied()).map(|unit| unit.unwrap_or('\u{FFFD}')),
            );
            return tail.get(if pair { 11 } else { 5 }..).unwrap_or_default();
        }
        Some(other) => text.push(other),
        None => {}
    }
    chars.as_str()
}
