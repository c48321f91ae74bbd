//! Entries: what a server offers, as clients see it and as the gate holds callers to it.

use std::ops::Range;
use std::sync::Arc;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::checks::{Checks, JudgeMap};
use crate::marks::Mark;
use crate::params::HeaderParam;
use crate::templates::Template;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// A resource.
    Resource,
    /// A resource template.
    Template,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Tool, Self::Prompt, Self::Resource, Self::Template];

    /// What one entry is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::Template => "template",
        }
    }

    /// The key of its list on the wire.
    pub const fn list_key(self) -> &'static str {
        match self {
            Self::Tool => "tools",
            Self::Prompt => "prompts",
            Self::Resource => "resources",
            Self::Template => "resourceTemplates",
        }
    }

    /// The member of a definition that names the entry.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Tool | Self::Prompt => "name",
            Self::Resource => "uri",
            Self::Template => "uriTemplate",
        }
    }
}

/// One tool, prompt, resource or template of a server.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Index of its server in the snapshot.
    pub server: u32,
    /// The server's own name or URI for it.
    pub own: Box<str>,
    /// The name or URI that clients see.
    pub exposed: Box<str>,
    /// The definition that clients see: as the server sent it but for the exposed name.
    pub definition: Box<str>,
    /// Parameters that travel in headers too.
    pub header_params: Box<[HeaderParam]>,
    /// What a tool's calls and results are held to.
    pub checks: Option<Arc<Checks>>,
}

/// An entry and what the snapshot still needs of its piece of the document.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) place: usize,
    pub(crate) entry: Arc<Entry>,
    pub(crate) template: Option<Arc<Template>>,
    /// Where the definition holds the name, quotes included.
    pub(crate) span: Range<usize>,
    /// What the exposed name looks like.
    pub(crate) skeleton: Box<str>,
}

impl Item {
    /// The entry under another exposed name.
    pub(crate) fn rename(&self, exposed: String) -> Arc<Entry> {
        let mut entry = Entry::clone(&self.entry);
        entry.definition = splice(&entry.definition, &self.span, &exposed).into();
        entry.exposed = exposed.into();
        Arc::new(entry)
    }
}

/// All compiled entries of one server.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) digest: [u8; 32],
    pub(crate) marks: Vec<Mark>,
    pub(crate) judges: JudgeMap,
    /// Whether clients may read what the server says of itself.
    pub(crate) speaks: bool,
    pub(crate) items: [Vec<Item>; 4],
}

impl Part {
    /// The usable entries of one kind, in the server's order.
    pub(crate) fn items(&self, kind: Kind) -> &[Item] {
        let [tools, prompts, resources, templates] = &self.items;
        match kind {
            Kind::Tool => tools,
            Kind::Prompt => prompts,
            Kind::Resource => resources,
            Kind::Template => templates,
        }
    }
}

/// Where a server stands and how its entries are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) index: u32,
    pub(crate) prefixed: bool,
    pub(crate) depth: usize,
}

impl Setting {
    /// Name all that a part depends on.
    pub(crate) fn digest(&self, raw: &RawValue) -> [u8; 32] {
        let hasher = Sha256::new().chain_update([u8::from(self.prefixed)]);
        let hasher =
            hasher.chain_update(self.index.to_le_bytes()).chain_update(self.depth.to_le_bytes());
        hasher.chain_update(raw.get()).finalize().into()
    }
}

/// Say where an entry stands in the document: `servers[1].tools[3] (every/echo)`.
pub(crate) fn locate(kind: Kind, server: (u32, &str), place: usize, own: &str) -> String {
    let (index, name) = server;
    let list = if kind == Kind::Template { "templates" } else { kind.list_key() };
    let slash = if own.is_empty() { "" } else { "/" };
    format!("servers[{index}].{list}[{place}] ({name}{slash}{})", own.escape_debug())
}

/// Replace the bytes at `span` by `text` as a JSON string.
pub(crate) fn splice(raw: &str, span: &Range<usize>, text: &str) -> String {
    let before = raw.get(..span.start).unwrap_or_default();
    let after = raw.get(span.end..).unwrap_or_default();
    let quoted = serde_json::Value::from(text).to_string();
    [before, &quoted, after].concat()
}
