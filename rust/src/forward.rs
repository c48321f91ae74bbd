//! A message on its way to a server: entry found, span edits made, ticket issued.

use std::borrow::Cow;
use std::sync::Arc;

use mcpgate_schema::{Misfit, Problem};
use sha2::{Digest, Sha256};

use crate::bridge::{Continuation, More, read_answers};
use crate::caller::hex;
use crate::capabilities::Capabilities;
use crate::document::Isolation;
use crate::inspect::{Case, META_CAPABILITIES};
use crate::level::Level;
use crate::message::Message;
use crate::mirror::{differing, lines};
use crate::refusal::{Lesson, Refusal};
use crate::revision::{Method, Revision};
use crate::rewrite::{Edits, decimal, push_string, string};
use crate::snapshot::{Entry, Server, Snapshot};
use crate::ticket::{Bond, Tally, Ticket};
use crate::verdict::{Outcome, Reason, Verdict};
use mcpgate_json::{Doc, Node, NodeKind};

/// `_meta` keys that belong to one hop only.
const HOP_PREFIX: &str = "io.modelcontextprotocol/";
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// What the gateway says of itself to a modern server.
const STAMP: &str = concat!(
    "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",",
    "\"io.modelcontextprotocol/clientInfo\":{\"name\":\"mcpgate\",\"version\":\"",
    env!("CARGO_PKG_VERSION"),
    "\"}"
);

/// Who owns a link that carries one call at a time.
const ONE_CALL: &str = "*";

/// Where a message goes and under which name.
struct Target<'s> {
    entry: &'s Entry,
    server: &'s Arc<Server>,
    /// The node that holds the exposed name or URI.
    node: Node,
    /// What the server calls it.
    own: Cow<'s, str>,
}

impl Case<'_> {
    pub(crate) fn forward(
        &mut self,
        message: &Message<'_>,
        method: Method,
    ) -> Result<Verdict, Refusal> {
        let snapshot = Arc::clone(&self.snapshot);
        let target = self.resolve(&snapshot, message, method)?;
        let arguments = message.param("arguments");
        self.check_params(message, method, &target, arguments)?;
        self.note.server.push_str(&target.server.name);
        self.note.entry.push_str(&target.own);
        if let Some(node) = arguments {
            self.note.arguments_sha256 = hex(&Sha256::digest(message.doc.raw(node)));
        }
        check_arguments(message, &target, arguments)?;
        if method == Method::Complete && !target.server.completions {
            return Ok(self.result(message, empty_completion(self.caller.modern)));
        }
        let ticket = self.ticket(message, method, &target);
        let continuation =
            self.continuation(message, ticket.bond.as_deref(), &target.server.name, method)?;
        if let Continuation::Parked(upstream_id, handle) = continuation {
            ticket.send_again(upstream_id);
            let answers = read_answers(message);
            let more = More { answers, handle, ..More::default() };
            let mut verdict = Verdict::new(Outcome::Forward, Vec::new(), 200, self.event.clone());
            verdict.more = Some(Box::new(more));
            verdict.ticket = Some(Arc::new(ticket));
            verdict.last = false;
            return Ok(verdict);
        }
        let body = rewritten(message, &target, &ticket, &continuation);
        let mut verdict = Verdict::new(Outcome::Forward, body, 200, self.event.clone());
        if target.server.modern && target.server.http {
            let name = (method != Method::Complete).then_some(&*target.own);
            verdict.head = lines(method.name(), name, Some(target.entry), &message.doc, arguments);
        }
        verdict.ticket = Some(Arc::new(ticket));
        verdict.last = false;
        Ok(verdict)
    }

    /// Look the entry up by what the client calls it.
    fn resolve<'s>(
        &mut self,
        snapshot: &'s Snapshot,
        message: &Message<'_>,
        method: Method,
    ) -> Result<Target<'s>, Refusal> {
        let (node, kind) = named(message, method)?;
        let exposed = message.doc.text(node);
        self.note.exposed.push_str(&exposed);
        let found = match kind {
            Reason::UnknownTool => snapshot.tool(&exposed).map(own_name),
            Reason::UnknownPrompt => snapshot.prompt(&exposed).map(own_name),
            _ => snapshot.resource(&exposed),
        };
        let template = || {
            let entry = (method == Method::Complete).then(|| snapshot.template(&exposed))??;
            Some(own_name(entry))
        };
        let found = if kind == Reason::UnknownResource { template().or(found) } else { found };
        let placed =
            found.and_then(|(entry, own)| Some((entry, own, snapshot.server(entry.server)?)));
        let Some((entry, own, server)) = placed else {
            let mut refusal = Refusal::with(kind, message.raw_id(), cut(&exposed));
            if kind == Reason::UnknownResource {
                let uri = String::from_utf8(string(&exposed)).unwrap_or_default();
                refusal.data = format!(",\"uri\":{uri}");
            }
            return Err(refusal);
        };
        Ok(Target { entry, server, node, own })
    }

    fn check_params(
        &self,
        message: &Message<'_>,
        method: Method,
        target: &Target<'_>,
        arguments: Option<Node>,
    ) -> Result<(), Refusal> {
        let id = message.raw_id();
        if self.caller.modern
            && method == Method::ToolsCall
            && let Some(head) = self.head
            && let Some(name) = differing(target.entry, head, &message.doc, arguments)
        {
            let text = format!("Mcp-Param-{name} is missing or differs from the argument.");
            return Err(Refusal::with(Reason::HeaderMismatch, id, text));
        }
        if matches!(method, Method::ToolsCall | Method::PromptsGet)
            && arguments.is_some_and(|node| !message.doc.is_object(node))
        {
            return Err(Refusal::with(Reason::Params, id, "arguments must be an object."));
        }
        if message.param("_meta").is_some() && message.meta().is_none() {
            return Err(Refusal::with(Reason::Params, id, "_meta must be an object."));
        }
        if message.param("task").is_some() {
            return Err(Refusal::with(Reason::Capability, id, "Tasks are not offered."));
        }
        Ok(())
    }

    fn ticket(&self, message: &Message<'_>, method: Method, target: &Target<'_>) -> Ticket {
        let server = target.server;
        let checks = target.entry.checks.as_ref().filter(|_| method == Method::ToolsCall);
        let token =
            message.meta_value("progressToken").filter(|node| is_token(&message.doc, *node));
        let deadline_ns = i64::try_from(server.deadline_ns).unwrap_or(i64::MAX);
        let capabilities = self.capabilities(message);
        let asked_level = if self.caller.modern {
            message.meta_value(LOG_LEVEL).and_then(|node| Level::parse(&message.doc.text(node)))
        } else {
            self.caller.level()
        };
        let comes_back = self.caller.modern
            && method.takes_input()
            && (server.modern || !capabilities.is_empty());
        let arguments =
            || message.param("arguments").map_or(&b"null"[..], |node| message.doc.raw(node));
        let bond = comes_back.then(|| {
            Box::new(Bond {
                principal: Arc::clone(&self.caller.principal),
                entry: (&*target.own).into(),
                arguments: arguments().into(),
            })
        });
        Ticket {
            event: self.event.clone(),
            client_id: message.raw_id().to_vec(),
            upstream: self.gate.issue_id().into(),
            token: token.map(|node| message.doc.raw(node).to_vec()),
            revision: self.caller.revision.unwrap_or(Revision::LEGACY),
            level: if self.caller.modern {
                asked_level
            } else {
                asked_level.or(Some(Level::LOWEST))
            },
            asked_level,
            capabilities,
            owner: self.owner(server, capabilities),
            bond,
            method,
            server: Arc::clone(server),
            secrets: checks.map_or(server.secrets, |checks| checks.firewall.secrets),
            checks: checks.map(Arc::clone),
            snapshot: Arc::clone(&self.snapshot),
            started_ns: self.now,
            deadline_ns: self.now.saturating_add(deadline_ns),
            tally: Tally::default(),
        }
    }

    /// What the client can do for a server.
    fn capabilities(&self, message: &Message<'_>) -> Capabilities {
        if !self.caller.modern {
            return self.caller.capabilities;
        }
        let declared = message.meta_value(META_CAPABILITIES);
        declared.map_or(Capabilities::NONE, |node| Capabilities::read(&message.doc, node))
    }

    /// Whose links carry the call; a caller without a session has those of its principal. Nothing
    /// that such a caller does can depend on a session of its server, so where a link has one wire
    /// its calls get one each: what the server asks then belongs to the only call there is.
    fn owner(&self, server: &Server, capabilities: Capabilities) -> String {
        let asks = self.caller.modern && !server.modern && !capabilities.is_empty();
        match server.isolation {
            Isolation::Shared if asks && server.one_wire => ONE_CALL.to_owned(),
            Isolation::Shared => String::new(),
            Isolation::Session if !self.caller.session.is_empty() => self.caller.session.clone(),
            Isolation::Session | Isolation::Principal => self.caller.principal.to_string(),
        }
    }
}

/// Hold a tool's arguments to its schema.
fn check_arguments(
    message: &Message<'_>,
    target: &Target<'_>,
    arguments: Option<Node>,
) -> Result<(), Refusal> {
    let Some(checks) = &target.entry.checks else { return Ok(()) };
    let Some(judge) = &checks.arguments else { return Ok(()) };
    let Err(misfit) = judge.check(&message.doc, arguments) else { return Ok(()) };
    let problems = match misfit {
        Misfit::Mismatch => judge.problems(&message.doc, arguments),
        Misfit::TooCostly => vec![Problem {
            pointer: String::new(),
            expected: "arguments that can be checked in time; send fewer or flatter ones"
                .to_owned(),
            got: "arguments that the schema makes too costly to check".to_owned(),
            name: None,
            near: None,
            allowed: Vec::new(),
        }],
    };
    let mut refusal = Refusal::new(Reason::Arguments, message.raw_id());
    let tool = message.doc.text(target.node).into_owned();
    refusal.lesson = Some(Box::new(Lesson { tool, structured: !checks.structured, problems }));
    Err(refusal)
}

fn own_name(entry: &Entry) -> (&Entry, Cow<'_, str>) {
    (entry, Cow::Borrowed(&*entry.own))
}

fn cut(text: &str) -> String {
    text.chars().take(128).collect()
}

/// The node that names the entry, and how its absence from the catalog is called.
fn named(message: &Message<'_>, method: Method) -> Result<(Node, Reason), Refusal> {
    let missing = |key: &str| {
        Refusal::with(Reason::Params, message.raw_id(), format!("{key} must be a string."))
    };
    match method {
        Method::ToolsCall => {
            Ok((message.text_param("name").ok_or_else(|| missing("name"))?, Reason::UnknownTool))
        }
        Method::PromptsGet => {
            Ok((message.text_param("name").ok_or_else(|| missing("name"))?, Reason::UnknownPrompt))
        }
        Method::ResourcesRead => {
            Ok((message.text_param("uri").ok_or_else(|| missing("uri"))?, Reason::UnknownResource))
        }
        _ => reference(message)
            .ok_or_else(|| missing("ref.name (ref/prompt) or ref.uri (ref/resource)")),
    }
}

fn reference(message: &Message<'_>) -> Option<(Node, Reason)> {
    let doc = &message.doc;
    let reference = message.param("ref")?;
    let (key, reason) = match &*doc.text(doc.get(reference, "type")?) {
        "ref/prompt" => ("name", Reason::UnknownPrompt),
        "ref/resource" => ("uri", Reason::UnknownResource),
        _ => return None,
    };
    let node = doc.get(reference, key).filter(|node| doc.is_string(*node))?;
    Some((node, reason))
}

pub(crate) const fn empty_completion(modern: bool) -> &'static str {
    if modern {
        r#"{"completion":{"values":[],"total":0,"hasMore":false},"resultType":"complete"}"#
    } else {
        r#"{"completion":{"values":[],"total":0,"hasMore":false}}"#
    }
}

/// The message as the server gets it.
fn rewritten(
    message: &Message<'_>,
    target: &Target<'_>,
    ticket: &Ticket,
    continuation: &Continuation,
) -> Vec<u8> {
    let doc = &message.doc;
    let mut edits = Edits::new(doc.bytes());
    if let Some(id) = message.id {
        edits.replace(doc.span(id), decimal(ticket.upstream_id()));
    }
    if doc.text(target.node) != target.own {
        edits.replace(doc.span(target.node), string(&target.own));
    }
    let modern = target.server.modern;
    match (message.meta(), message.params) {
        (Some(meta), _) if modern || needs_edit(doc, meta) => {
            edits.replace(doc.span(meta), restamped(doc, meta, ticket, modern));
        }
        (None, Some(params)) if modern => {
            let meta = format!("\"_meta\":{{{}}},", stamp(ticket));
            edits.insert_first(&doc.span(params), meta.into_bytes());
        }
        _ => {}
    }
    if ticket.revision.is_modern()
        && let Some(params) = message.params
    {
        restore_state(doc, params, modern, continuation, &mut edits);
    }
    edits.apply()
}

/// Give a server its own state back; legacy ones know neither state nor input.
fn restore_state(
    doc: &Doc<'_>,
    params: Node,
    modern: bool,
    continuation: &Continuation,
    edits: &mut Edits<'_>,
) {
    match (continuation, doc.get(params, "requestState")) {
        _ if !modern => edits.remove(doc, params, &["requestState", "inputResponses"]),
        (Continuation::State(state), Some(node)) if !state.is_empty() => {
            edits.replace(doc.span(node), state.clone());
        }
        (_, Some(_)) => edits.remove(doc, params, &["requestState"]),
        _ => {}
    }
}

/// What the gateway says of itself and of the client to a modern server.
fn stamp(ticket: &Ticket) -> String {
    let capabilities = ticket.capabilities.declare();
    let mut stamp = format!("{STAMP},\"{META_CAPABILITIES}\":{capabilities}");
    if let (Some(level), false) = (ticket.asked_level, ticket.revision.is_modern()) {
        for part in [",\"", LOG_LEVEL, "\":\"", level.name(), "\""] {
            stamp.push_str(part);
        }
    }
    stamp
}

/// Progress is told with a string or a number; for anything else nobody waits.
fn is_token(doc: &Doc<'_>, node: Node) -> bool {
    doc.is_string(node) || doc.kind(node) == NodeKind::Number
}

fn is_hop_key(doc: &Doc<'_>, key: Node) -> bool {
    doc.text(key).starts_with(HOP_PREFIX)
}

fn needs_edit(doc: &Doc<'_>, meta: Node) -> bool {
    doc.entries(meta).any(|(key, _)| doc.is_key(key, "progressToken") || is_hop_key(doc, key))
}

/// `_meta` for the server: our stamp, then every member that is not of one hop, as it was written.
fn restamped(doc: &Doc<'_>, meta: Node, ticket: &Ticket, modern: bool) -> Vec<u8> {
    let mut out = vec![b'{'];
    if modern {
        out.extend_from_slice(stamp(ticket).as_bytes());
    }
    for (key, value) in doc.entries(meta) {
        let level = modern && ticket.revision.is_modern() && doc.is_key(key, LOG_LEVEL);
        if is_hop_key(doc, key) && !level {
            continue;
        }
        let token = doc.is_key(key, "progressToken");
        if token && ticket.token.is_none() {
            continue;
        }
        if out.len() > 1 {
            out.push(b',');
        }
        if token {
            push_string(&mut out, "progressToken");
            out.push(b':');
            out.extend_from_slice(&decimal(ticket.upstream_id()));
        } else {
            out.extend_from_slice(doc.raw(key));
            out.push(b':');
            out.extend_from_slice(doc.raw(value));
        }
    }
    out.push(b'}');
    out
}
