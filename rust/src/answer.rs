//! Answers that the gate holds ready: handshake, ping, lists, discovery, listen.

use std::sync::Arc;

use crate::bridge::{More, Watch};
use crate::capabilities::Capabilities;
use crate::inspect::Case;
use crate::level::Level;
use crate::message::Message;
use crate::refusal::Refusal;
use crate::revision::{Method, Revision};
use crate::rewrite::string;
use crate::seal;
use crate::snapshot::Kind;
use crate::verdict::{LISTEN, Outcome, Reason, Verdict};
use mcpgate_json::{Doc, Node, NodeKind};

/// Lists that a listen request may follow: its key and its bit.
const FOLLOWED: [(&str, u8); 3] =
    [("toolsListChanged", 1), ("promptsListChanged", 2), ("resourcesListChanged", 4)];

type Judged = Result<Verdict, Refusal>;

impl Case<'_> {
    pub(crate) fn answer(&self, message: &Message<'_>, method: Method) -> Judged {
        match method {
            Method::Initialize => self.initialize(message),
            Method::Discover => Ok(self.result(message, self.snapshot.discover_result())),
            Method::ToolsList => self.list(message, Kind::Tool),
            Method::PromptsList => self.list(message, Kind::Prompt),
            Method::ResourcesList => self.list(message, Kind::Resource),
            Method::TemplatesList => self.list(message, Kind::Template),
            Method::Listen => self.listen(message),
            Method::SetLevel => self.set_level(message),
            Method::Subscribe | Method::Unsubscribe => self.subscribe(message, method),
            _ => Ok(self.result(message, "{}")),
        }
    }

    /// A reply with this result.
    pub(crate) fn result(&self, message: &Message<'_>, result: &str) -> Verdict {
        let id = message.raw_id();
        let mut body = Vec::with_capacity(result.len().saturating_add(id.len()).saturating_add(40));
        body.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
        body.extend_from_slice(id);
        body.extend_from_slice(b",\"result\":");
        body.extend_from_slice(result.as_bytes());
        body.push(b'}');
        Verdict::new(Outcome::Answer, body, 200, self.event.clone())
    }

    fn initialize(&self, message: &Message<'_>) -> Judged {
        let refuse = |text: &str| Err(Refusal::with(Reason::Params, message.raw_id(), text));
        let Some(asked) = message.text_param("protocolVersion") else {
            return refuse("protocolVersion must be a string.");
        };
        let declared = message.param("capabilities").filter(|node| message.doc.is_object(*node));
        let Some(declared) = declared else { return refuse("capabilities must be an object.") };
        let capabilities = Capabilities::read(&message.doc, declared);
        let asked = Revision::parse(&message.doc.text(asked));
        let revision = asked.filter(|revision| !revision.is_modern()).unwrap_or(Revision::LEGACY);
        let mut verdict = self.result(message, &self.snapshot.initialize_result(revision.name()));
        let wall = self.gate.wall(self.now);
        let callers = &self.gate.callers;
        let session = callers.open_session(&self.caller.principal, revision, capabilities, wall);
        verdict.session =
            session.ok_or_else(|| Refusal::new(Reason::Overloaded, message.raw_id()))?;
        Ok(verdict)
    }

    /// From now on the session hears log messages of this severity and above.
    fn set_level(&self, message: &Message<'_>) -> Judged {
        let said = message.text_param("level").map(|node| message.doc.text(node));
        let Some(level) = said.and_then(|name| Level::parse(&name)) else {
            let text = "level must be one of the eight severities of RFC 5424, such as info.";
            return Err(Refusal::with(Reason::Params, message.raw_id(), text));
        };
        self.caller.set_level(level);
        Ok(self.result(message, "{}"))
    }

    /// Begin or end to tell the session of changes of one resource.
    fn subscribe(&self, message: &Message<'_>, method: Method) -> Judged {
        let Some(node) = message.text_param("uri") else {
            return Err(Refusal::with(Reason::Params, message.raw_id(), "uri must be a string."));
        };
        let begins = method == Method::Subscribe;
        let Some(watch) = self.watch(&message.doc.text(node), begins) else {
            let text = "It is not in the catalog, or its server tells of no changes.";
            return Err(Refusal::with(Reason::UnknownResource, message.raw_id(), text));
        };
        let mut verdict = self.result(message, "{}");
        verdict.more = Some(Box::new(More { watches: vec![watch], ..More::default() }));
        Ok(verdict)
    }

    /// What watching a resource means, if its server tells of changes.
    fn watch(&self, exposed: &str, begins: bool) -> Option<Watch> {
        let (entry, own) = self.snapshot.resource(exposed)?;
        let server = self.snapshot.server(entry.server).filter(|server| server.subscribe)?;
        let uri = own.into_owned();
        Some(Watch { server: Arc::clone(&server.name), uri, exposed: string(exposed), begins })
    }

    fn list(&self, message: &Message<'_>, kind: Kind) -> Judged {
        let pages = self.snapshot.pages(kind);
        let binding = [kind as u8];
        let sealer = self.gate.callers.sealer();
        let index = match message.param("cursor") {
            None => 0,
            Some(node) => {
                let cursor = message.doc.text(node);
                let place = sealer.open(seal::Kind::Cursor, &binding, &cursor);
                let place = place.as_deref().and_then(|bytes| bytes.strip_prefix(&pages.digest));
                match place.and_then(|bytes| bytes.first_chunk::<4>()) {
                    Some(bytes) => u32::from_le_bytes(*bytes),
                    None => return Err(Refusal::new(Reason::Cursor, message.raw_id())),
                }
            }
        };
        let number = usize::try_from(index).unwrap_or(usize::MAX);
        let Some(page) = pages.page(number, self.caller.modern) else {
            return Err(Refusal::new(Reason::Cursor, message.raw_id()));
        };
        let mut result = String::with_capacity(page.head.len().saturating_add(300));
        result.push_str(page.head);
        if page.has_next {
            let mut place = pages.digest.to_vec();
            place.extend_from_slice(&index.saturating_add(1).to_le_bytes());
            let cursor = sealer.seal(seal::Kind::Cursor, &binding, &place);
            result.push_str(",\"nextCursor\":\"");
            result.push_str(&cursor);
            result.push('"');
        }
        result.push_str(page.tail);
        Ok(self.result(message, &result))
    }

    fn listen(&self, message: &Message<'_>) -> Judged {
        let wanted = message.param("notifications").filter(|node| message.doc.is_object(*node));
        let Some(wanted) = wanted else {
            let text = "notifications must be an object.";
            return Err(Refusal::with(Reason::Params, message.raw_id(), text));
        };
        let mut streams = LISTEN;
        let mut honoured = Vec::new();
        for (key, bit) in FOLLOWED {
            if is_true(&message.doc, wanted, key) {
                streams |= bit;
                honoured.push(format!("\"{key}\":true"));
            }
        }
        let mut watches = Vec::new();
        if let Some(uris) = message.doc.get(wanted, "resourceSubscriptions") {
            let texts = message.doc.items(uris).map(|node| message.doc.text(node));
            watches.extend(texts.filter_map(|uri| self.watch(&uri, true)));
            let told: Vec<_> =
                watches.iter().map(|watch| String::from_utf8_lossy(&watch.exposed)).collect();
            if !told.is_empty() {
                honoured.push(format!("\"resourceSubscriptions\":[{}]", told.join(",")));
            }
        }
        let body = format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\",\"params\":{{\"notifications\":{{{}}},\"_meta\":{{\"io.modelcontextprotocol/subscriptionId\":{}}}}}}}",
            honoured.join(","),
            String::from_utf8_lossy(message.raw_id())
        );
        let mut verdict = Verdict::new(Outcome::Answer, body.into_bytes(), 200, self.event.clone());
        verdict.streams = streams;
        if !watches.is_empty() {
            verdict.more = Some(Box::new(More { watches, ..More::default() }));
        }
        verdict.subscription = message.raw_id().to_vec();
        Ok(verdict)
    }
}

fn is_true(doc: &Doc<'_>, object: Node, key: &str) -> bool {
    doc.get(object, key).is_some_and(|node| doc.kind(node) == NodeKind::True)
}
