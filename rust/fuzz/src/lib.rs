//! What the fuzz targets share: the golden gate, a split of the input, and comparing readers.

mod oracle;

pub use oracle::{same_by_jiter, same_by_serde};

use _core::gate::Gate;
use mcpgate_json::{Doc, Node, NodeKind, Tape};

/// How deep the gate reads.
pub const DEPTH: usize = 64;

const GOLDEN: &[u8] = include_bytes!("../../../tests/golden/snapshot.json");

/// A gate that judges by the golden snapshot.
pub fn gate() -> Gate {
    let gate = Gate::new(&[1; 32], None, &[2; 32], "fuzz");
    gate.align(1_795_374_245_000_000_000, 0);
    gate.swap(GOLDEN).expect("the golden document is good");
    gate
}

/// Say whether the bytes are one strict JSON value.
pub fn is_strict(bytes: &[u8]) -> bool {
    Tape::default().scan(bytes, DEPTH).is_ok()
}

/// All values of a document in the order of their bytes, keys not among them.
pub fn values(doc: &Doc<'_>) -> Vec<Node> {
    let (mut found, mut open) = (Vec::new(), vec![doc.root()]);
    while let Some(node) = open.pop() {
        found.push(node);
        open.extend(doc.items(node));
        open.extend(doc.entries(node).map(|(_, value)| value));
    }
    found.sort_by_key(|node| doc.span(*node).start);
    found
}

/// Say whether a node holds no others.
pub fn is_leaf(doc: &Doc<'_>, node: Node) -> bool {
    !matches!(doc.kind(node), NodeKind::Array | NodeKind::Object)
}

/// Cut the bytes into chunks whose sizes the input itself says.
pub fn chunks<'a>(sizes: &[u8], bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let (mut rest, mut found) = (bytes, Vec::new());
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().map_or(1, |size| usize::from(*size) + 1).min(rest.len());
        let (chunk, tail) = rest.split_at(size);
        found.push(chunk);
        rest = tail;
    }
    found
}

/// Cut an input at its first bytes 0xFF, which no text holds, into so many parts; the last one is
/// the rest, and missing ones are empty.
pub fn parts<const COUNT: usize>(data: &[u8]) -> [&[u8]; COUNT] {
    let mut found = data.splitn(COUNT, |byte| *byte == 0xFF);
    std::array::from_fn(|_| found.next().unwrap_or_default())
}
