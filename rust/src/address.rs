//! Whose a message from a server is, before anything else is done with it.

use memchr::memchr_iter;

use crate::gate::{Gate, with_tape};
use crate::message::{Kind, Message, Unread, read};
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
    /// News of one resource.
    Updated = 5,
}

/// The address on a message from a server.
#[derive(Debug)]
pub struct Address {
    /// What it is.
    pub kind: Addressed,
    /// The upstream id of a reply or progress, also of a reply that could not be read (-1: not one
    /// of ours); the bits of a notice; 0 for a ping among requests.
    pub id: i64,
    /// The reply to a request; the URI of a resource that changed.
    pub body: Vec<u8>,
}

/// A log message among the bits of a notice.
const LOG: i64 = 8;
/// How far from the end of a reply its last members may begin.
const LAST_BYTES: usize = 64;

impl Gate {
    /// Read whose this message is.
    pub fn address(&self, raw: &[u8]) -> Address {
        let depth = self.snapshot.load().depth;
        with_tape(|tape| match read(tape, raw, depth) {
            Ok(message) => address(&message),
            Err(unread) => {
                let id = whose(&unread).or_else(|| find_answered(raw)).unwrap_or(-1);
                Address { kind: Addressed::Unreadable, id, body: Vec::new() }
            }
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
            "notifications/resources/updated" => {
                let uri = message.text_param("uri").map(|node| doc.text(node).into_owned());
                let body = uri.unwrap_or_default().into_bytes();
                Address { kind: Addressed::Updated, id: -1, body }
            }
            _ => plain(Addressed::Notice, 0),
        },
        Kind::Request => {
            let id = if message.method == "ping" { 0 } else { -1 };
            Address { kind: Addressed::Request, id, body: reply_to(message) }
        }
    }
}

/// The id of a message of which only the form is wrong.
fn whose(unread: &Unread) -> Option<i64> {
    let Unread::Shape(Some(id), _) = unread else { return None };
    std::str::from_utf8(id).ok()?.parse().ok()
}

/// Which request bytes that are no message seem to reply to: the id where servers write it, right
/// before the result or at the very end. A wrong guess harms only a call to the same server.
fn find_answered(raw: &[u8]) -> Option<i64> {
    let inner = raw.trim_ascii().strip_prefix(b"{")?;
    let (id, rest) = skip_members(inner);
    let outcome = |text: &[u8]| text.starts_with(b"\"result\"") || text.starts_with(b"\"error\"");
    if !outcome(rest) {
        return None;
    }
    if id.is_some() {
        return id;
    }
    let last = inner.strip_suffix(b"}")?;
    let last = last.get(last.len().saturating_sub(LAST_BYTES)..)?;
    memchr_iter(b',', last).find_map(|comma| {
        let members = [last.get(comma.saturating_add(1)..)?, b","].concat();
        let (id, rest) = skip_members(&members);
        id.filter(|_| rest.is_empty())
    })
}

/// Pass over leading `jsonrpc` and `id` members; give the id and what follows.
fn skip_members(bytes: &[u8]) -> (Option<i64>, &[u8]) {
    let (mut id, mut rest) = (None, bytes.trim_ascii_start());
    loop {
        let found = skip_key(rest, b"\"jsonrpc\"").and_then(|value| value.strip_prefix(b"\"2.0\""));
        let after = found.or_else(|| {
            let value = skip_key(rest, b"\"id\"")?;
            let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (digits, after) = value.split_at_checked(digits)?;
            id = std::str::from_utf8(digits).ok()?.parse().ok();
            Some(after)
        });
        match after.and_then(|after| after.trim_ascii_start().strip_prefix(b",")) {
            Some(after) => rest = after.trim_ascii_start(),
            None => return (id, rest),
        }
    }
}

fn skip_key<'a>(bytes: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let colon = bytes.strip_prefix(key)?.trim_ascii_start();
    Some(colon.strip_prefix(b":")?.trim_ascii_start())
}

/// A server may ping; anything else was not declared to it.
pub(crate) fn reply_to(message: &Message<'_>) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_cannot_be_read_still_says_what_it_answers() {
        let found = |text: &str| find_answered(text.as_bytes());
        for text in [
            r#"{"jsonrpc":"2.0","id":7,"result":{"a":"#,
            r#" { "jsonrpc" : "2.0" , "id" : 7 , "error" : x"#,
            r#"{"id":7,"jsonrpc":"2.0","result":{"a":1,"a":2}}"#,
            r#"{"result":{"a":"x x"},"jsonrpc":"2.0","id":7}"#,
            r#"{"result":{"a":1,"id":3},"id":7,"jsonrpc":"2.0"}"#,
            r#"{"result": [, "id": 7, "jsonrpc": "2.0"} "#,
        ] {
            assert_eq!(found(text), Some(7), "{text}");
        }
        for text in [
            "",
            "{}",
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":"#,
            r#"{"jsonrpc":"2.0","id":"7","result":{"a":"#,
            r#"{"jsonrpc":"2.0","id":99999999999999999999,"result":{"a":"#,
            r#"{"result":{"a":"b","id":7}}"#,
            r#"{"result":"x,\"id\":7"}"#,
            r#"{"params":{"a":1,"a":1},"jsonrpc":"2.0","id":7}"#,
            r#"{"result":{},"jsonrpc":"2.0","id":7.0}"#,
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
