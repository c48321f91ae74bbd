//! A scanned document: its bytes and its nodes.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use crate::number::NumberForm;
use crate::scan::{Fault, short};
use crate::text::unescape;

/// Objects with more keys than this, or with escapes in one, are checked for duplicates by hashing.
const FEW_KEYS: usize = 12;
/// The bits of a tag that hold the kind.
const KIND_BITS: u32 = 3;

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

/// What the tape keeps of a value or a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Index of the cell after this value and all inside it.
    pub(crate) next: u32,
    /// The kind; above it the count of keys or items, or the form of a number.
    pub(crate) tag: u32,
}

/// A scanned document; the default one holds nothing but a null.
#[derive(Debug, Clone, Copy, Default)]
pub struct Doc<'a> {
    text: &'a str,
    cells: &'a [Cell],
}

impl NodeKind {
    /// The tag of a node of this kind that has so many members, or is a number of such a form.
    #[inline]
    pub(crate) const fn tag(self, above: u32) -> u32 {
        above.wrapping_shl(KIND_BITS) | self as u32
    }
}

impl Cell {
    #[inline]
    const fn kind(&self) -> NodeKind {
        match self.tag & 7 {
            0 => NodeKind::Null,
            1 => NodeKind::True,
            2 => NodeKind::False,
            3 => NodeKind::Number,
            4 => NodeKind::Plain,
            5 => NodeKind::Escaped,
            6 => NodeKind::Array,
            _ => NodeKind::Object,
        }
    }

    #[inline]
    const fn above(&self) -> u32 {
        self.tag.wrapping_shr(KIND_BITS)
    }

    #[inline]
    const fn size(&self) -> usize {
        self.end.wrapping_sub(self.start) as usize
    }
}

impl Node {
    /// The node at a place of the tape.
    pub(crate) const fn at(place: u32) -> Self {
        Self(place)
    }

    /// Where the node stands on its tape; no other node of the document stands there.
    pub const fn index(self) -> u32 {
        self.0
    }
}

impl<'a> Doc<'a> {
    pub(crate) const fn new(text: &'a str, cells: &'a [Cell]) -> Self {
        Self { text, cells }
    }

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
        self.cell(node).map_or(NodeKind::Null, Cell::kind)
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

    /// How many bytes the node has, quotes and brackets included.
    #[inline]
    pub fn size(&self, node: Node) -> usize {
        self.cell(node).map_or(0, Cell::size)
    }

    /// How many members or items the node has.
    #[inline]
    pub fn len(&self, node: Node) -> usize {
        match self.cell(node) {
            Some(cell) if matches!(cell.kind(), NodeKind::Array | NodeKind::Object) => {
                cell.above() as usize
            }
            _ => 0,
        }
    }

    /// A number's text and form; none for any other node.
    #[inline]
    pub fn number(&self, node: Node) -> Option<(&'a str, NumberForm)> {
        let cell = self.cell(node).filter(|cell| cell.kind() == NodeKind::Number)?;
        let text = self.text.get(cell.start as usize..cell.end as usize)?;
        let form = match cell.above() {
            0 => NumberForm::Digits,
            1 => NumberForm::Fraction,
            _ => NumberForm::Exponent,
        };
        Some((text, form))
    }

    /// Whether the node has no members.
    pub fn is_empty(&self, node: Node) -> bool {
        self.len(node) == 0
    }

    /// A string's text; empty for any other node.
    #[inline]
    pub fn text(&self, node: Node) -> Cow<'a, str> {
        let Some(cell) = self.cell(node) else { return Cow::Borrowed("") };
        let inside = (cell.start as usize).wrapping_add(1)..(cell.end as usize).wrapping_sub(1);
        match cell.kind() {
            NodeKind::Plain => Cow::Borrowed(self.text.get(inside).unwrap_or_default()),
            NodeKind::Escaped => self.unescaped(inside),
            _ => Cow::Borrowed(""),
        }
    }

    #[inline(never)]
    fn unescaped(&self, inside: Range<usize>) -> Cow<'a, str> {
        Cow::Owned(unescape(self.text.get(inside).unwrap_or_default()))
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

    pub(crate) fn check_keys(&self, object: Node) -> Result<(), Fault> {
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
