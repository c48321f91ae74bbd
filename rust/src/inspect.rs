//! What a client sends: the steps in order, one verdict and one event at the end.

use std::sync::Arc;

use crate::bridge::{More, read_reply};
use crate::caller::Caller;
use crate::event::Ruling;
use crate::gate::{Gate, with_tape};
use crate::message::{Kind, Message, read};
use crate::mirror::{Head, decode};
use crate::refusal::Refusal;
use crate::revision::{Method, Revision};
use crate::snapshot::Snapshot;
use crate::verdict::{Outcome, Reason, Verdict};
use mcpgate_json::{Node, Tape};

pub(crate) const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
pub(crate) const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// One message being judged, and what its event will say.
pub(crate) struct Case<'a> {
    pub gate: &'a Gate,
    pub snapshot: Arc<Snapshot>,
    pub caller: &'a Caller,
    pub head: Option<&'a Head>,
    pub now: i64,
    pub event: String,
    pub note: Note,
}

/// What the event says of the message.
#[derive(Default)]
pub(crate) struct Note {
    pub method: String,
    pub exposed: String,
    pub server: String,
    pub entry: String,
    pub arguments_sha256: String,
}

type Judged = Result<Verdict, Refusal>;

impl Gate {
    /// Judge one message of a client.
    pub fn inspect(&self, raw: &[u8], caller: &Caller, head: Option<&Head>, now: i64) -> Verdict {
        let mut case = Case {
            gate: self,
            snapshot: self.snapshot.load_full(),
            caller,
            head,
            now,
            event: self.events.id(now),
            note: Note::default(),
        };
        let judged = with_tape(|tape| case.judge(tape, raw));
        let verdict = match judged {
            Ok(verdict) => verdict,
            Err(refusal) => refusal.verdict(&case.event, caller.modern),
        };
        case.record(&verdict, raw.len());
        verdict
    }
}

impl Case<'_> {
    fn judge(&mut self, tape: &mut Tape, raw: &[u8]) -> Judged {
        if self.gate.events.is_full() {
            return Err(Refusal::new(Reason::Overloaded, b"null"));
        }
        let message =
            read(tape, raw, self.snapshot.depth).map_err(|unread| Refusal::unread(&unread))?;
        self.note.method.push_str(&message.method);
        if message.is_ambiguous() {
            let text = "A key of params differs from the protocol's only in case.";
            return Err(Refusal::with(Reason::InvalidRequest, message.raw_id(), text));
        }
        match message.kind {
            Kind::Request => self.request(&message),
            Kind::Notification => self.notification(&message),
            Kind::Reply => self.reply(&message),
        }
    }

    fn request(&mut self, message: &Message<'_>) -> Judged {
        let modern = self.era(message)?;
        let Some(method) = Method::request(&message.method, modern) else {
            return Err(Refusal::new(Reason::MethodUnknown, message.raw_id()));
        };
        if !modern && method != Method::Initialize {
            self.need_session(message.raw_id())?;
        }
        match method {
            Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead | Method::Complete => {
                self.forward(message, method)
            }
            _ => self.answer(message, method),
        }
    }

    fn notification(&mut self, message: &Message<'_>) -> Judged {
        if !self.caller.modern {
            self.need_session(b"null")?;
        }
        self.agrees(message)?;
        let mut verdict = self.accepted();
        if Method::notification(&message.method) == Method::Cancelled
            && let Some(id) = message.param("requestId")
        {
            verdict.cancels = message.doc.raw(id).to_vec();
        }
        Ok(verdict)
    }

    /// A client's reply to what a server asked through us, if anything was asked.
    fn reply(&self, message: &Message<'_>) -> Judged {
        if self.caller.modern {
            let text = "A client of this revision sends no responses.";
            return Err(Refusal::with(Reason::InvalidRequest, message.raw_id(), text));
        }
        self.need_session(b"null")?;
        self.agrees(message)?;
        let mut verdict = self.accepted();
        let answers = read_reply(message).into_iter().collect();
        verdict.more = Some(Box::new(More { answers, ..More::default() }));
        Ok(verdict)
    }

    fn need_session(&self, id: &[u8]) -> Result<(), Refusal> {
        if self.caller.session.is_empty() && self.head.is_some() {
            return Err(Refusal::new(Reason::SessionMissing, id));
        }
        Ok(())
    }

    fn accepted(&self) -> Verdict {
        Verdict::new(Outcome::Answer, Vec::new(), 202, self.event.clone())
    }

    /// Find out which era the message belongs to, and hold a modern one to its rules.
    fn era(&self, message: &Message<'_>) -> Result<bool, Refusal> {
        let declared = message.meta_value(META_VERSION);
        if self.caller.modern {
            self.ladder(message, declared)?;
            return Ok(true);
        }
        if declared.is_some() && self.caller.session.is_empty() && self.head.is_some() {
            let text = "The MCP-Protocol-Version header is missing.";
            return Err(Refusal::with(Reason::HeaderMismatch, message.raw_id(), text));
        }
        self.agrees(message)?;
        Ok(false)
    }

    /// Hold a message that need not be mirrored to the headers that mirror it all the same: what
    /// reads only headers must not take it for another.
    fn agrees(&self, message: &Message<'_>) -> Result<(), Refusal> {
        let Some(head) = self.head else { return Ok(()) };
        if head.duplicate {
            return Err(twice(message));
        }
        if head.method.as_deref().is_some_and(|method| method != message.method) {
            return Err(differ(message, "Mcp-Method"));
        }
        if head.name.is_some() { check_name(head, message) } else { Ok(()) }
    }

    /// The checks of a modern request in their fixed order; the first failure wins.
    fn ladder(&self, message: &Message<'_>, declared: Option<Node>) -> Result<(), Refusal> {
        let id = message.raw_id();
        if self.head.is_some_and(|head| head.duplicate) {
            return Err(twice(message));
        }
        let version = declared.filter(|node| message.doc.is_string(*node));
        let capabilities = message.meta_value(META_CAPABILITIES);
        let capable = capabilities.is_some_and(|node| message.doc.is_object(node));
        let (Some(version), true) = (version, capable) else {
            let text = format!(
                "_meta must hold {META_VERSION} (string) and {META_CAPABILITIES} (object)."
            );
            return Err(Refusal::with(Reason::Params, id, text));
        };
        let version = message.doc.text(version);
        if let Some(head) = self.head {
            check_head(head, message, &version)?;
        }
        if version != Revision::MODERN.name() {
            return Err(Refusal::revision(id, &version));
        }
        Ok(())
    }

    fn record(&self, verdict: &Verdict, request_bytes: usize) {
        let ruling = Ruling {
            event: &self.event,
            outcome: verdict.outcome.name(),
            reason: verdict.reason,
            principal: &self.caller.principal,
            session: &self.caller.session,
            revision: self.caller.revision.map_or("", Revision::name),
            method: &self.note.method,
            exposed: &self.note.exposed,
            server: &self.note.server,
            entry: &self.note.entry,
            snapshot: self.snapshot.generation,
            request_bytes,
            arguments_sha256: &self.note.arguments_sha256,
        };
        self.gate.events.rule(&ruling, self.now);
    }
}

fn twice(message: &Message<'_>) -> Refusal {
    Refusal::with(Reason::HeaderMismatch, message.raw_id(), "A routing header came twice.")
}

fn differ(message: &Message<'_>, name: &str) -> Refusal {
    let text = format!("{name} is missing or differs from the body.");
    Refusal::with(Reason::HeaderMismatch, message.raw_id(), text)
}

fn check_head(head: &Head, message: &Message<'_>, version: &str) -> Result<(), Refusal> {
    if head.version.as_deref() != Some(version) {
        return Err(differ(message, "MCP-Protocol-Version"));
    }
    if head.method.as_deref() != Some(&*message.method) {
        return Err(differ(message, "Mcp-Method"));
    }
    check_name(head, message)
}

fn check_name(head: &Head, message: &Message<'_>) -> Result<(), Refusal> {
    let key = match &*message.method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return Ok(()),
    };
    let said = head.name.as_deref().and_then(decode);
    match (message.text_param(key), said) {
        (Some(node), Some(said)) if message.doc.text(node) == said => Ok(()),
        (None, _) => Ok(()),
        _ => Err(differ(message, "Mcp-Name")),
    }
}
