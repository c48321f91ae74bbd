//! What is sent, and whether what comes back belongs to it.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::fmt::Write as _;

/// How the client speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// 2026-07-28: mirrored headers, `_meta` in every request.
    Modern,
    /// A session opened by `initialize`.
    Legacy,
    /// No headers of MCP at all.
    Raw,
}

/// Where requests go on this machine.
pub struct Place {
    /// The port on loopback.
    pub port: u16,
    /// The path of the endpoint.
    pub path: String,
}

/// What each request looks like and what its reply must hold.
pub struct Order {
    /// How the client speaks.
    pub speech: Speech,
    /// `tools/call` or `tools/list`.
    pub method: String,
    /// The endpoint.
    pub place: Place,
    /// The tool to call.
    pub tool: String,
    /// Bytes of filler in the arguments.
    pub filler: String,
    /// Bytes of filler asked for in the reply.
    pub reply_bytes: usize,
    /// Progress notifications asked for; a stream of events if there is a number.
    pub events: Option<u64>,
    /// Whether the reply is read, or only its status.
    pub reads: bool,
    /// Tools that a list must hold.
    pub expected_tools: usize,
}

#[derive(Deserialize)]
struct Reply<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    result: Option<Outcome<'a>>,
}

#[derive(Deserialize)]
struct Outcome<'a> {
    #[serde(borrow, default)]
    content: Vec<Content<'a>>,
    #[serde(default)]
    tools: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

fn nonce(id: u64) -> String {
    format!("{:016x}", id.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

impl Order {
    /// Write request number `id` for a client of `session`.
    pub fn write(&self, id: u64, session: &str, out: &mut Vec<u8>) {
        let body = self.body(id);
        let headers = match self.speech {
            Speech::Raw => String::new(),
            Speech::Legacy => {
                format!("mcp-session-id: {session}\r\nmcp-protocol-version: 2025-11-25\r\n")
            }
            Speech::Modern if self.method == "tools/call" => format!(
                "mcp-protocol-version: 2026-07-28\r\nmcp-method: {}\r\nmcp-name: {}\r\n",
                self.method, self.tool
            ),
            Speech::Modern => {
                format!("mcp-protocol-version: 2026-07-28\r\nmcp-method: {}\r\n", self.method)
            }
        };
        write_post(out, &self.place, &headers, &body);
    }

    fn body(&self, id: u64) -> String {
        let mut meta = String::new();
        if self.speech == Speech::Modern {
            meta.push_str(r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}"#);
        }
        if self.events.is_some_and(|count| count > 0) {
            let comma = if meta.is_empty() { "" } else { "," };
            let _ = write!(meta, r#"{comma}"progressToken":"p{id}""#);
        }
        if self.method != "tools/call" {
            return format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"{}","params":{{"_meta":{{{meta}}}}}}}"#,
                self.method
            );
        }
        let events = self.events.map_or(String::new(), |count| format!(r#""events":{count},"#));
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{}","arguments":{{"nonce":"{}","reply_bytes":{},{events}"pad":"{}"}},"_meta":{{{meta}}}}}}}"#,
            self.tool,
            nonce(id),
            self.reply_bytes,
            self.filler
        )
    }

    /// Refuse a response that does not answer request `id`; count its progress notifications.
    pub fn check(&self, id: u64, status: u16, events: bool, body: &[u8]) -> Result<u64, String> {
        if status != 200 {
            return Err(format!("status {status}: {}", start(body)));
        }
        if !self.reads {
            return Ok(0);
        }
        if !events {
            self.check_reply(id, body)?;
            return Ok(0);
        }
        let mut progress = 0_u64;
        let mut replies = 0_u64;
        for data in body.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data:"))
        {
            let data = data.trim_ascii();
            if data.is_empty() {
                continue;
            }
            let message: Reply<'_> = parse(data)?;
            match message.method.as_deref() {
                Some("notifications/progress") => progress = progress.saturating_add(1),
                Some(other) => return Err(format!("unasked {other}")),
                None => {
                    replies = replies.saturating_add(1);
                    self.check_reply(id, data)?;
                }
            }
        }
        match (replies, Some(progress) == self.events.or(Some(progress))) {
            (1, true) => Ok(progress),
            (1, false) => Err(format!("{progress} progress notifications")),
            (count, _) => Err(format!("{count} replies")),
        }
    }

    fn check_reply(&self, id: u64, data: &[u8]) -> Result<(), String> {
        let reply: Reply<'_> = parse(data)?;
        if reply.id != Some(id) {
            return Err(format!("reply to {:?}, not to {id}", reply.id));
        }
        let outcome = reply.result.ok_or_else(|| format!("no result: {}", start(data)))?;
        if self.method == "tools/list" {
            let count = outcome.tools.len();
            return if count == self.expected_tools {
                Ok(())
            } else {
                Err(format!("{count} tools"))
            };
        }
        let mut texts = outcome.content.iter();
        let echo = texts.next().map_or("", |content| &content.text);
        let filler = texts.next().map_or(0, |content| content.text.len());
        if echo != nonce(id) || filler != self.reply_bytes {
            return Err(format!("nonce {echo:?} and {filler} bytes for request {id}"));
        }
        Ok(())
    }
}

/// Write one POST.
pub fn write_post(out: &mut Vec<u8>, place: &Place, headers: &str, body: &str) {
    let Place { port, path } = place;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body.as_bytes());
}

fn parse(data: &[u8]) -> Result<Reply<'_>, String> {
    serde_json::from_slice(data).map_err(|fault| format!("{fault}: {}", start(data)))
}

fn start(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(body.get(..200).unwrap_or(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replies::{Book, Era};
    use crate::wire::{read_request, read_response};

    fn order(method: &str, events: Option<u64>) -> Order {
        Order {
            speech: Speech::Modern,
            method: method.to_owned(),
            place: Place { port: 1, path: "/mcp".to_owned() },
            tool: "echo0".to_owned(),
            filler: "x".repeat(100),
            reply_bytes: 64,
            events,
            reads: true,
            expected_tools: 3,
        }
    }

    fn round(order: &Order, id: u64, asked: u64) -> Result<u64, String> {
        let (mut request, mut reply) = (Vec::new(), Vec::new());
        order.write(id, "", &mut request);
        let cut = read_request(&request).unwrap().unwrap();
        Book::new(Era::Both, 3, 0).answer(&cut.body, cut.modern, &mut reply);
        let cut = read_response(&reply).unwrap().unwrap();
        order.check(asked, cut.status, cut.events, &cut.body)
    }

    #[test]
    fn a_reply_to_its_request_passes() {
        assert_eq!(round(&order("tools/call", None), 7, 7), Ok(0));
        assert_eq!(round(&order("tools/call", Some(3)), 7, 7), Ok(3));
        assert_eq!(round(&order("tools/call", Some(0)), 7, 7), Ok(0));
        assert_eq!(round(&order("tools/list", None), 7, 7), Ok(0));
    }

    #[test]
    fn a_reply_to_another_request_is_an_error() {
        assert!(round(&order("tools/call", None), 7, 8).is_err());
        assert!(round(&order("tools/call", Some(1)), 7, 8).is_err());
        let mut short = order("tools/list", None);
        short.expected_tools = 4;
        assert!(round(&short, 7, 7).is_err());
    }
}
