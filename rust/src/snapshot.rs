//! The compiled state the gate judges by: immutable, built from one document, swapped as a whole.
//!
//! Looking up a tool is one hash; a list is prepared bytes; a URI is exact or one template's.
//! What is unchanged since the previous snapshot is shared with it, not built again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::assemble::assemble;
use crate::catalog::write_catalog;
use crate::document::{Document, GatewayPart};
pub use crate::document::{Problem, SnapshotError};
use crate::entries::Part;
pub use crate::entries::{Entry, Kind};
use crate::handshake::Handshake;
use crate::marks::Mark;
use crate::names::prefix_uri;
use crate::pages::Pages;
pub use crate::params::{HeaderParam, ParamKind};
use crate::rewrite::Edits;
pub use crate::server::Server;
use crate::uris::Uris;
use mcpgate_json::Tape;

/// A session's life before the first document says otherwise.
const FIRST_SESSION_S: u64 = 86_400;
/// How deep messages may nest before the first document says otherwise.
const FIRST_DEPTH: usize = 64;
/// The member of a tool that says what it gives out.
const OUTPUT: &str = "outputSchema";

/// One list of entries: by exposed name, in order, and as bytes.
#[derive(Debug)]
pub(crate) struct List {
    entries: Vec<Arc<Entry>>,
    index: HashMap<Box<str>, usize>,
    pages: Pages,
}

/// The compiled state the gate judges by.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts up with each document; 0 before the first.
    pub generation: u64,
    /// In the order of the configuration.
    pub servers: Vec<Arc<Server>>,
    /// How long a session lives.
    pub session_ns: u64,
    /// How deep messages may nest.
    pub depth: usize,
    /// What was found on entries.
    pub marks: Vec<Mark>,
    pub(crate) tools: List,
    pub(crate) prompts: List,
    pub(crate) resources: List,
    pub(crate) templates: List,
    pub(crate) uris: Uris,
    pub(crate) handshake: Handshake,
    pub(crate) parts: Vec<Arc<Part>>,
}

const _: () = {
    const fn check<T: Send + Sync>() {}
    check::<Snapshot>();
};

/// Tools as revisions with sessions know them: what they give out is an object or not declared.
/// `None` where all are so.
fn without_odd_outputs<'d>(definitions: &[&'d str]) -> Option<Vec<Cow<'d, str>>> {
    let mut tape = Tape::default();
    let mut fitted = |definition: &&'d str| {
        let whole = Cow::Borrowed(*definition);
        if !definition.contains(OUTPUT) {
            return whole;
        }
        let Ok(doc) = tape.scan(definition.as_bytes(), FIRST_DEPTH) else { return whole };
        let schema = doc.get(doc.root(), OUTPUT);
        let kind = schema.and_then(|schema| doc.get(schema, "type"));
        if schema.is_none() || kind.is_some_and(|kind| doc.raw(kind) == b"\"object\"") {
            return whole;
        }
        let mut edits = Edits::new(definition.as_bytes());
        edits.remove(&doc, doc.root(), &[OUTPUT]);
        String::from_utf8(edits.apply()).map_or(whole, Cow::Owned)
    };
    let found: Vec<_> = definitions.iter().map(&mut fitted).collect();
    found.iter().any(|each| matches!(each, Cow::Owned(_))).then_some(found)
}

impl List {
    pub(crate) fn build(kind: Kind, entries: Vec<Arc<Entry>>, page_entries: usize) -> Self {
        let definitions: Vec<&str> = entries.iter().map(|entry| &*entry.definition).collect();
        let mut pages = Pages::build(kind.list_key(), &definitions, page_entries);
        if kind == Kind::Tool
            && let Some(older) = without_odd_outputs(&definitions)
        {
            let older: Vec<&str> = older.iter().map(|definition| &**definition).collect();
            pages = pages.with_older(kind.list_key(), &older, page_entries);
        }
        let index = entries
            .iter()
            .enumerate()
            .map(|(place, entry)| (entry.exposed.clone(), place))
            .collect();
        Self { entries, index, pages }
    }

    fn find(&self, exposed: &str) -> Option<&Entry> {
        self.entries.get(*self.index.get(exposed)?).map(|entry| &**entry)
    }
}

impl Snapshot {
    /// Compile a document; pieces that `previous` holds unchanged are taken from it.
    ///
    /// # Errors
    /// All faults of a document that cannot be judged by.
    pub fn build(document: &[u8], previous: Option<&Self>) -> Result<Self, SnapshotError> {
        let document = Document::read(document)?;
        let mut problems = document.find_problems();
        let servers = document.read_servers(&mut problems);
        if !problems.is_empty() {
            return Err(SnapshotError { problems });
        }
        Ok(assemble(&document, &servers, previous))
    }

    /// Give the snapshot before the first document: no servers, no entries.
    pub fn empty() -> Self {
        let (name, version) = (Cow::Borrowed("mcpgate"), Cow::Borrowed(env!("CARGO_PKG_VERSION")));
        let document = Document {
            format: 0,
            generation: 0,
            gateway: GatewayPart { name, version, instructions: Cow::Borrowed("") },
            prefix: Cow::Borrowed("always"),
            page_entries: 1,
            session_s: FIRST_SESSION_S,
            depth: FIRST_DEPTH,
            owners: Vec::new(),
            servers: Vec::new(),
        };
        assemble(&document, &[], None)
    }

    const fn list(&self, kind: Kind) -> &List {
        match kind {
            Kind::Tool => &self.tools,
            Kind::Prompt => &self.prompts,
            Kind::Resource => &self.resources,
            Kind::Template => &self.templates,
        }
    }

    /// The tool that clients see under this name.
    pub fn tool(&self, exposed: &str) -> Option<&Entry> {
        self.tools.find(exposed)
    }

    /// The prompt that clients see under this name.
    pub fn prompt(&self, exposed: &str) -> Option<&Entry> {
        self.prompts.find(exposed)
    }

    /// The template that clients see in this form.
    pub fn template(&self, exposed: &str) -> Option<&Entry> {
        self.templates.find(exposed)
    }

    /// The resource or template that answers this URI, and the URI that its server knows.
    pub fn resource(&self, uri: &str) -> Option<(&Entry, Cow<'_, str>)> {
        if let Some(entry) = self.resources.find(uri) {
            return Some((entry, Cow::Borrowed(&*entry.own)));
        }
        let (server, own) = match self.uris.split(uri) {
            Some((server, own)) => (Some(server), own),
            None => (None, Cow::Borrowed(uri)),
        };
        // A resource with a bare form can be asked for by its unambiguous form too.
        let listed = self
            .resources
            .find(&own)
            .filter(|entry| Some(entry.server) == server && *entry.own == *own);
        if let Some(entry) = listed {
            return Some((entry, Cow::Borrowed(&*entry.own)));
        }
        let place = self.uris.find_template(server, &own)?;
        Some((self.templates.entries.get(place)?, Cow::Owned(own.into_owned())))
    }

    /// The form under which clients see a server's own URI; None when it is the same.
    pub fn expose_uri(&self, server: u32, own: &str) -> Option<String> {
        let whole = prefix_uri(&self.server(server)?.name, own);
        match self.resource(own) {
            Some((entry, uri)) if entry.server == server && uri == own => None,
            Some(_) => Some(whole),
            None => {
                (self.uris.is_reserved(own) || self.resource(&whole).is_some()).then_some(whole)
            }
        }
    }

    /// The prepared pages of a list.
    pub const fn pages(&self, kind: Kind) -> &Pages {
        &self.list(kind).pages
    }

    /// The result of `initialize` in this revision.
    pub fn initialize_result(&self, revision: &str) -> String {
        self.handshake.initialize(revision)
    }

    /// The result of `server/discover`.
    pub fn discover_result(&self) -> &str {
        self.handshake.discover()
    }

    /// The lists that differ from the previous snapshot's: 1 tools, 2 prompts, 4 resources and templates.
    pub fn changed(&self, previous: &Self) -> u8 {
        let differs = |kind: Kind| self.pages(kind).digest != previous.pages(kind).digest;
        let resources = differs(Kind::Resource) || differs(Kind::Template);
        u8::from(differs(Kind::Tool))
            | u8::from(differs(Kind::Prompt)) << 1
            | u8::from(resources) << 2
    }

    /// Entries that clients do not see, each as where it is and why.
    pub fn list_quarantined(&self) -> Vec<String> {
        let mut lines: Vec<(&str, String)> = Vec::new();
        for mark in self.marks.iter().filter(|mark| mark.quarantined) {
            match lines.last_mut().filter(|(path, _)| *path == mark.path) {
                Some((_, line)) => {
                    line.push_str("; ");
                    line.push_str(&mark.text);
                }
                None => lines.push((&mark.path, mark.to_string())),
            }
        }
        lines.into_iter().map(|(_, line)| line).collect()
    }

    /// List all entries for an operator, as JSON.
    pub fn catalog_json(&self) -> String {
        let entries = Kind::ALL.into_iter().flat_map(|kind| &self.list(kind).entries);
        let rows = entries
            .map(|entry| (entry, self.server(entry.server).map_or("", |server| &*server.name)));
        write_catalog(rows, self.depth)
    }

    /// The server at this index.
    pub fn server(&self, index: u32) -> Option<&Arc<Server>> {
        self.servers.get(index as usize)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    const GOLDEN: &str = include_str!("../../tests/golden/snapshot.json");

    fn golden() -> Snapshot {
        Snapshot::build(GOLDEN.as_bytes(), None).unwrap()
    }

    /// A document with these servers; each is its name and the lists that are not empty.
    fn document(prefix: &str, owners: &Value, servers: &[(&str, Value)]) -> Vec<u8> {
        let servers: Vec<Value> = servers.iter().map(|(name, lists)| {
            let mut server = json!({"name":name,"transport":"http","era":"modern","revision":"2026-07-28","environment":null,
                "labels":{},"deadline_ms":1000,"completions":false,"instructions":"",
                "firewall":{"arguments":"strict","results":"observe","secrets":"off"},
                "exceptions":[],"held":[],"cleared":[],"tools":[],"prompts":[],
                "resources":[],"templates":[]});
            for (key, value) in lists.as_object().unwrap() {
                server[key] = value.clone();
            }
            server
        }).collect();
        json!({"format":1,"generation":1,"gateway":{"name":"g","version":"1","instructions":""},"prefix":prefix,
            "page_entries":2,"session_s":60,"depth":16,"owners":owners,"servers":servers}).to_string().into_bytes()
    }

    pub(crate) fn build(prefix: &str, owners: &Value, servers: &[(&str, Value)]) -> Snapshot {
        Snapshot::build(&document(prefix, owners, servers), None).unwrap()
    }

    fn answered(snapshot: &Snapshot, uri: &str) -> Option<(u32, String)> {
        snapshot.resource(uri).map(|(entry, own)| (entry.server, own.into_owned()))
    }

    #[test]
    fn the_golden_document() {
        let snapshot = golden();
        assert_eq!((snapshot.generation, snapshot.depth, snapshot.marks.len()), (7, 64, 0));
        let convert = snapshot.tool("time__convert").unwrap();
        assert_eq!((convert.kind, convert.server, &*convert.own), (Kind::Tool, 0, "convert"));
        assert_eq!(&*convert.header_params[0].lower, "zone");
        let echo = snapshot.tool("every__echo").unwrap();
        assert_eq!(
            &*echo.definition,
            r#"{"inputSchema":{"type":"object"},"name":"every__echo","x-unknown":12345678901234567890}"#
        );
        assert!(snapshot.tool("echo").is_none() && snapshot.prompt("time__ask").is_some());
        assert_eq!(answered(&snapshot, "test://shared"), Some((0, "test://shared".into())));
        assert_eq!(answered(&snapshot, "every+test://shared"), Some((1, "test://shared".into())));
        assert_eq!(answered(&snapshot, "time+test://shared"), Some((0, "test://shared".into())));
        assert_eq!(answered(&snapshot, "time://Europe/now"), Some((0, "time://Europe/now".into())));
        assert_eq!(
            answered(&snapshot, "time+time://Europe/now"),
            Some((0, "time://Europe/now".into()))
        );
        assert_eq!(answered(&snapshot, "every+time://Europe/now"), None);
        assert!(snapshot.template("time://{zone}/now").is_some());
        assert_eq!(snapshot.expose_uri(1, "test://shared").as_deref(), Some("every+test://shared"));
        assert_eq!(snapshot.expose_uri(0, "test://shared"), None);
        assert_eq!(snapshot.expose_uri(1, "test://unlisted"), None);
        let renames: Vec<bool> =
            snapshot.servers.iter().map(|server| server.renames_uris).collect();
        assert_eq!(renames, [false, true]);
        let rows: Value = serde_json::from_str(&snapshot.catalog_json()).unwrap();
        assert_eq!(rows.as_array().unwrap().len(), 6);
        assert_eq!(
            rows[0],
            json!({"kind":"tool","name":"time__convert","server":"time","own":"convert","title":"","description":"Convert a time"})
        );
        assert_eq!(
            (&rows[4]["name"], &rows[4]["title"]),
            (&json!("every+test://shared"), &json!("other"))
        );
        let time = snapshot.server(0).unwrap();
        assert_eq!(
            (&*time.name, time.modern, time.http, time.deadline_ns),
            ("time", true, false, 60_000_000_000)
        );
        assert_eq!((time.environment.as_deref(), time.completions), (Some("development"), true));
        assert!(snapshot.initialize_result("2025-11-25").contains("Ask before you write."));
    }

    #[test]
    fn the_empty_snapshot_answers() {
        let empty = Snapshot::empty();
        assert_eq!((empty.generation, empty.session_ns), (0, 86_400_000_000_000));
        assert_eq!(
            empty.pages(Kind::Template).page(0, false).unwrap().head,
            r#"{"resourceTemplates":[]"#
        );
        assert!(empty.tool("x").is_none() && empty.resource("a+x").is_none());
        assert_eq!(empty.catalog_json(), "[]");
    }

    #[test]
    fn faults_come_all_at_once_and_unusable_entries_are_left_out() {
        let text = document(
            "sometimes",
            &json!([]),
            &[("A", json!({})), ("b", json!({"era":"old"})), ("b", json!({"x":1}))],
        );
        let error = Snapshot::build(&text, None).unwrap_err();
        let paths: Vec<&str> = error.problems.iter().map(|problem| &*problem.path).collect();
        assert_eq!(
            paths,
            ["prefix", "servers[0].name", "servers[1].era", "servers[1].era", "servers[2]"]
        );
        assert!(Snapshot::build(b"{", None).is_err());
        let deep = format!("{}{}", "[".repeat(20), "]".repeat(20));
        let deep: Value = serde_json::from_str(&deep).unwrap();
        let tools = json!([7, {"title":"x"}, {"name":5}, {"name":""}, {"name":"a
b"}, {"name":"a"}, {"name":"a","x":1},
            {"name":"deep","x":deep}, {"name":"h","inputSchema":{"properties":{"p":{"type":"number","x-mcp-header":"P"}}}}]);
        let lists =
            json!({"tools":tools,"templates":[{"uriTemplate":"a{b"}],"resources":[{"name":"x"}]});
        let snapshot = build("always", &json!([]), &[("s", lists)]);
        let problems = snapshot.list_quarantined();
        assert_eq!(
            snapshot.pages(Kind::Tool).page(0, false).unwrap().head,
            r#"{"tools":[{"name":"s__a"}]"#
        );
        assert_eq!(problems.len(), 10, "{problems:#?}");
        assert_eq!(problems[5], "servers[0].tools[6] (s/a): is there twice");
        assert_eq!(problems[4], "servers[0].tools[4] (s/a\\nb): name holds a control character");
        assert_eq!(problems[6], "servers[0].tools[7] (s): nested too deep");
        assert_eq!(
            problems[9],
            "servers[0].templates[0] (s/a{b): template with an unmatched brace"
        );
    }
    #[test]
    fn unchanged_pieces_are_shared() {
        let list = |name: &str| json!({"tools":[{"name":name}],"resources":[{"uri":"x:1"}]});
        let make = |prefix: &str, second: &str, previous: Option<&Snapshot>| {
            Snapshot::build(
                &document(prefix, &json!([["x:1", "a"]]), &[("a", list("t")), ("b", list(second))]),
                previous,
            )
            .unwrap()
        };
        let first = make("always", "t", None);
        let next = make("always", "u", Some(&first));
        assert!(
            Arc::ptr_eq(&first.parts[0], &next.parts[0])
                && !Arc::ptr_eq(&first.parts[1], &next.parts[1])
        );
        assert_eq!((next.changed(&first), first.changed(&first)), (1, 0));
        let bare = make("never", "u", Some(&next));
        assert!(!Arc::ptr_eq(&bare.parts[0], &next.parts[0]));
        assert_eq!(next.changed(&Snapshot::empty()), 5);
    }
}
