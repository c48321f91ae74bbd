//! One JSON-RPC object: kind, id, method and params as nodes of its tape.

use std::borrow::Cow;

use mcpgate_json::{Doc, Fault, Node, NodeKind, Tape};

/// The longest request id, quotes included.
const ID_BYTES: usize = 256;
/// The longest method name.
const METHOD_BYTES: usize = 256;

const ENVELOPE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
/// Members of params that decide where a request goes and what is run there.
const DECIDING: [&str; 9] = [
    "name",
    "uri",
    "arguments",
    "_meta",
    "ref",
    "cursor",
    "task",
    "requestState",
    "inputResponses",
];
const REFERENCE: [&str; 3] = ["type", "name", "uri"];

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Wants a reply.
    Request,
    /// Wants none.
    Notification,
    /// Is a reply.
    Reply,
}

/// A message read once.
#[derive(Debug)]
pub struct Message<'a> {
    /// The nodes.
    pub doc: Doc<'a>,
    /// What it is.
    pub kind: Kind,
    /// The request id.
    pub id: Option<Node>,
    /// The method of a request or notification; empty for a reply.
    pub method: Cow<'a, str>,
    /// The params.
    pub params: Option<Node>,
    /// The result of a reply.
    pub result: Option<Node>,
    /// The error of a reply.
    pub error: Option<Node>,
}

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// Not one acceptable JSON value.
    Json(Fault),
    /// An array of messages.
    Batch,
    /// Not JSON-RPC 2.0; the raw id, if it has a usable one, and what is wrong.
    Shape(Option<Vec<u8>>, &'static str),
}

/// Read one message.
///
/// # Errors
/// [`Unread`] says what is wrong with it.
pub fn read<'a>(tape: &'a mut Tape, raw: &'a [u8], depth: usize) -> Result<Message<'a>, Unread> {
    let doc = tape.scan(raw, depth).map_err(Unread::Json)?;
    let root = doc.root();
    match doc.kind(root) {
        NodeKind::Object => envelope(doc, root),
        NodeKind::Array => Err(Unread::Batch),
        _ => Err(Unread::Shape(None, "the message is not an object")),
    }
}

/// Cut a batch into its messages; `None` for what is no array of one to `most` values.
pub fn split(tape: &mut Tape, raw: &[u8], depth: usize, most: usize) -> Option<Vec<Vec<u8>>> {
    let doc = tape.scan(raw, depth).ok()?;
    if doc.len(doc.root()) > most {
        return None;
    }
    let items: Vec<_> = doc.items(doc.root()).map(|item| doc.raw(item).to_vec()).collect();
    (!items.is_empty()).then_some(items)
}

fn envelope(doc: Doc<'_>, root: Node) -> Result<Message<'_>, Unread> {
    let (mut version, mut id, mut method, mut params) = (None, None, None, None);
    let (mut result, mut error) = (None, None);
    let mut respelled = false;
    for (key, value) in doc.entries(root) {
        respelled |= doc.kind(key) == NodeKind::Escaped;
        match doc.raw(key) {
            b"\"jsonrpc\"" => version = Some(value),
            b"\"id\"" => id = Some(value),
            b"\"method\"" => method = Some(value),
            b"\"params\"" => params = Some(value),
            b"\"result\"" => result = Some(value),
            b"\"error\"" => error = Some(value),
            _ => respelled |= is_folded(&doc, key, &ENVELOPE),
        }
    }
    let usable = id.filter(|node| usable_id(&doc, *node));
    let fail = |text| Err(Unread::Shape(usable.map(|node| doc.raw(node).to_vec()), text));
    if respelled || params.is_some_and(|node| has_escaped_key(&doc, node)) {
        return fail("an envelope or params key is written with escapes or in another case");
    }
    if version.is_none_or(|node| doc.raw(node) != b"\"2.0\"") {
        return fail("jsonrpc must be \"2.0\"");
    }
    if id.is_some() && usable.is_none() {
        let unanswerable =
            error.is_some() && id.is_some_and(|node| doc.kind(node) == NodeKind::Null);
        if !unanswerable {
            return fail("id must be a string or an integer of at most 256 bytes");
        }
    }
    if params.is_some_and(|node| !doc.is_object(node)) {
        return fail("params must be an object");
    }
    let kind = match (method, usable, result.is_some(), error.is_some()) {
        (Some(_), Some(_), false, false) => Kind::Request,
        (Some(_), None, false, false) => Kind::Notification,
        (None, Some(_), true, false) | (None, _, false, true) => Kind::Reply,
        _ => return fail("a message has a method, or an id with either result or error"),
    };
    let method = method.map_or(Ok(Cow::Borrowed("")), |node| {
        let text = doc.text(node);
        if text.is_empty() || text.len() > METHOD_BYTES { Err(()) } else { Ok(text) }
    });
    match method {
        Ok(method) => Ok(Message { doc, kind, id: usable, method, params, result, error }),
        Err(()) => fail("method must be a string of 1 to 256 bytes"),
    }
}

fn usable_id(doc: &Doc<'_>, node: Node) -> bool {
    let raw = doc.raw(node);
    raw.len() <= ID_BYTES
        && (doc.is_string(node)
            || (doc.kind(node) == NodeKind::Number
                && raw.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'-'))))
}

fn has_escaped_key(doc: &Doc<'_>, node: Node) -> bool {
    doc.entries(node).any(|(key, _)| doc.kind(key) == NodeKind::Escaped)
}

/// Whether a key is another spelling of a known one: some readers do not tell upper from lower
/// case, by Unicode's folding too, and would take the value of this key for that of the other.
fn is_folded(doc: &Doc<'_>, key: Node, known: &[&str]) -> bool {
    let text = doc.text(key);
    let plain = if text.is_ascii() {
        text
    } else {
        Cow::Owned(text.replace('\u{17f}', "s").replace('\u{212a}', "k"))
    };
    let same = |name: &&str| plain.eq_ignore_ascii_case(name) && !doc.is_key(key, name);
    known.iter().any(same)
}

impl Message<'_> {
    /// Whether servers may read params otherwise than the gate: a key in another case.
    pub fn is_ambiguous(&self) -> bool {
        let folded = |object: Node, known: &[&str]| {
            self.doc.entries(object).any(|(key, _)| is_folded(&self.doc, key, known))
        };
        self.params.is_some_and(|params| folded(params, &DECIDING))
            || self.param("ref").is_some_and(|reference| folded(reference, &REFERENCE))
    }

    /// The raw id, as the peer wrote it.
    pub fn raw_id(&self) -> &[u8] {
        self.id.map_or(b"null", |node| self.doc.raw(node))
    }

    /// A member of params.
    pub fn param(&self, key: &str) -> Option<Node> {
        self.params.and_then(|params| self.doc.get(params, key))
    }

    /// A member of params that is a string.
    pub fn text_param(&self, key: &str) -> Option<Node> {
        self.param(key).filter(|node| self.doc.is_string(*node))
    }

    /// The `_meta` object of params.
    pub fn meta(&self) -> Option<Node> {
        self.param("_meta").filter(|node| self.doc.is_object(*node))
    }

    /// A member of `_meta`.
    pub fn meta_value(&self, key: &str) -> Option<Node> {
        self.meta().and_then(|meta| self.doc.get(meta, key))
    }
}
