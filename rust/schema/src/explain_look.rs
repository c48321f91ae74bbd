//! What a problem may tell of a value: its type and size, read off the tape where there is one.

use jsonschema::ValidationError;
use mcpgate_json::{Doc, Node, NodeKind};
use serde_json::Value;

use crate::problem::{describe, describe_node};

/// Bytes of a string that is compared with the allowed ones.
const COMPARED_BYTES: usize = 256;

/// Where values are looked at: on the tape, or in the copies that errors carry.
#[derive(Clone, Copy)]
pub(crate) struct Look<'d>(pub(crate) Option<(&'d Doc<'d>, Node)>);

impl Look<'_> {
    /// Type and size of what an error is about.
    pub(crate) fn got(self, error: &ValidationError<'_>) -> String {
        match self.0 {
            Some((doc, root)) => find(doc, root, error.instance_path().as_str())
                .map_or_else(String::new, |node| describe_node(doc, node)),
            None => describe(error.instance()),
        }
    }

    /// Type and size of a member of it.
    pub(crate) fn member(self, error: &ValidationError<'_>, name: &str) -> Option<String> {
        match self.0 {
            Some((doc, root)) => {
                let node = find(doc, root, error.instance_path().as_str())?;
                doc.get(node, name).map(|node| describe_node(doc, node))
            }
            None => error.instance().get(name).map(describe),
        }
    }

    /// It as a JSON string, when it is a string that may have been meant as another.
    pub(crate) fn word(self, error: &ValidationError<'_>) -> Option<String> {
        match self.0 {
            Some((doc, root)) => {
                let node = find(doc, root, error.instance_path().as_str())?;
                let short = doc.is_string(node) && doc.raw(node).len() <= COMPARED_BYTES;
                short.then(|| Value::from(doc.text(node).as_ref()).to_string())
            }
            None => error.instance().is_string().then(|| error.instance().to_string()),
        }
    }
}

/// The node that a pointer leads to.
fn find(doc: &Doc<'_>, root: Node, pointer: &str) -> Option<Node> {
    let mut node = root;
    for step in pointer.split('/').skip(1) {
        node = match doc.kind(node) {
            NodeKind::Object => doc.get(node, &step.replace("~1", "/").replace("~0", "~"))?,
            _ => doc.items(node).nth(step.parse().ok()?)?,
        };
    }
    Some(node)
}

#[cfg(test)]
mod tests {
    use mcpgate_json::Tape;

    use super::*;

    #[test]
    fn pointers_lead_to_their_node() {
        let mut tape = Tape::default();
        let doc = tape.scan(br#"{"a/b":[1,{"~":"x","":null}]}"#, 8).unwrap();
        let at = |pointer: &str| find(&doc, doc.root(), pointer).map(|node| doc.raw_text(node));
        assert_eq!(at("/a~1b/1/~0"), Some("\"x\""));
        assert_eq!(at("/a~1b/1/"), Some("null"));
        assert_eq!(at("/a~1b/0"), Some("1"));
        assert_eq!(at("").map(str::len), Some(29));
        assert_eq!((at("/a~1b/2"), at("/a~1b/0/x"), at("/b")), (None, None, None));
    }
}
