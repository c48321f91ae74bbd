//! Refusals as JSON-RPC errors: one shape, with reason, event id and whether to try again.

use std::sync::atomic::Ordering;

use mcpgate_schema::Problem;

use crate::capabilities::Capabilities;
use crate::message::Unread;
use crate::revision::Revision;
use crate::rewrite::{push_string, string};
use crate::secrets::kind_of;
use crate::teach::{Reply, render};
use crate::ticket::Ticket;
use crate::verdict::{Outcome, Reason, Side, Step, Verdict};

/// How a client of the modern revision declares tasks.
const TASKS: &str = "{\"extensions\":{\"io.modelcontextprotocol/tasks\":{}}}";

/// Why a message is refused, and what the client is told beside the table's text.
#[derive(Debug)]
pub struct Refusal {
    /// The row of the error table.
    pub reason: Reason,
    /// The raw request id; `null` when there is none to echo.
    pub id: Vec<u8>,
    /// More about this message: which value was wrong.
    pub detail: String,
    /// More members of `data`, each starting with a comma.
    pub data: String,
    /// What a model can learn from it: the refusal of a tool's arguments is a tool result.
    pub lesson: Option<Box<Lesson>>,
}

/// What is wrong with a tool's arguments.
#[derive(Debug)]
pub struct Lesson {
    /// The name that the client used.
    pub tool: String,
    /// Whether the client holds structured content to no schema.
    pub structured: bool,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl Refusal {
    /// A refusal without details.
    pub fn new(reason: Reason, id: &[u8]) -> Self {
        Self { reason, id: id.to_vec(), detail: String::new(), data: String::new(), lesson: None }
    }

    /// A refusal that says more.
    pub fn with(reason: Reason, id: &[u8], detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..Self::new(reason, id) }
    }

    /// A refusal because the client cannot do what its server needs; none of these means tasks.
    pub fn lacking(id: &[u8], detail: impl Into<String>, needed: Capabilities) -> Self {
        let mut refusal = Self::with(Reason::Capability, id, detail);
        let declared = if needed.is_empty() { TASKS.to_owned() } else { needed.declare() };
        refusal.data = format!(",\"requiredCapabilities\":{declared}");
        refusal
    }

    /// A refusal of bytes that are not a message.
    pub fn unread(unread: &Unread) -> Self {
        match unread {
            Unread::Json(fault) => Self::with(Reason::Parse, b"null", fault.to_string()),
            Unread::Batch => Self::new(Reason::Batch, b"null"),
            Unread::Shape(id, text) => {
                Self::with(Reason::InvalidRequest, id.as_deref().unwrap_or(b"null"), *text)
            }
        }
    }

    /// A refusal of an unsupported revision, with what is supported.
    pub fn revision(id: &[u8], requested: &str) -> Self {
        let mut refusal = Self::new(Reason::RevisionUnsupported, id);
        let requested = String::from_utf8(string(requested)).unwrap_or_default();
        refusal.data =
            format!(",\"supported\":[\"{}\"],\"requested\":{requested}", Revision::MODERN.name());
        refusal
    }

    /// The JSON-RPC code; legacy revisions have their own for a missing resource, and the modern
    /// one for a capability that the client lacks.
    fn code(&self, modern: bool) -> i32 {
        match self.reason {
            Reason::UnknownResource if !modern => -32002,
            Reason::Capability if modern => -32021,
            reason => reason.row().code,
        }
    }

    /// The HTTP status for a client of this era; one that names no request finds nobody in a 200.
    fn status(&self, modern: bool) -> u16 {
        let row = self.reason.row();
        let status = if modern && self.reason == Reason::Capability { 400 } else { row.status };
        match if row.in_200 && !modern { 200 } else { status } {
            200 if self.id == b"null" => 503,
            status => status,
        }
    }

    /// The verdict that says so to a client of this era.
    pub fn verdict(&self, event: &str, modern: bool) -> Verdict {
        let body = self.body(event, modern);
        let mut verdict =
            Verdict::new(Outcome::Refuse, body, self.status(modern), event.to_owned());
        verdict.reason = Some(self.reason);
        verdict
    }

    /// The verdict that ends an open exchange, which remembers why.
    pub fn end(&self, ticket: &Ticket) -> Verdict {
        let row = self.reason.row();
        if row.side == Side::Upstream && row.step == Step::Review {
            ticket.server.faults.fetch_add(1, Ordering::Relaxed);
        }
        ticket.tally.fail(self.reason);
        ticket.tally.mark_error();
        self.verdict(&ticket.event, ticket.revision.is_modern())
    }

    /// The reply.
    fn body(&self, event: &str, modern: bool) -> Vec<u8> {
        if let Some(lesson) = &self.lesson {
            let hide = |text: &str| kind_of(text).is_some();
            let (tool, structured) = (&*lesson.tool, lesson.structured);
            let reply = Reply { id: &self.id, event, tool, modern, structured, hide };
            return render(&lesson.problems, &reply);
        }
        let row = self.reason.row();
        let mut out = b"{\"jsonrpc\":\"2.0\",\"id\":".to_vec();
        out.extend_from_slice(&self.id);
        out.extend_from_slice(
            format!(",\"error\":{{\"code\":{},\"message\":", self.code(modern)).as_bytes(),
        );
        if self.detail.is_empty() {
            push_string(&mut out, row.text);
        } else {
            push_string(&mut out, &format!("{} {}", row.text, self.detail));
        }
        let data = format!(
            ",\"data\":{{\"reason\":\"{}\",\"eventId\":\"{event}\",\"retryable\":{}{}}}}}}}",
            row.name, row.retryable, self.data
        );
        out.extend_from_slice(data.as_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_names_no_request_is_never_a_200() {
        for reason in Reason::ALL.iter().copied() {
            for modern in [false, true] {
                let status = |id: &[u8]| Refusal::new(reason, id).status(modern);
                assert!(status(b"null") >= 400, "{reason:?}");
                assert_eq!(status(b"null") == status(b"1"), status(b"1") != 200, "{reason:?}");
            }
        }
    }
}
