//! Requests of a server that its client must answer, carried between the two eras.
//!
//! A legacy server sends them in the middle of a call, a modern one ends the call with
//! `input_required` and is called again with the input. To a legacy client each becomes a request
//! with an id of ours; to a modern one the call is over with `input_required`, and goes on when the
//! request comes back with the input and the state that was sealed for it.

use std::sync::Arc;

use mcpgate_json::{Doc, Node, fingerprint};

use crate::address::reply_to;
use crate::capabilities::Capabilities;
use crate::gate::{Gate, with_tape};
use crate::inspect::Case;
use crate::message::{Message, read};
use crate::refusal::Refusal;
use crate::revision::Method;
use crate::rewrite::{Edits, decimal};
use crate::seal::Kind;
use crate::ticket::{Bond, Ticket};
use crate::verdict::{Outcome, Reason, Verdict};

/// How long a sealed state opens, counted from the deadline of the request that got it.
const STATE_S: i64 = 3600;
const NS_PER_S: i64 = 1_000_000_000;
/// A call that was parked: its upstream id and its handle follow.
const PARKED: u8 = 1;
/// A server's own state follows, as it wrote it; nothing where it gave none.
const STATE: u8 = 2;

/// What concerns requests of a server, and subscriptions.
#[derive(Debug, Default)]
pub struct More {
    /// What the client must be asked before the call goes on.
    pub asks: Vec<Ask>,
    /// What a client says to what it was asked.
    pub answers: Vec<Answer>,
    /// What the server is told at once.
    pub back: Vec<u8>,
    /// The handle of the call that is parked or goes on, good for once; 0 for none.
    pub handle: i64,
    /// Whether the server must be called again once everything was answered.
    pub again: bool,
    /// The state that a server wants back with the input, as it wrote it.
    pub state: Vec<u8>,
    /// Resources whose changes the client wants to hear of, or no longer.
    pub watches: Vec<Watch>,
}

/// One request of a server to its client.
#[derive(Debug)]
pub struct Ask {
    /// The name of the input, as a JSON string.
    pub key: Vec<u8>,
    /// The id under which a legacy client answers.
    pub id: i64,
    /// The id under which a legacy server waits, as it wrote it.
    pub server_id: Vec<u8>,
    /// A request for a legacy client, an input request for a modern one.
    pub body: Vec<u8>,
    /// What the client must be able to do for it.
    pub needs: Capabilities,
}

/// One answer of a client.
#[derive(Debug)]
pub struct Answer {
    /// The id that is answered, or the name of the input, as the client wrote it.
    pub key: Vec<u8>,
    /// The result or the error.
    pub value: Vec<u8>,
    /// Whether it is an error.
    pub is_error: bool,
}

/// A resource whose changes are told.
#[derive(Debug)]
pub struct Watch {
    /// The server.
    pub server: Arc<str>,
    /// The server's own URI.
    pub uri: String,
    /// The URI as the client knows it, as a JSON string.
    pub exposed: Vec<u8>,
    /// Whether it begins; else it ends.
    pub begins: bool,
}

/// How a request goes on.
pub(crate) enum Continuation {
    /// It is a new one.
    New,
    /// Its server gets its own state back, as it wrote it; nothing where it gave none.
    State(Vec<u8>),
    /// A parked call goes on: its upstream id and its handle.
    Parked(i64, i64),
}

impl Gate {
    /// The reply that parks a call of a modern client: `members` are the input requests by name.
    pub fn park(&self, ticket: &Arc<Ticket>, members: &[u8]) -> Verdict {
        let handle = self.issue_id();
        let names = [ticket.upstream_id().to_le_bytes(), handle.to_le_bytes()].concat();
        let state = self.seal_state(ticket, PARKED, &names);
        let mut body = b"{\"jsonrpc\":\"2.0\",\"id\":".to_vec();
        body.extend_from_slice(&ticket.client_id);
        body.extend_from_slice(
            b",\"result\":{\"resultType\":\"input_required\",\"inputRequests\":{",
        );
        body.extend_from_slice(members);
        body.extend_from_slice(format!("}},\"requestState\":\"{state}\"}}}}").as_bytes());
        ticket.tally.count(body.len());
        let mut verdict = Verdict::new(Outcome::Answer, body, 200, ticket.event.clone());
        verdict.more = Some(Box::new(More { handle, ..More::default() }));
        verdict
    }

    /// The request to a modern server once more, with the input that it asked for: `members` are
    /// the answers by name.
    pub fn retry(&self, body: &[u8], ticket: &Ticket, members: &[u8], state: &[u8]) -> Vec<u8> {
        let new = self.issue_id();
        ticket.send_again(new);
        with_tape(|tape| {
            let Ok(message) = read(tape, body, ticket.snapshot.depth) else { return Vec::new() };
            let doc = &message.doc;
            let mut edits = Edits::new(doc.bytes());
            if let Some(id) = message.id {
                edits.replace(doc.span(id), decimal(new));
            }
            let token = message.meta_value("progressToken");
            let ours = |token: &Node| message.id.is_some_and(|id| doc.raw(id) == doc.raw(*token));
            if let Some(token) = token.filter(ours) {
                edits.replace(doc.span(token), decimal(new));
            }
            if let Some(params) = message.params {
                let mut more = b"\"inputResponses\":{".to_vec();
                more.extend_from_slice(members);
                more.push(b'}');
                if !state.is_empty() {
                    more.extend_from_slice(b",\"requestState\":");
                    more.extend_from_slice(state);
                }
                more.push(b',');
                edits.insert_first(&doc.span(params), more);
            }
            edits.apply()
        })
    }

    fn seal_state(&self, ticket: &Ticket, tag: u8, rest: &[u8]) -> String {
        let Some(bond) = &ticket.bond else { return String::new() };
        let expires_s = self.wall(ticket.deadline_ns).div_euclid(NS_PER_S).saturating_add(STATE_S);
        let mut text = vec![tag];
        text.extend_from_slice(&expires_s.to_le_bytes());
        text.extend_from_slice(rest);
        let digest = with_tape(|tape| {
            let doc = tape.scan(&bond.arguments, ticket.snapshot.depth).unwrap_or_default();
            fingerprint(&doc, doc.root())
        });
        let binding = bind(bond, &ticket.server.name, ticket.method, &digest);
        self.callers.sealer().seal(Kind::State, &binding, &text)
    }
}

fn bind(bond: &Bond, server: &str, method: Method, arguments: &[u8; 32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    for part in [&*bond.principal, server, method.name(), &*bond.entry] {
        out.extend_from_slice(&part.len().to_le_bytes());
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(arguments);
    out
}

impl Case<'_> {
    /// How a request goes on that may come back with input.
    pub(crate) fn continuation(
        &self,
        message: &Message<'_>,
        bond: Option<&Bond>,
        server: &str,
        method: Method,
    ) -> Result<Continuation, Refusal> {
        let refuse = |text: &str| Err(Refusal::with(Reason::Params, message.raw_id(), text));
        let responses = message.param("inputResponses");
        let Some(node) = message.param("requestState") else {
            if responses.is_some() && !self.caller.modern {
                return refuse("This revision knows no inputResponses.");
            }
            return Ok(Continuation::New);
        };
        if responses.is_some_and(|node| !message.doc.is_object(node)) {
            return refuse("inputResponses must be an object.");
        }
        let opened = bond.filter(|_| message.doc.is_string(node)).and_then(|bond| {
            let digest = message.param("arguments").map(|node| fingerprint(&message.doc, node));
            let binding = bind(bond, server, method, &digest.unwrap_or_else(nothing));
            let state = message.doc.text(node);
            self.gate.callers.sealer().open(Kind::State, &binding, &state)
        });
        let now_s = self.gate.wall(self.now).div_euclid(NS_PER_S);
        match opened.as_deref().and_then(|text| read_state(text, now_s)) {
            Some(continuation) => Ok(continuation),
            None => refuse("requestState is unknown, out of date, or of another request."),
        }
    }
}

/// The digest of arguments that are not there.
pub(crate) fn nothing() -> [u8; 32] {
    let doc = Doc::default();
    fingerprint(&doc, doc.root())
}

fn read_state(text: &[u8], now_s: i64) -> Option<Continuation> {
    let (tag, rest) = text.split_first()?;
    let (expires, rest) = rest.split_first_chunk::<8>()?;
    if now_s >= i64::from_le_bytes(*expires) {
        return None;
    }
    match *tag {
        PARKED => {
            let (upstream_id, handle) = rest.split_first_chunk::<8>()?;
            let handle = i64::from_le_bytes(handle.try_into().ok()?);
            Some(Continuation::Parked(i64::from_le_bytes(*upstream_id), handle))
        }
        STATE => Some(Continuation::State(rest.to_vec())),
        _ => None,
    }
}

/// The input that a client sends along, by name.
pub(crate) fn read_answers(message: &Message<'_>) -> Vec<Answer> {
    let doc = &message.doc;
    let responses = message.param("inputResponses").into_iter();
    responses
        .flat_map(|node| doc.entries(node))
        .map(|(key, value)| Answer {
            key: doc.raw(key).to_vec(),
            value: doc.raw(value).to_vec(),
            is_error: false,
        })
        .collect()
}

/// What a client says to a request of ours.
pub(crate) fn read_reply(message: &Message<'_>) -> Option<Answer> {
    let doc = &message.doc;
    let is_error = message.error.is_some();
    let value = message.result.or(message.error)?;
    let key = doc.raw(message.id?).to_vec();
    Some(Answer { key, value: doc.raw(value).to_vec(), is_error })
}

/// A request that a legacy server sends in the middle of a call.
pub(crate) fn asked(gate: &Gate, message: &Message<'_>, ticket: &Ticket, quiet: &mut Verdict) {
    let modern = ticket.revision.is_modern();
    let mut more = More::default();
    let needs = Capabilities::needed(&message.doc, &message.method, message.params);
    let able = needs.filter(|needs| ticket.capabilities.has(*needs));
    if let Some(needs) = able.filter(|_| !modern || ticket.bond.is_some()) {
        let doc = &message.doc;
        let id = gate.issue_id();
        let body = if modern {
            input_request(doc, &message.method, message.params)
        } else {
            let mut edits = Edits::new(doc.bytes());
            if let Some(node) = message.id {
                edits.replace(doc.span(node), decimal(id));
            }
            edits.apply()
        };
        let key = format!("\"{id}\"").into_bytes();
        more.asks.push(Ask { key, id, server_id: message.raw_id().to_vec(), body, needs });
    } else {
        if let Some(needs) = needs.filter(|needs| !ticket.capabilities.has(*needs)) {
            ticket.tally.mark_unmet(needs);
        }
        more.back = reply_to(message);
    }
    quiet.more = Some(Box::new(more));
}

fn input_request(doc: &Doc<'_>, method: &str, params: Option<Node>) -> Vec<u8> {
    let mut out = format!("{{\"method\":\"{method}\"").into_bytes();
    if let Some(params) = params {
        out.extend_from_slice(b",\"params\":");
        out.extend_from_slice(doc.raw(params));
    }
    out.push(b'}');
    out
}

/// A modern server's result that asks for input, on its way to the client.
pub(crate) fn input_required(
    gate: &Gate,
    message: &Message<'_>,
    result: Node,
    ticket: &Ticket,
) -> Result<Verdict, Refusal> {
    let doc = &message.doc;
    let requests = read_requests(message, result, ticket)?;
    let state = doc.get(result, "requestState");
    if state.is_some_and(|node| !doc.is_string(node)) {
        let text = "Its requestState is not a string.";
        return Err(Refusal::with(Reason::Unreadable, &ticket.client_id, text));
    }
    let raw_state = state.map(|node| doc.raw(node)).unwrap_or_default();
    if ticket.revision.is_modern() {
        let sealed = format!("\"{}\"", gate.seal_state(ticket, STATE, raw_state));
        let mut edits = Edits::new(doc.bytes());
        if let Some(id) = message.id {
            edits.replace(doc.span(id), ticket.client_id.clone());
        }
        if let Some(node) = state {
            edits.replace(doc.span(node), sealed.into_bytes());
        } else {
            let member = format!("\"requestState\":{sealed},");
            edits.insert_first(&doc.span(result), member.into_bytes());
        }
        return Ok(Verdict::new(Outcome::Answer, edits.apply(), 200, ticket.event.clone()));
    }
    let asks = requests.into_iter().map(|request| request.ask(doc, gate.issue_id()));
    let more =
        More { asks: asks.collect(), again: true, state: raw_state.to_vec(), ..More::default() };
    let mut verdict = Verdict::new(Outcome::Answer, Vec::new(), 200, ticket.event.clone());
    verdict.more = Some(Box::new(more));
    verdict.last = false;
    Ok(verdict)
}

/// One member of `inputRequests`.
struct InputRequest {
    key: Node,
    method: String,
    params: Option<Node>,
    needs: Capabilities,
}

impl InputRequest {
    /// The request for a legacy client.
    fn ask(&self, doc: &Doc<'_>, id: i64) -> Ask {
        let params = self.params.map_or(&b"{}"[..], |node| doc.raw(node));
        let mut body =
            format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{}\",\"params\":", self.method)
                .into_bytes();
        body.extend_from_slice(params);
        body.push(b'}');
        let key = doc.raw(self.key).to_vec();
        Ask { key, id, server_id: Vec::new(), body, needs: self.needs }
    }
}

/// Hold what a server asks for to what its client can do.
fn read_requests(
    message: &Message<'_>,
    result: Node,
    ticket: &Ticket,
) -> Result<Vec<InputRequest>, Refusal> {
    let doc = &message.doc;
    let refuse = |reason, text: &str| Refusal::with(reason, &ticket.client_id, text);
    let Some(list) = doc.get(result, "inputRequests") else { return Ok(Vec::new()) };
    if !doc.is_object(list) {
        return Err(refuse(Reason::Unreadable, "Its inputRequests are not an object."));
    }
    let mut found = Vec::new();
    for (key, value) in doc.entries(list) {
        let method = doc.get(value, "method").map(|node| doc.text(node)).unwrap_or_default();
        let params = doc.get(value, "params").filter(|node| doc.is_object(*node));
        let Some(needs) = Capabilities::needed(doc, &method, params) else {
            return Err(refuse(Reason::Unreadable, "It asked for an unknown input."));
        };
        if !ticket.capabilities.has(needs) {
            let text = format!("It asked for {method}.");
            return Err(Refusal::lacking(&ticket.client_id, text, needs));
        }
        found.push(InputRequest { key, method: method.into_owned(), params, needs });
    }
    Ok(found)
}
