//! The entries of one server, compiled: names exposed, definitions spliced, unusable ones named.
//!
//! A part depends on nothing but its server's piece of the document and where it stands, so an
//! unchanged piece is compiled once. Who owns a bare URI depends on the others: see `uris`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::document::{Problem, ServerPart};
use crate::names::{expose_name, find_fault};
use crate::params::{HeaderParam, find_params};
use crate::templates::Template;
use mcpgate_json::{Doc, Tape};

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
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

/// An entry and what the snapshot still needs of its piece of the document.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) place: usize,
    pub(crate) entry: Arc<Entry>,
    pub(crate) template: Option<Arc<Template>>,
    /// Where the definition holds the name, quotes included.
    span: Range<usize>,
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
    pub(crate) problems: Vec<Problem>,
    items: [Vec<Item>; 4],
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

struct Compiler<'p> {
    setting: Setting,
    server: &'p ServerPart<'p>,
    tape: Tape,
    problems: Vec<Problem>,
}

/// Compile one server's entries; those that cannot be used become problems.
pub(crate) fn compile(server: &ServerPart<'_>, setting: Setting, digest: [u8; 32]) -> Part {
    let mut compiler = Compiler { setting, server, tape: Tape::default(), problems: Vec::new() };
    let items = [
        compiler.compile_list(Kind::Tool, &server.tools),
        compiler.compile_list(Kind::Prompt, &server.prompts),
        compiler.compile_list(Kind::Resource, &server.resources),
        compiler.compile_list(Kind::Template, &server.templates),
    ];
    Part { digest, items, problems: compiler.problems }
}

/// Say where an entry stands in the document: `servers[1].tools[3] (every/echo)`.
pub(crate) fn locate(kind: Kind, server: (u32, &str), place: usize, own: &str) -> String {
    let (index, name) = server;
    let list = if kind == Kind::Template { "templates" } else { kind.list_key() };
    let slash = if own.is_empty() { "" } else { "/" };
    format!("servers[{index}].{list}[{place}] ({name}{slash}{})", own.escape_debug())
}

impl Compiler<'_> {
    fn compile_list(&mut self, kind: Kind, definitions: &[&RawValue]) -> Vec<Item> {
        let mut seen = HashSet::with_capacity(definitions.len());
        let mut items = Vec::with_capacity(definitions.len());
        for (place, raw) in definitions.iter().enumerate() {
            let (own, fault) = match self.compile_item(kind, place, &on_one_line(raw.get())) {
                Ok(item) if seen.insert(item.entry.own.clone()) => {
                    items.push(item);
                    continue;
                }
                Ok(item) => (item.entry.own.clone(), "is there twice".to_owned()),
                Err((own, fault)) => (own, fault),
            };
            let path = locate(kind, (self.setting.index, &self.server.name), place, &own);
            self.problems.push(Problem::new(path, fault));
        }
        items
    }

    /// Read one definition; an error is its own name as far as known, and what is wrong.
    fn compile_item(
        &mut self,
        kind: Kind,
        place: usize,
        raw: &str,
    ) -> Result<Item, (Box<str>, String)> {
        let nameless = |text: String| (Box::from(""), text);
        let doc = self
            .tape
            .scan(raw.as_bytes(), self.setting.depth)
            .map_err(|fault| nameless(fault.to_string()))?;
        if !doc.is_object(doc.root()) {
            return Err(nameless("is not an object".to_owned()));
        }
        let field = kind.field();
        let node = doc.get(doc.root(), field).filter(|node| doc.is_string(*node));
        let node = node.ok_or_else(|| nameless(format!("has no {field} that is a string")))?;
        let own: Box<str> = doc.text(node).into();
        if let Some(fault) = find_fault(&own) {
            return Err((own, format!("{field} {fault}")));
        }
        let header_params =
            read_params(self.server, kind, &doc).map_err(|text| (own.clone(), text))?;
        let template = match kind {
            Kind::Template => {
                Some(Template::parse(&own).map_err(|fault| (own.clone(), fault.to_string()))?)
            }
            _ => None,
        };
        let exposed: Box<str> = match kind {
            Kind::Tool | Kind::Prompt => {
                expose_name(&self.server.name, &own, self.setting.prefixed).into()
            }
            Kind::Resource | Kind::Template => own.clone(),
        };
        let span = doc.span(node);
        let definition =
            if exposed == own { raw.to_owned() } else { splice(raw, &span, &exposed) }.into();
        let entry =
            Entry { kind, server: self.setting.index, own, exposed, definition, header_params };
        Ok(Item { place, entry: Arc::new(entry), template: template.map(Arc::new), span })
    }
}

/// Read a tool's annotations; a modern HTTP server's tool with an invalid one may not be offered.
fn read_params(
    server: &ServerPart<'_>,
    kind: Kind,
    doc: &Doc<'_>,
) -> Result<Box<[HeaderParam]>, String> {
    if kind != Kind::Tool {
        return Ok(Box::default());
    }
    let params = find_params(doc, doc.root());
    let binding = server.era == "modern" && server.transport == "http";
    if binding { params } else { Ok(params.unwrap_or_default()) }
}

/// Line ends between tokens become blanks: a message must fit one line of stdio or of an event.
fn on_one_line(raw: &str) -> Cow<'_, str> {
    const ENDS: [char; 2] = ['\n', '\r'];
    if raw.contains(ENDS) { Cow::Owned(raw.replace(ENDS, " ")) } else { Cow::Borrowed(raw) }
}

/// Replace the bytes at `span` by `text` as a JSON string.
fn splice(raw: &str, span: &Range<usize>, text: &str) -> String {
    let before = raw.get(..span.start).unwrap_or_default();
    let after = raw.get(span.end..).unwrap_or_default();
    let quoted = serde_json::Value::from(text).to_string();
    [before, &quoted, after].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::snapshot::tests::build;

    #[test]
    fn only_the_name_is_replaced() {
        let raw = r#"{ "title":"\u0041", "inner":{"name":"echo"}, "n\u0061me" : "ec\u0068o" , "x":1e5,"y":0.10 }"#;
        // Line ends can only stand between tokens; they become blanks.
        let text = raw.replace(" : ", "\r\n:\n");
        assert_eq!(on_one_line(&text), raw.replace(" : ", "  : "));
        let raw: &RawValue = serde_json::from_str(raw).unwrap();
        let text = r#"{"name":"s","transport":"http","era":"legacy","revision":"","environment":null,"labels":{},"deadline_ms":1,
            "completions":false,"instructions":"","tools":[],"prompts":[],"resources":[],"templates":[]}"#;
        let mut server: ServerPart<'_> = serde_json::from_str(text).unwrap();
        server.tools.push(raw);
        for (prefixed, name) in [(true, "\"s__echo\""), (false, "\"ec\\u0068o\"")] {
            let part = compile(&server, Setting { index: 0, prefixed, depth: 9 }, [0; 32]);
            let expected = raw.get().replace("\"ec\\u0068o\"", name);
            assert_eq!(&*part.items(Kind::Tool)[0].entry.definition, expected);
        }
    }

    #[test]
    fn invalid_annotations_bind_modern_http_servers_only() {
        let tools = json!([{"name":"t","inputSchema":{"items":{"x-mcp-header":"A"}}}]);
        let lists = |era: &str, revision: &str, transport: &str| json!({"tools":tools,"era":era,"revision":revision,"transport":transport});
        for (era, revision, transport, problems) in [
            ("modern", "2026-07-28", "http", 1),
            ("modern", "2026-07-28", "stdio", 0),
            ("legacy", "", "http", 0),
        ] {
            let snapshot = build("always", &json!([]), &[("s", lists(era, revision, transport))]);
            assert_eq!(snapshot.problems.len(), problems, "{era} {transport}");
            assert_eq!(snapshot.tool("s__t").is_none(), problems == 1);
        }
    }

    #[test]
    fn a_taken_name_refuses_the_later_entry() {
        let tools = json!({"tools":[{"name":"t"}]});
        let snapshot = build("never", &json!([]), &[("a", tools.clone()), ("b", tools.clone())]);
        assert_eq!(snapshot.tool("t").unwrap().server, 0);
        assert_eq!(
            snapshot.problems[0].to_string(),
            "servers[1].tools[0] (b/t): t is taken by a/t"
        );
        assert!(
            build("always", &json!([]), &[("a", tools.clone()), ("b", tools)]).problems.is_empty()
        );
        // A server that guesses a shortened name does not get it.
        let long = "x".repeat(70);
        let short = expose_name("a", &long, true);
        let own = short.strip_prefix("a__").unwrap();
        let snapshot =
            build("always", &json!([]), &[("a", json!({"tools":[{"name":long},{"name":own}]}))]);
        assert_eq!(&*snapshot.tool(&short).unwrap().own, long);
        assert_eq!(snapshot.problems.len(), 1);
    }

    proptest! {
        #[test]
        fn what_clients_see_leads_to_the_servers_own_name(
            servers in prop::collection::btree_map("[a-z-]{1,3}", prop::collection::vec("[a_]{1,3}|\\PC{1,70}", 0..6), 1..4),
            prefixed: bool,
        ) {
            let lists: Vec<(&str, Value)> = servers.iter().map(|(name, tools)| {
                let tools: Vec<Value> = tools.iter().map(|tool| json!({"name":tool,"k":[tool]})).collect();
                (name.as_str(), json!({"tools":tools}))
            }).collect();
            let snapshot = build(if prefixed { "always" } else { "never" }, &json!([]), &lists);
            let count: usize = servers.values().map(Vec::len).sum();
            prop_assert_eq!(snapshot.pages(Kind::Tool).entries() + snapshot.problems.len(), count);
            let mut listed = Vec::new();
            for index in 0..snapshot.pages(Kind::Tool).count() {
                let page = snapshot.pages(Kind::Tool).page(index, true).unwrap();
                let page: Value = serde_json::from_str(&format!("{}{}", page.head, page.tail)).unwrap();
                listed.extend(page["tools"].as_array().unwrap().clone());
            }
            for tool in listed {
                let entry = snapshot.tool(tool["name"].as_str().unwrap()).unwrap();
                prop_assert_eq!(tool["k"][0].as_str().unwrap(), &*entry.own);
                let name = snapshot.server(entry.server).unwrap().name.to_string();
                prop_assert!(servers[&name].iter().any(|own| **own == *entry.own));
            }
        }
    }
}
