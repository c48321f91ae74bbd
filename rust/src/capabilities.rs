//! What a client can do for a server: capabilities as bits, read, declared and asked for.

use mcpgate_json::{Doc, Node};

/// What a client can do for a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities(u8);

impl Capabilities {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// `roots`
    pub const ROOTS: Self = Self(1);
    /// `sampling`
    pub const SAMPLING: Self = Self(2);
    /// `sampling.tools`
    pub const SAMPLING_TOOLS: Self = Self(4);
    /// `sampling.context`
    pub const SAMPLING_CONTEXT: Self = Self(8);
    /// `elicitation` by a form
    pub const FORM: Self = Self(16);
    /// `elicitation.url`
    pub const URL: Self = Self(32);
    const ALL: Self = Self(63);

    /// These bits, as far as they mean something.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The bits.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `other` is among these.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn with(self, other: Self, there: bool) -> Self {
        if there { Self(self.0 | other.0) } else { self }
    }

    /// Read what a client declares.
    pub fn read(doc: &Doc<'_>, node: Node) -> Self {
        let object = |node: Node, key: &str| doc.get(node, key).filter(|node| doc.is_object(*node));
        let mut found = Self::NONE.with(Self::ROOTS, object(node, "roots").is_some());
        if let Some(sampling) = object(node, "sampling") {
            found = found
                .with(Self::SAMPLING, true)
                .with(Self::SAMPLING_TOOLS, object(sampling, "tools").is_some())
                .with(Self::SAMPLING_CONTEXT, object(sampling, "context").is_some());
        }
        if let Some(elicitation) = object(node, "elicitation") {
            let (form, url) = (object(elicitation, "form"), object(elicitation, "url"));
            found = found
                .with(Self::FORM, form.is_some() || url.is_none())
                .with(Self::URL, url.is_some());
        }
        found
    }

    /// The JSON object that declares them.
    pub fn declare(self) -> String {
        let inner = |list: &[(Self, &str)]| {
            let there = list.iter().filter(|(bit, _)| self.has(*bit));
            there.map(|(_, name)| format!("\"{name}\":{{}}")).collect::<Vec<_>>().join(",")
        };
        let mut members = Vec::new();
        if self.has(Self::ROOTS) {
            members.push("\"roots\":{}".to_owned());
        }
        if self.has(Self::SAMPLING) {
            let parts = [(Self::SAMPLING_TOOLS, "tools"), (Self::SAMPLING_CONTEXT, "context")];
            members.push(format!("\"sampling\":{{{}}}", inner(&parts)));
        }
        if self.has(Self::URL) {
            let parts = [(Self::FORM, "form"), (Self::URL, "url")];
            members.push(format!("\"elicitation\":{{{}}}", inner(&parts)));
        } else if self.has(Self::FORM) {
            // Revisions before URLs know the empty object only; it means forms in all of them.
            members.push("\"elicitation\":{}".to_owned());
        }
        format!("{{{}}}", members.join(","))
    }

    /// What a client must be able to do for a request of a server; `None` for an unknown one.
    pub fn needed(doc: &Doc<'_>, method: &str, params: Option<Node>) -> Option<Self> {
        let param = |key: &str| params.and_then(|params| doc.get(params, key));
        match method {
            "roots/list" => Some(Self::ROOTS),
            "sampling/createMessage" => {
                let tools = param("tools").is_some() || param("toolChoice").is_some();
                Some(Self::SAMPLING.with(Self::SAMPLING_TOOLS, tools))
            }
            "elicitation/create" => {
                let url = param("mode").is_some_and(|mode| doc.text(mode) == "url");
                Some(if url { Self::URL } else { Self::FORM })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use mcpgate_json::Tape;

    use super::*;

    fn read(text: &str) -> Capabilities {
        let mut tape = Tape::default();
        let doc = tape.scan(text.as_bytes(), 8).unwrap();
        Capabilities::read(&doc, doc.root())
    }

    #[test]
    fn what_is_declared_reads_back_as_the_same() {
        for bits in 0..64 {
            let wanted = Capabilities::from_bits(bits);
            let lonely = (wanted.has(Capabilities::SAMPLING_TOOLS)
                || wanted.has(Capabilities::SAMPLING_CONTEXT))
                && !wanted.has(Capabilities::SAMPLING);
            let told = read(&wanted.declare());
            assert!(lonely || told == wanted, "{bits}: {}", wanted.declare());
        }
    }

    #[test]
    fn an_empty_elicitation_means_forms() {
        assert_eq!(read(r#"{"elicitation":{}}"#), Capabilities::FORM);
        assert_eq!(read(r#"{"elicitation":{"url":{}}}"#), Capabilities::URL);
        assert_eq!(read(r#"{"roots":true,"sampling":null,"experimental":{}}"#), Capabilities::NONE);
    }

    #[test]
    fn a_request_needs_what_it_uses() {
        let needed = |method: &str, params: &str| {
            let mut tape = Tape::default();
            let doc = tape.scan(params.as_bytes(), 8).unwrap();
            Capabilities::needed(&doc, method, Some(doc.root())).map(Capabilities::bits)
        };
        assert_eq!(needed("roots/list", "{}"), Some(1));
        assert_eq!(needed("sampling/createMessage", "{}"), Some(2));
        assert_eq!(needed("sampling/createMessage", r#"{"tools":[]}"#), Some(6));
        assert_eq!(needed("elicitation/create", r#"{"mode":"form"}"#), Some(16));
        assert_eq!(needed("elicitation/create", r#"{"mode":"url"}"#), Some(32));
        assert_eq!(needed("tools/call", "{}"), None);
    }
}
