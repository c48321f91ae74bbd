//! One server's piece of the document, compiled: entries read, judged by the registry's word, the
//! screen and their own schemas; names exposed, definitions spliced, unusable ones named.
//!
//! A part depends on nothing but its server's piece of the document and where it stands, so an
//! unchanged piece is compiled once. Who owns a bare URI depends on the others: see `uris`.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mcpgate_json::{Doc, Node, Tape};
use serde_json::value::RawValue;

use crate::checks::{Checks, Firewall, JudgeMap, Judges};
use crate::document::{Exception, Held, ServerPart};
use crate::entries::{Entry, Item, Kind, Part, Setting, locate, splice};
use crate::marks::{Mark, rule};
use crate::names::{expose_name, find_fault};
use crate::params::{HeaderParam, find_params};
use crate::screen::{Finding, Severity, screen, screen_text, skeleton};
use crate::templates::Template;

/// Why an entry cannot be offered: its rule and what is wrong.
type Fault = (&'static str, String);

struct Compiler<'p> {
    setting: Setting,
    server: &'p ServerPart<'p>,
    held: HashMap<(&'p str, &'p str), Vec<&'p Held<'p>>>,
    cleared: HashSet<(&'p str, &'p str)>,
    judges: Judges,
    marks: Vec<Mark>,
}

/// One definition being compiled.
struct Draft<'d> {
    kind: Kind,
    place: usize,
    raw: &'d str,
    doc: &'d Doc<'d>,
    /// The node of the name or URI, and what it says.
    node: Node,
    own: Box<str>,
}

/// Compile one server's entries; those that cannot be used become marks.
pub(crate) fn compile(
    server: &ServerPart<'_>,
    setting: Setting,
    digest: [u8; 32],
    known: JudgeMap,
) -> Part {
    let mut held: HashMap<_, Vec<_>> = HashMap::new();
    for found in &server.held {
        held.entry((&*found.kind, &*found.name)).or_default().push(found);
    }
    let cleared = server.cleared.iter().map(|each| (&*each.kind, &*each.name)).collect();
    let judges = Judges::new(known);
    let mut compiler = Compiler { setting, server, held, cleared, judges, marks: Vec::new() };
    let speaks = compiler.hear();
    let items = [
        compiler.compile_list(Kind::Tool, &server.tools),
        compiler.compile_list(Kind::Prompt, &server.prompts),
        compiler.compile_list(Kind::Resource, &server.resources),
        compiler.compile_list(Kind::Template, &server.templates),
    ];
    Part { digest, items, marks: compiler.marks, judges: compiler.judges.used, speaks }
}

impl Compiler<'_> {
    /// Screen what the server says of itself.
    fn hear(&mut self) -> bool {
        let findings = screen_text(&self.server.instructions);
        let mut speaks = true;
        for finding in findings {
            let quarantined = finding.rule.severity == Severity::Quarantine;
            speaks &= !quarantined;
            self.marks.push(Mark {
                server: (&*self.server.name).into(),
                kind: "instructions",
                name: Box::default(),
                rule: finding.rule.id.into(),
                quarantined,
                text: describe(&finding),
                path: format!(
                    "servers[{}].instructions ({})",
                    self.setting.index, self.server.name
                ),
            });
        }
        speaks
    }

    fn compile_list(&mut self, kind: Kind, definitions: &[&RawValue]) -> Vec<Item> {
        let mut seen = HashSet::with_capacity(definitions.len());
        let mut items = Vec::with_capacity(definitions.len());
        let mut tape = Tape::default();
        for (place, raw) in definitions.iter().enumerate() {
            let raw = on_one_line(raw.get());
            match read_draft(&mut tape, kind, &raw, self.setting.depth) {
                Ok((doc, node, own)) => {
                    let draft = Draft { kind, place, raw: &raw, doc: &doc, node, own };
                    items.extend(self.compile_item(&draft, &mut seen));
                }
                Err((own, fault)) => self.leave_out(kind, place, &own, fault),
            }
        }
        items
    }

    /// Compile one readable definition, or say why it is not offered.
    fn compile_item(&mut self, draft: &Draft<'_>, seen: &mut HashSet<Box<str>>) -> Option<Item> {
        let usable = self.check_usable(draft, seen);
        let cleared = self.is_cleared(draft);
        let allowed = self.check_registry(draft) & self.check_screen(draft, cleared);
        match usable {
            Ok((header_params, template, checks)) => {
                allowed.then(|| self.finish(draft, header_params, template, checks))
            }
            Err(fault) => {
                self.leave_out(draft.kind, draft.place, &draft.own, fault);
                None
            }
        }
    }

    /// Read all that the gate needs of a definition.
    fn check_usable(
        &mut self,
        draft: &Draft<'_>,
        seen: &mut HashSet<Box<str>>,
    ) -> Result<Usable, Fault> {
        if let Some(fault) = find_fault(&draft.own) {
            return Err((rule::UNREADABLE, format!("{} {fault}", draft.kind.field())));
        }
        if !seen.insert(draft.own.clone()) {
            return Err((rule::TWICE, "is there twice".to_owned()));
        }
        let header_params = read_params(self.server, draft.kind, draft.doc)
            .map_err(|text| (rule::HEADERS, text))?;
        let template = match draft.kind {
            Kind::Template => Some(
                Template::parse(&draft.own)
                    .map_err(|fault| (rule::UNREADABLE, fault.to_string()))?,
            ),
            _ => None,
        };
        let checks = match draft.kind {
            Kind::Tool => Some(self.compile_checks(draft)?),
            _ => None,
        };
        Ok((header_params, template, checks))
    }

    fn compile_checks(&mut self, draft: &Draft<'_>) -> Result<Checks, Fault> {
        if draft.doc.get(draft.doc.root(), "inputSchema").is_none() {
            let text = "declares no inputSchema; any arguments pass".to_owned();
            self.mark(draft, rule::NO_SCHEMA, false, text);
        }
        let firewall = self.firewall(&draft.own);
        self.judges.compile(draft.doc, firewall).map_err(|fault| (fault.rule, fault.text))
    }

    /// The settings for one tool.
    fn firewall(&self, tool: &str) -> Firewall {
        let own = self.server.exceptions.iter().find(|exception| exception.tool == tool);
        own.map_or(self.server.firewall, Exception::firewall)
    }

    fn is_cleared(&self, draft: &Draft<'_>) -> bool {
        self.cleared.contains(&(draft.kind.name(), &*draft.own))
    }

    /// Say whether the registry lets clients see the entry.
    fn check_registry(&mut self, draft: &Draft<'_>) -> bool {
        let key = (draft.kind.name(), &*draft.own);
        let mut allowed = true;
        for found in self.held.get(&key).cloned().unwrap_or_default() {
            allowed &= !found.quarantine;
            self.mark(draft, &found.rule, found.quarantine, found.text.clone().into_owned());
        }
        allowed
    }

    /// Say whether the definition's texts let clients see it.
    fn check_screen(&mut self, draft: &Draft<'_>, cleared: bool) -> bool {
        let mut allowed = true;
        for finding in screen(draft.doc, draft.doc.root()) {
            let quarantined = finding.rule.severity == Severity::Quarantine && !cleared;
            allowed &= !quarantined;
            self.mark(draft, finding.rule.id, quarantined, describe(&finding));
        }
        allowed
    }

    fn finish(
        &self,
        draft: &Draft<'_>,
        header_params: Box<[HeaderParam]>,
        template: Option<Template>,
        checks: Option<Checks>,
    ) -> Item {
        let own = draft.own.clone();
        let exposed: Box<str> = match draft.kind {
            Kind::Tool | Kind::Prompt => {
                expose_name(&self.server.name, &own, self.setting.prefixed).into()
            }
            Kind::Resource | Kind::Template => own.clone(),
        };
        let span = draft.doc.span(draft.node);
        let definition =
            if exposed == own { draft.raw.to_owned() } else { splice(draft.raw, &span, &exposed) };
        let skeleton = skeleton(&exposed).into();
        let entry = Entry {
            kind: draft.kind,
            server: self.setting.index,
            own,
            exposed,
            definition: definition.into(),
            header_params,
            checks: checks.map(Arc::new),
        };
        let template = template.map(Arc::new);
        Item { place: draft.place, entry: Arc::new(entry), template, span, skeleton }
    }

    fn mark(&mut self, draft: &Draft<'_>, rule: &str, quarantined: bool, text: String) {
        let mark = self.build_mark(draft.kind, draft.place, &draft.own, text);
        self.marks.push(Mark { rule: rule.into(), quarantined, ..mark });
    }

    fn leave_out(&mut self, kind: Kind, place: usize, own: &str, fault: Fault) {
        let (rule, text) = fault;
        let mark = self.build_mark(kind, place, own, text);
        self.marks.push(Mark { rule: rule.into(), ..mark });
    }

    fn build_mark(&self, kind: Kind, place: usize, own: &str, text: String) -> Mark {
        Mark {
            server: (&*self.server.name).into(),
            kind: kind.name(),
            name: own.into(),
            rule: Box::default(),
            quarantined: true,
            text,
            path: locate(kind, (self.setting.index, &self.server.name), place, own),
        }
    }
}

/// What is compiled of a definition beside its names.
type Usable = (Box<[HeaderParam]>, Option<Template>, Option<Checks>);

/// A definition's tape, the node of its name or URI, and what that says.
type Readable<'t> = (Doc<'t>, Node, Box<str>);

/// Read one definition and its own name; an error is that name as far as known, and what is wrong.
fn read_draft<'t>(
    tape: &'t mut Tape,
    kind: Kind,
    raw: &'t str,
    depth: usize,
) -> Result<Readable<'t>, (Box<str>, Fault)> {
    let nameless = |text: String| (Box::from(""), (rule::UNREADABLE, text));
    let doc = tape.scan(raw.as_bytes(), depth).map_err(|fault| nameless(fault.to_string()))?;
    if !doc.is_object(doc.root()) {
        return Err(nameless("is not an object".to_owned()));
    }
    let field = kind.field();
    let node = doc.get(doc.root(), field).filter(|node| doc.is_string(*node));
    let node = node.ok_or_else(|| nameless(format!("has no {field} that is a string")))?;
    Ok((doc, node, doc.text(node).into()))
}

/// What a finding says to an operator.
fn describe(finding: &Finding) -> String {
    let place = if finding.place.is_empty() { "/" } else { &finding.place };
    format!("{} (at {place}: {})", finding.rule.text, finding.detail)
}

/// Read a tool's annotations; an HTTP server's tool with an invalid one may not be offered.
fn read_params(
    server: &ServerPart<'_>,
    kind: Kind,
    doc: &Doc<'_>,
) -> Result<Box<[HeaderParam]>, String> {
    if kind != Kind::Tool {
        return Ok(Box::default());
    }
    let params = find_params(doc, doc.root());
    if server.transport == "http" { params } else { Ok(params.unwrap_or_default()) }
}

/// Line ends between tokens become blanks: a message must fit one line of stdio or of an event.
fn on_one_line(raw: &str) -> Cow<'_, str> {
    const ENDS: [char; 2] = ['\n', '\r'];
    if raw.contains(ENDS) { Cow::Owned(raw.replace(ENDS, " ")) } else { Cow::Borrowed(raw) }
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
            "completions":false,"instructions":"","firewall":{"arguments":"strict","results":"observe","secrets":"off"},"exceptions":[],"held":[],"cleared":[],"tools":[],"prompts":[],"resources":[],"templates":[]}"#;
        let mut server: ServerPart<'_> = serde_json::from_str(text).unwrap();
        server.tools.push(raw);
        for (prefixed, name) in [(true, "\"s__echo\""), (false, "\"ec\\u0068o\"")] {
            let part = compile(
                &server,
                Setting { index: 0, prefixed, depth: 9 },
                [0; 32],
                JudgeMap::new(),
            );
            let expected = raw.get().replace("\"ec\\u0068o\"", name);
            assert_eq!(&*part.items(Kind::Tool)[0].entry.definition, expected);
        }
    }

    #[test]
    fn invalid_annotations_quarantine_a_tool_of_an_http_server() {
        let tools = json!([{"name":"t","inputSchema":{"items":{"x-mcp-header":"A"}}}]);
        let lists = |era: &str, revision: &str, transport: &str| json!({"tools":tools,"era":era,"revision":revision,"transport":transport});
        for (era, revision, transport, found) in [
            ("modern", "2026-07-28", "http", Some(("headers_invalid", true))),
            ("legacy", "", "http", Some(("headers_invalid", true))),
            ("modern", "2026-07-28", "stdio", None),
            ("legacy", "", "sse", None),
            ("legacy", "", "websocket", None),
        ] {
            let snapshot = build("always", &json!([]), &[("s", lists(era, revision, transport))]);
            let mark = snapshot.marks.first().map(|mark| (&*mark.rule, mark.quarantined));
            assert_eq!(mark, found, "{era} {transport}");
            assert_eq!(snapshot.tool("s__t").is_none(), found.is_some());
        }
    }

    #[test]
    fn a_taken_name_refuses_the_later_entry() {
        let tools = json!({"tools":[{"name":"t"}]});
        let snapshot = build("never", &json!([]), &[("a", tools.clone()), ("b", tools.clone())]);
        assert_eq!(snapshot.tool("t").unwrap().server, 0);
        assert_eq!(snapshot.list_quarantined()[0], "servers[1].tools[0] (b/t): t is taken by a/t");
        assert!(
            build("always", &json!([]), &[("a", tools.clone()), ("b", tools)])
                .list_quarantined()
                .is_empty()
        );
        // A server that guesses a shortened name does not get it.
        let long = "x".repeat(70);
        let short = expose_name("a", &long, true);
        let own = short.strip_prefix("a__").unwrap();
        let snapshot =
            build("always", &json!([]), &[("a", json!({"tools":[{"name":long},{"name":own}]}))]);
        assert_eq!(&*snapshot.tool(&short).unwrap().own, long);
        assert_eq!(snapshot.list_quarantined().len(), 1);
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
            prop_assert_eq!(snapshot.pages(Kind::Tool).entries() + snapshot.list_quarantined().len(), count);
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
