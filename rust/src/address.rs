//! Whose a message from a server is, before anything else is done with it.

use crate::gate::{Gate, with_tape};
use crate::message::{Kind, Message, read};
use crate::rewrite::push_string;

/// What a message from a server is to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Addressed {
    /// Not a message.
    Unreadable = 0,
    /// The reply to a request of ours.
    Reply = 1,
    /// Progress of a request of ours.
    Progress = 2,
    /// A notice of the server itself.
    Notice = 3,
    /// A request of the server.
    Request = 4,
}

/// The address on a message from a server.
#[derive(Debug)]
pub struct Address {
    /// What it is.
    pub kind: Addressed,
    /// The upstream id of a reply or progress (-1: not one of ours), the bits of a notice.
    pub id: i64,
    /// The reply to a request.
    pub body: Vec<u8>,
}

/// A log message among the bits of a notice.
const LOG: i64 = 8;

impl Gate {
    /// Read whose this message is.
    pub fn address(&self, raw: &[u8]) -> Address {
        let depth = self.snapshot.load().depth;
        with_tape(|tape| match read(tape, raw, depth) {
            Ok(message) => address(&message),
            Err(_) => Address { kind: Addressed::Unreadable, id: -1, body: Vec::new() },
        })
    }
}

fn address(message: &Message<'_>) -> Address {
    let plain = |kind, id| Address { kind, id, body: Vec::new() };
    let doc = &message.doc;
    match message.kind {
        Kind::Reply => {
            let id = message.id.and_then(|id| doc.integer(id));
            plain(Addressed::Reply, id.unwrap_or(-1))
        }
        Kind::Notification => match &*message.method {
            "notifications/progress" => {
                let token = message.param("progressToken").and_then(|node| doc.integer(node));
                plain(Addressed::Progress, token.unwrap_or(-1))
            }
            "notifications/tools/list_changed" => plain(Addressed::Notice, 1),
            "notifications/prompts/list_changed" => plain(Addressed::Notice, 2),
            "notifications/resources/list_changed" => plain(Addressed::Notice, 4),
            "notifications/message" => plain(Addressed::Notice, LOG),
            _ => plain(Addressed::Notice, 0),
        },
        Kind::Request => Address { kind: Addressed::Request, id: -1, body: reply_to(message) },
    }
}

/// A server may ping; nothing else was declared to it.
fn reply_to(message: &Message<'_>) -> Vec<u8> {
    let mut out = b"{\"jsonrpc\":\"2.0\",\"id\":".to_vec();
    out.extend_from_slice(message.raw_id());
    if message.method == "ping" {
        out.extend_from_slice(b",\"result\":{}}");
        return out;
    }
    out.extend_from_slice(b",\"error\":{\"code\":-32601,\"message\":");
    push_string(&mut out, &format!("{} is not offered by this client.", message.method));
    out.extend_from_slice(b"}}");
    out
}
