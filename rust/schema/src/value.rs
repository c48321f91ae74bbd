//! The tape as a representation of JSON that `jsonschema` reads directly: no tree of values is
//! built, and only a string with escapes allocates. Every reading pays from the call's meter.

use std::borrow::Cow;
use std::ops::ControlFlow;

use jsonschema_value::types::JsonType;
use jsonschema_value::{Array, Json, LazyInstance, Node as JsonNode, NodeIdentity, Object};
use mcpgate_json::{Doc, Node, NodeKind, Tape, push_string};
use serde_json::Value;

use crate::digits::Digits;
use crate::equal;
use crate::meter::{COPIED_BYTES, Meter, Prices};

/// The representation.
pub(crate) struct TapeJson;

/// What one call reads: its document and its meter.
pub(crate) struct Scene<'a> {
    pub(crate) doc: Doc<'a>,
    pub(crate) meter: Meter,
}

/// One value of a scene; also the view of it as an object or an array.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) scene: &'a Scene<'a>,
    pub(crate) node: Node,
}

/// The members of an object or the items of an array, in order.
pub(crate) struct Walk<'a> {
    scene: &'a Scene<'a>,
    at: Node,
    left: usize,
}

/// The members of an object as name and value.
pub(crate) struct Members<'a>(Walk<'a>);

impl<'a> Scene<'a> {
    pub(crate) fn new(doc: Doc<'a>, prices: Prices) -> Self {
        Self { doc, meter: Meter::new(&doc, prices) }
    }

    /// The value at `node`.
    pub(crate) fn item(&'a self, node: Node) -> Item<'a> {
        Item { scene: self, node }
    }
}

impl<'a> Item<'a> {
    /// The node's kind, paid for where many subschemas ask for it.
    #[inline]
    pub(crate) fn kind(&self) -> NodeKind {
        self.scene.meter.pay_look();
        self.scene.doc.kind(self.node)
    }

    /// The string's text without being paid for; empty for any other node.
    #[inline]
    pub(crate) fn text(&self) -> Cow<'a, str> {
        self.scene.doc.text(self.node)
    }

    #[inline]
    fn size(&self) -> usize {
        self.scene.doc.size(self.node)
    }

    /// The number, without being paid for; none for any other node.
    #[inline]
    pub(crate) fn digits(&self) -> Option<Digits<'a>> {
        self.scene.doc.number(self.node).map(|(text, form)| Digits::new(text, form))
    }

    /// The members or items, in order.
    pub(crate) fn walk(&self) -> Walk<'a> {
        let doc = &self.scene.doc;
        Walk { scene: self.scene, at: doc.first(self.node), left: doc.len(self.node) }
    }

    /// The value under `key`; each key looked at is paid for.
    pub(crate) fn find(&self, key: &str) -> Option<Self> {
        let doc = &self.scene.doc;
        let mut name = doc.first(self.node);
        for _ in 0..doc.len(self.node) {
            self.scene.meter.pay(1);
            let value = doc.first(name);
            if doc.is_key(name, key) {
                return Some(self.scene.item(value));
            }
            name = doc.after(value);
        }
        None
    }

    fn value(&self) -> Value {
        self.scene.meter.pay((self.size() as u64).wrapping_add(1));
        read(self.scene.doc.raw(self.node))
    }
}

fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or(Value::Null)
}

impl Json for TapeJson {
    type Node<'a> = Item<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = (Vec<u8>, Tape);

    // A lookup passes over the members, so one pass replaces any number of lookups.
    const KEYS_PER_LOOKUP: usize = 1 << 16;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    /// Names of the document are nodes already; only a foreign string comes through here.
    fn with_string_node<T>(
        (bytes, tape): &mut Self::StringBuffer,
        string: &str,
        f: impl FnOnce(Item<'_>) -> T,
    ) -> T {
        bytes.clear();
        push_string(bytes, string);
        let doc = tape.scan(bytes, 1).unwrap_or_default();
        let scene = Scene::new(doc, Prices::default());
        f(scene.item(doc.root()))
    }
}

impl<'a> JsonNode<'a, TapeJson> for Item<'a> {
    type Object = Item<'a>;
    type Array = Item<'a>;
    type Number = Digits<'a>;

    #[inline]
    fn as_object(&self) -> Option<Self> {
        (self.kind() == NodeKind::Object).then_some(*self)
    }

    #[inline]
    fn as_array(&self) -> Option<Self> {
        (self.kind() == NodeKind::Array).then_some(*self)
    }

    #[inline]
    fn as_string(&self) -> Option<Cow<'a, str>> {
        if !matches!(self.kind(), NodeKind::Plain | NodeKind::Escaped) {
            return None;
        }
        self.scene.meter.pay_text(self.size());
        Some(self.text())
    }

    #[inline]
    fn as_number(&self) -> Option<Digits<'a>> {
        self.scene.meter.pay_look();
        let digits = self.digits()?;
        if !digits.is_short() {
            self.scene.meter.pay_number();
        }
        Some(digits)
    }

    #[inline]
    fn as_boolean(&self) -> Option<bool> {
        match self.kind() {
            NodeKind::True => Some(true),
            NodeKind::False => Some(false),
            _ => None,
        }
    }

    #[inline]
    fn is_null(&self) -> bool {
        self.kind() == NodeKind::Null
    }

    #[inline]
    fn is_number(&self) -> bool {
        self.kind() == NodeKind::Number
    }

    #[inline]
    fn is_string(&self) -> bool {
        matches!(self.kind(), NodeKind::Plain | NodeKind::Escaped)
    }

    #[inline]
    fn json_type(&self) -> JsonType {
        match self.kind() {
            NodeKind::Null => JsonType::Null,
            NodeKind::True | NodeKind::False => JsonType::Boolean,
            NodeKind::Number => JsonType::Number,
            NodeKind::Plain | NodeKind::Escaped => JsonType::String,
            NodeKind::Array => JsonType::Array,
            NodeKind::Object => JsonType::Object,
        }
    }

    fn string_length(&self) -> Option<u64> {
        if !self.is_string() {
            return None;
        }
        let raw = self.scene.doc.raw(self.node);
        if self.scene.doc.kind(self.node) == NodeKind::Escaped {
            self.scene.meter.pay((raw.len() as u64 / 2).wrapping_add(1));
            return Some(self.text().chars().count() as u64);
        }
        self.scene.meter.pay_bytes(raw.len());
        // Every byte of UTF-8 but the continuations begins a code point; two are the quotes.
        let begins = raw.iter().filter(|byte| byte.cast_signed() >= -0x40).count();
        Some((begins as u64).saturating_sub(2))
    }

    /// A code point is written with 1 to 4 bytes, or escaped with at most 12.
    fn string_length_within(&self, min: u64, max: u64) -> Option<bool> {
        let widest = match self.kind() {
            NodeKind::Plain => 4,
            NodeKind::Escaped => 12,
            _ => return None,
        };
        let bytes = (self.size() as u64).saturating_sub(2);
        let fewest = bytes.div_ceil(widest);
        if bytes < min || fewest > max {
            return Some(false);
        }
        if min <= fewest && bytes <= max {
            return Some(true);
        }
        self.string_length().map(|length| (min..=max).contains(&length))
    }

    fn equals_value(&self, expected: &Value) -> bool {
        equal::to_value(*self, expected)
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(self.value())
    }

    /// Read only when somebody asks for it, for an error among many is seldom shown; a long value
    /// is kept as null, for what is told of it is read off the tape.
    fn lazy_value(&self) -> LazyInstance<'a> {
        self.scene.meter.pay_error(self.size());
        let short = self.size() <= COPIED_BYTES;
        LazyInstance::Deferred {
            bytes: self.scene.doc.raw(self.node),
            tag: 0,
            make: if short { |bytes, _| read(bytes) } else { |_, _| Value::Null },
            cell: std::sync::OnceLock::new(),
        }
    }

    #[inline]
    fn identity(&self) -> Option<NodeIdentity> {
        self.scene.meter.pay_look();
        let scene = std::ptr::from_ref(self.scene) as usize;
        Some(NodeIdentity::tagged(scene, self.node.index()))
    }
}

impl<'a> Object<'a, TapeJson> for Item<'a> {
    type Node = Item<'a>;
    type MemberName = Cow<'a, str>;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        self.scene.doc.len(self.node)
    }

    #[inline]
    fn get(&self, key: &Box<str>) -> Option<Item<'a>> {
        self.find(key)
    }

    fn members(&self) -> Members<'a> {
        Members(self.walk())
    }

    fn try_for_each_name_node<B>(
        &self,
        _buffer: &mut (Vec<u8>, Tape),
        mut f: impl FnMut(Item<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut members = self.walk();
        while let Some((name, _)) = members.member() {
            f(name)?;
        }
        ControlFlow::Continue(())
    }
}

impl<'a> Array<'a, TapeJson> for Item<'a> {
    type Node = Item<'a>;
    type ElementsIter = Walk<'a>;

    fn len(&self) -> usize {
        self.scene.doc.len(self.node)
    }

    fn elements(&self) -> Walk<'a> {
        self.walk()
    }

    fn is_unique(&self) -> bool {
        equal::all_differ(*self)
    }
}

impl<'a> Walk<'a> {
    /// The next member of an object: its name and its value.
    #[inline]
    pub(crate) fn member(&mut self) -> Option<(Item<'a>, Item<'a>)> {
        let member = self.step()?;
        self.scene.meter.pay_visit();
        Some(member)
    }

    /// The same, without being paid for.
    #[inline]
    fn step(&mut self) -> Option<(Item<'a>, Item<'a>)> {
        self.left = self.left.checked_sub(1)?;
        let name = self.at;
        let value = self.scene.doc.first(name);
        self.at = self.scene.doc.after(value);
        Some((self.scene.item(name), self.scene.item(value)))
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        self.left = self.left.checked_sub(1)?;
        self.scene.meter.pay_visit();
        let item = self.scene.item(self.at);
        self.at = self.scene.doc.after(self.at);
        Some(item)
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Item<'a>);

    #[inline(always)] // measured: a call per member writes its answer to memory
    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.0.step()?;
        self.0.scene.meter.pay_member(name.size());
        Some((name.text(), value))
    }
}
