//! What a server sends for an open exchange: read by the same rules, ids and tokens put back,
//! result fields fitted to the client's revision.

use std::sync::Arc;

use crate::bridge::{asked, input_required};
use crate::capabilities::Capabilities;
use crate::checks::{Results, Secrets};
use crate::forward::empty_completion;
use crate::gate::{Gate, with_tape};
use crate::level::Level;
use crate::message::{Kind, Message, read};
use crate::refusal::Refusal;
use crate::revision::{Method, Revision};
use crate::rewrite::{Edits, string};
use crate::secrets::{Secret, find};
use crate::ticket::Ticket;
use crate::verdict::{Outcome, Reason, Verdict};
use mcpgate_json::{Doc, Node, NodeKind, Tape};

/// Result members of the revision without sessions.
const MODERN_MEMBERS: [&str; 3] = ["resultType", "ttlMs", "cacheScope"];
/// Errors that speak about our own hop: header, revision.
const HOP_ERRORS: [i64; 2] = [-32020, -32022];
/// A client of the revision without sessions lacks a capability.
const LACKS: i64 = -32021;
/// A server knows no such method, or runs a tool only as a task.
const NO_METHOD: i64 = -32601;
/// A client must open a URL first; only one revision has it.
const URL_FIRST: i64 = -32042;

type Reviewed = Result<Verdict, Refusal>;

impl Gate {
    /// Judge one message of a server for an open exchange.
    pub fn review(&self, raw: &[u8], ticket: &Arc<Ticket>) -> Verdict {
        let look = ticket.secrets != Secrets::Off;
        let verdict = match with_tape(|tape| reviewed(self, tape, raw, ticket, look)) {
            Ok(verdict) => verdict,
            Err(refusal) => refusal.end(ticket),
        };
        if verdict.last || !verdict.body.is_empty() {
            ticket.tally.count(verdict.body.len());
        }
        verdict
    }
}

fn reviewed(gate: &Gate, tape: &mut Tape, raw: &[u8], ticket: &Ticket, look: bool) -> Reviewed {
    let unreadable = |text: &str| Refusal::with(Reason::Unreadable, &ticket.client_id, text);
    let message = read(tape, raw, ticket.snapshot.depth)
        .map_err(|unread| unreadable(&Refusal::unread(&unread).detail))?;
    let found = if look { find(&message.doc, message.doc.root()) } else { Vec::new() };
    if !found.is_empty() {
        ticket.tally.count_secrets(found.len());
        let hidden = ticket.secrets == Secrets::Redact && !found.iter().any(|found| found.in_key);
        if !hidden && message.kind != Kind::Reply {
            return Ok(swallowed(ticket));
        }
        if !hidden {
            return Err(Refusal::new(Reason::Secret, &ticket.client_id));
        }
        return reviewed(gate, tape, &redacted(raw, found), ticket, false);
    }
    match message.kind {
        Kind::Reply => {
            let doc = &message.doc;
            if message.id.and_then(|id| doc.integer(id)) != Some(ticket.upstream_id()) {
                return Err(unreadable("It carries another id."));
            }
            match (message.result, message.error) {
                (Some(result), _) => result_for(gate, &message, result, ticket),
                (_, Some(error)) => error_for(&message, error, ticket),
                _ => Err(unreadable("It has neither result nor error.")),
            }
        }
        Kind::Notification => Ok(notification_for(&message, ticket)),
        Kind::Request => {
            let mut verdict = swallowed(ticket);
            asked(gate, &message, ticket, &mut verdict);
            Ok(verdict)
        }
    }
}

/// The message without its secrets.
fn redacted(raw: &[u8], found: Vec<Secret>) -> Vec<u8> {
    let mut edits = Edits::new(raw);
    for secret in found {
        edits.replace(secret.span, secret.with);
    }
    edits.apply()
}

fn swallowed(ticket: &Ticket) -> Verdict {
    let mut verdict = Verdict::new(Outcome::Answer, Vec::new(), 200, ticket.event.clone());
    verdict.last = false;
    verdict
}

fn notification_for(message: &Message<'_>, ticket: &Ticket) -> Verdict {
    let doc = &message.doc;
    let mut verdict = swallowed(ticket);
    match &*message.method {
        "notifications/progress" => {
            let token = message.param("progressToken");
            if let (Some(node), Some(theirs)) = (token, &ticket.token)
                && doc.integer(node) == Some(ticket.upstream_id())
            {
                let mut edits = Edits::new(doc.bytes());
                edits.replace(doc.span(node), theirs.clone());
                verdict.body = edits.apply();
                ticket.tally.count_progress();
            }
        }
        "notifications/message" if wants(message, ticket) => verdict.body = doc.bytes().to_vec(),
        _ => {}
    }
    verdict
}

/// Whether the client wants a log message of this severity.
fn wants(message: &Message<'_>, ticket: &Ticket) -> bool {
    let said = message.param("level").and_then(|node| Level::parse(&message.doc.text(node)));
    ticket.level.is_some_and(|level| said.is_none_or(|said| said >= level))
}

fn result_for(gate: &Gate, message: &Message<'_>, result: Node, ticket: &Ticket) -> Reviewed {
    let doc = &message.doc;
    if !doc.is_object(result) {
        let text = "Its result is not an object.";
        return Err(Refusal::with(Reason::Unreadable, &ticket.client_id, text));
    }
    let form = doc.get(result, "resultType").filter(|_| ticket.server.modern);
    match form.map(|node| doc.raw(node)) {
        None | Some(b"\"complete\"") => {}
        Some(b"\"input_required\"") if ticket.method.takes_input() => {
            return input_required(gate, message, result, ticket);
        }
        Some(_) => {
            let text = "Its result is of a type that was not declared.";
            return Err(Refusal::lacking(&ticket.client_id, text, Capabilities::NONE));
        }
    }
    if doc.get(result, "isError").is_some_and(|node| doc.kind(node) == NodeKind::True) {
        ticket.tally.mark_error();
    } else {
        check_result(doc, result, ticket)?;
    }
    let mut edits = restored(message, ticket);
    match (ticket.server.modern, ticket.revision.is_modern()) {
        (false, true) => add_members(doc, result, ticket.method, &mut edits),
        (true, true) => add_type(doc, result, &mut edits),
        (true, false) => {
            let odd = |node: &Node| !doc.is_object(*node);
            let content = doc.get(result, "structuredContent").filter(odd);
            let mut gone = MODERN_MEMBERS.to_vec();
            gone.extend(content.map(|_| "structuredContent"));
            edits.remove(doc, result, &gone);
        }
        _ => {}
    }
    if ticket.server.renames_uris {
        expose_uris(doc, result, ticket, &mut edits);
    }
    Ok(Verdict::new(Outcome::Answer, edits.apply(), 200, ticket.event.clone()))
}

/// Hold a tool's structured content to its output schema.
fn check_result(doc: &Doc<'_>, result: Node, ticket: &Ticket) -> Result<(), Refusal> {
    let Some(checks) = &ticket.checks else { return Ok(()) };
    let Some(judge) = &checks.results else { return Ok(()) };
    let content = doc.get(result, "structuredContent");
    if content.is_some() && judge.check(doc, content).is_ok() {
        return Ok(());
    }
    ticket.tally.mark_misfit();
    if checks.firewall.results != Results::Enforce {
        return Ok(());
    }
    let text = match content {
        None => "structuredContent is missing.".to_owned(),
        Some(_) => judge.problems(doc, content).first().map_or_else(String::new, |problem| {
            format!(
                "structuredContent{}: expected {}, got {}.",
                problem.pointer, problem.expected, problem.got
            )
        }),
    };
    Err(Refusal::with(Reason::ResultSchema, &ticket.client_id, text))
}

/// Edits that put the client's id back.
fn restored<'a>(message: &Message<'a>, ticket: &Ticket) -> Edits<'a> {
    let mut edits = Edits::new(message.doc.bytes());
    if let Some(id) = message.id {
        edits.replace(message.doc.span(id), ticket.client_id.clone());
    }
    edits
}

/// Refuse an error that speaks about our own hop, or of what the client's revision cannot do.
fn hold_error(code: i64, ticket: &Ticket) -> Result<(), Refusal> {
    let lacks = match code {
        LACKS => !ticket.revision.is_modern(),
        URL_FIRST => ticket.revision != Revision::R20251125,
        NO_METHOD => ticket.method.takes_input(),
        _ => false,
    };
    let text = format!("It answered with error {code}, which concerns the gateway's own request.");
    if lacks {
        let needed = if code == URL_FIRST { Capabilities::URL } else { Capabilities::NONE };
        return Err(Refusal::lacking(&ticket.client_id, text, needed));
    }
    if HOP_ERRORS.contains(&code) {
        return Err(Refusal::with(Reason::Unreadable, &ticket.client_id, text));
    }
    Ok(())
}

fn error_for(message: &Message<'_>, error: Node, ticket: &Ticket) -> Reviewed {
    let doc = &message.doc;
    let code = doc.get(error, "code").filter(|node| doc.integer(*node).is_some());
    let text = doc.get(error, "message").is_some_and(|node| doc.is_string(node));
    let (Some(node), true) = (code, text) else {
        let text = "Its error has no integer code or no message.";
        return Err(Refusal::with(Reason::Unreadable, &ticket.client_id, text));
    };
    let code = doc.integer(node).unwrap_or_default();
    let modern = ticket.revision.is_modern();
    let unmet = ticket.tally.unmet();
    if !unmet.is_empty() {
        let text =
            format!("It asked for input that was not declared, and ended with error {code}.");
        return Err(Refusal::lacking(&ticket.client_id, text, unmet));
    }
    if code == NO_METHOD && ticket.method == Method::Complete {
        return Ok(no_completion(ticket));
    }
    hold_error(code, ticket)?;
    ticket.tally.mark_error();
    let mapped = match (ticket.method, modern, code) {
        (Method::ResourcesRead, true, -32002) => -32602,
        (Method::ResourcesRead, false, -32602) if ticket.server.modern => -32002,
        _ => code,
    };
    let mut edits = restored(message, ticket);
    if mapped != code {
        edits.replace(doc.span(node), mapped.to_string().into_bytes());
    }
    let status = match mapped {
        -32601 if modern => 404,
        -32700 | -32600 | -32602 | LACKS if modern => 400,
        _ => 200,
    };
    Ok(Verdict::new(Outcome::Answer, edits.apply(), status, ticket.event.clone()))
}

/// Servers may leave out that a result is complete; clients need not understand that.
fn add_type(doc: &Doc<'_>, result: Node, edits: &mut Edits<'_>) {
    if doc.get(result, "resultType").is_none() {
        let comma = if doc.is_empty(result) { "" } else { "," };
        let member = format!("\"resultType\":\"complete\"{comma}");
        edits.insert_first(&doc.span(result), member.into_bytes());
    }
}

/// The first revision has no way to say that a server completes nothing.
fn no_completion(ticket: &Ticket) -> Verdict {
    let result = empty_completion(ticket.revision.is_modern());
    let mut body = b"{\"jsonrpc\":\"2.0\",\"id\":".to_vec();
    body.extend_from_slice(&ticket.client_id);
    body.extend_from_slice(format!(",\"result\":{result}}}").as_bytes());
    Verdict::new(Outcome::Answer, body, 200, ticket.event.clone())
}

/// What a legacy result lacks for a modern client.
fn add_members(doc: &Doc<'_>, result: Node, method: Method, edits: &mut Edits<'_>) {
    if doc.get(result, "resultType").is_some() {
        return;
    }
    let mut members = String::from("\"resultType\":\"complete\"");
    if method == Method::ResourcesRead {
        members.push_str(",\"ttlMs\":0,\"cacheScope\":\"private\"");
    }
    if !doc.is_empty(result) {
        members.push(',');
    }
    edits.insert_first(&doc.span(result), members.into_bytes());
}

/// Give the URIs in a result the form under which the catalog shows them.
fn expose_uris(doc: &Doc<'_>, result: Node, ticket: &Ticket, edits: &mut Edits<'_>) {
    let list = |key: &str| doc.get(result, key).into_iter().flat_map(|node| doc.items(node));
    match ticket.method {
        Method::ResourcesRead => list("contents").for_each(|item| expose(doc, item, ticket, edits)),
        Method::ToolsCall => {
            list("content").for_each(|item| expose_content(doc, item, ticket, edits));
        }
        Method::PromptsGet => {
            for message in list("messages") {
                if let Some(content) = doc.get(message, "content") {
                    expose_content(doc, content, ticket, edits);
                }
            }
        }
        _ => {}
    }
}

fn expose_content(doc: &Doc<'_>, content: Node, ticket: &Ticket, edits: &mut Edits<'_>) {
    let kind = doc.get(content, "type").map(|node| doc.text(node));
    match kind.as_deref() {
        Some("resource_link") => expose(doc, content, ticket, edits),
        Some("resource") => {
            if let Some(resource) = doc.get(content, "resource") {
                expose(doc, resource, ticket, edits);
            }
        }
        _ => {}
    }
}

fn expose(doc: &Doc<'_>, object: Node, ticket: &Ticket, edits: &mut Edits<'_>) {
    let Some(node) = doc.get(object, "uri").filter(|node| doc.is_string(*node)) else { return };
    if let Some(exposed) = ticket.snapshot.expose_uri(ticket.server.index, &doc.text(node)) {
        edits.replace(doc.span(node), string(&exposed));
    }
}
