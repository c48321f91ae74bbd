//! What the measuring server says.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::Write as _;

const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";

/// Which revisions the server speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Both eras.
    Both,
    /// Only revisions with `initialize`.
    Legacy,
    /// Only 2026-07-28.
    Modern,
}

/// A message as far as the server reads it.
#[derive(Deserialize)]
pub struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<Params<'a>>,
}

#[derive(Deserialize, Default)]
struct Params<'a> {
    #[serde(borrow, default)]
    arguments: Arguments<'a>,
    #[serde(borrow, default, rename = "_meta")]
    meta: Meta<'a>,
    #[serde(borrow, default, rename = "protocolVersion")]
    revision: Cow<'a, str>,
}

#[derive(Deserialize, Default)]
struct Arguments<'a> {
    #[serde(borrow, default)]
    nonce: Cow<'a, str>,
    #[serde(default)]
    reply_bytes: usize,
    events: Option<u32>,
}

#[derive(Deserialize, Default)]
struct Meta<'a> {
    #[serde(borrow, default, rename = "progressToken")]
    token: Option<&'a RawValue>,
}

/// What was asked of the server so far.
#[derive(Default)]
pub struct Counts {
    /// HTTP requests of any kind, without looks at the counts.
    pub requests: u64,
    /// `tools/call` requests.
    pub calls: u64,
    /// `tools/list` requests.
    pub lists: u64,
    /// Accepted sockets.
    pub connections: u64,
}

/// The prepared texts and the counts.
pub struct Book {
    era: Era,
    tools: String,
    filler: String,
    /// What was asked so far.
    pub counts: Counts,
}

/// One reply before it is written down.
enum Reply {
    Json(u16, String),
    Events(Vec<String>),
    Accepted,
}

impl Book {
    /// Prepare `tools` tools with descriptions of `description` bytes.
    pub fn new(era: Era, tools: u64, description: usize) -> Self {
        let text = "d".repeat(description);
        let entries: Vec<String> = (0..tools)
            .map(|number| {
                format!(
                    r#"{{"name":"echo{number}","description":"{text}","inputSchema":{{"type":"object","properties":{{"nonce":{{"type":"string"}},"reply_bytes":{{"type":"integer"}},"events":{{"type":"integer"}},"pad":{{"type":"string"}}}},"required":["nonce"]}}}}"#
                )
            })
            .collect();
        Self {
            era,
            tools: entries.join(","),
            filler: "r".repeat(1 << 20),
            counts: Counts::default(),
        }
    }

    /// Write the answer to one POST body.
    pub fn answer(&mut self, body: &[u8], modern: bool, out: &mut Vec<u8>) {
        match serde_json::from_slice::<Message<'_>>(body) {
            Ok(message) => write_reply(out, &self.reply(&message, modern), &message.method),
            Err(_) => write_reply(out, &refusal(400, "null", -32700, "not JSON-RPC"), ""),
        }
    }

    fn reply(&mut self, message: &Message<'_>, modern: bool) -> Reply {
        let Some(id) = message.id.map(RawValue::get) else {
            return Reply::Accepted;
        };
        let revision = message.params.as_ref().map_or("", |params| &params.revision);
        match (&*message.method, modern) {
            ("tools/call", _) => self.call(id, message.params.as_ref(), modern),
            ("tools/list", _) => self.list(id, modern),
            ("ping", false) => result(id, "", false),
            ("initialize", _) if self.era != Era::Modern => result(
                id,
                &format!(
                    r#""protocolVersion":"{}","capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"measure","version":"1"}}"#,
                    if revision.is_empty() || revision == MODERN { LEGACY } else { revision }
                ),
                false,
            ),
            ("server/discover", true) if self.era != Era::Legacy => result(
                id,
                &format!(
                    r#""supportedVersions":["{MODERN}"],"capabilities":{{"tools":{{}}}},"ttlMs":3600000,"cacheScope":"public","_meta":{{"io.modelcontextprotocol/serverInfo":{{"name":"measure","version":"1"}}}}"#
                ),
                true,
            ),
            (_, true) if self.era != Era::Legacy => refusal(404, id, -32601, "unknown method"),
            _ => refusal(200, id, -32601, "unknown method"),
        }
    }

    fn list(&mut self, id: &str, modern: bool) -> Reply {
        self.counts.lists = self.counts.lists.saturating_add(1);
        let cache = if modern { r#""ttlMs":3600000,"cacheScope":"public","# } else { "" };
        result(id, &format!(r#"{cache}"tools":[{}]"#, self.tools), modern)
    }

    fn call(&mut self, id: &str, params: Option<&Params<'_>>, modern: bool) -> Reply {
        self.counts.calls = self.counts.calls.saturating_add(1);
        let Some(Params { arguments, meta, .. }) = params else {
            return refusal(if modern { 400 } else { 200 }, id, -32602, "no params");
        };
        let nonce = serde_json::to_string(&arguments.nonce).unwrap_or_default();
        let filler = self.filler.get(..arguments.reply_bytes).unwrap_or(&self.filler);
        let last = message(
            id,
            &format!(
                r#""content":[{{"type":"text","text":{nonce}}},{{"type":"text","text":"{filler}"}}],"isError":false"#
            ),
            modern,
        );
        let Some(count) = arguments.events else {
            return Reply::Json(200, last);
        };
        let mut events = Vec::new();
        if let Some(token) = meta.token {
            events.extend((1..=count).map(|step| {
                format!(
                    r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{step},"total":{count}}}}}"#
                )
            }));
        }
        events.push(last);
        Reply::Events(events)
    }
}

fn message(id: &str, fields: &str, modern: bool) -> String {
    let kind = if modern { r#","resultType":"complete""# } else { "" };
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{{fields}{kind}}}}}"#)
}

fn result(id: &str, fields: &str, modern: bool) -> Reply {
    Reply::Json(200, message(id, fields, modern))
}

fn refusal(status: u16, id: &str, code: i32, text: &str) -> Reply {
    Reply::Json(
        status,
        format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{text}"}}}}"#),
    )
}

fn write_reply(out: &mut Vec<u8>, reply: &Reply, method: &str) {
    match reply {
        Reply::Json(status, body) => write_json(out, *status, body, method == "initialize"),
        Reply::Accepted => {
            out.extend_from_slice(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
        }
        Reply::Events(events) => write_events(out, events),
    }
}

/// Write one JSON response.
pub fn write_json(out: &mut Vec<u8>, status: u16, body: &str, opens: bool) {
    let session = if opens { "mcp-session-id: measure-0123456789abcdef\r\n" } else { "" };
    let word = if status == 200 { "OK" } else { "Refused" };
    let head = format!(
        "HTTP/1.1 {status} {word}\r\ncontent-type: application/json\r\n{session}content-length: {}\r\n\r\n",
        body.len()
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body.as_bytes());
}

fn write_events(out: &mut Vec<u8>, events: &[String]) {
    let mut text = String::from(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    for event in events {
        let size = event.len().saturating_add("event: message\ndata: \n\n".len());
        let _ = write!(text, "{size:x}\r\nevent: message\ndata: {event}\n\n\r\n");
    }
    text.push_str("0\r\n\r\n");
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::read_response;

    fn ask(book: &mut Book, body: &str, modern: bool) -> (u16, String) {
        let mut out = Vec::new();
        book.answer(body.as_bytes(), modern, &mut out);
        let response = read_response(&out).unwrap().unwrap();
        assert_eq!(response.taken, out.len());
        (response.status, String::from_utf8(response.body.into_owned()).unwrap())
    }

    #[test]
    fn a_call_echoes_its_nonce() {
        let mut book = Book::new(Era::Both, 1, 0);
        let call = r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"echo0","arguments":{"nonce":"n1","reply_bytes":3}}}"#;
        let (status, body) = ask(&mut book, call, false);
        assert_eq!(status, 200);
        assert!(
            body.contains(r#""id":"x""#) && body.contains(r#""text":"n1""#) && body.contains("rrr")
        );
        assert_eq!(book.counts.calls, 1);
    }

    #[test]
    fn events_come_before_the_reply() {
        let mut book = Book::new(Era::Both, 1, 0);
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"nonce":"n","events":2},"_meta":{"progressToken":"t"}}}"#;
        let (_, body) = ask(&mut book, call, true);
        assert_eq!(body.matches("data: ").count(), 3);
        assert_eq!(body.matches(r#""progressToken":"t""#).count(), 2);
    }

    #[test]
    fn each_era_has_its_opening() {
        let opening = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#;
        let discover = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{}}"#;
        let (_, body) = ask(&mut Book::new(Era::Legacy, 1, 0), opening, false);
        assert!(body.contains("2025-06-18"));
        assert_eq!(ask(&mut Book::new(Era::Modern, 1, 0), opening, true).0, 404);
        assert!(
            ask(&mut Book::new(Era::Modern, 1, 0), discover, true).1.contains("supportedVersions")
        );
        assert!(ask(&mut Book::new(Era::Legacy, 1, 0), discover, true).1.contains("-32601"));
    }
}
