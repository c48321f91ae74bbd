//! What the gate knows of a server beside its entries.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::checks::Secrets;
use crate::document::{Isolation, ServerPart};

/// A server, as the gate needs it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a server")]
pub struct Server {
    /// The operator's name for it.
    pub name: Arc<str>,
    /// Where it stands in the snapshot.
    pub index: u32,
    /// Whether it speaks a revision without sessions.
    pub modern: bool,
    /// Whether it is reached over HTTP.
    pub http: bool,
    /// Whether its links cost little but say of no message which call it belongs to.
    pub one_wire: bool,
    /// The revision it speaks; empty while it was never reached.
    pub revision: Box<str>,
    /// What the operator calls its environment.
    pub environment: Option<Box<str>>,
    /// The operator's labels, sorted by key.
    pub labels: Vec<(Box<str>, Box<str>)>,
    /// How long one exchange may take.
    pub deadline_ns: u64,
    /// Whether it completes arguments.
    pub completions: bool,
    /// Whether it sends log messages.
    pub logging: bool,
    /// Whether it tells of resources that changed.
    pub subscribe: bool,
    /// Who shares its links.
    pub isolation: Isolation,
    /// Whether its results may hold URIs that clients see in another form.
    pub renames_uris: bool,
    /// What happens to secrets in what it sends.
    pub secrets: Secrets,
    /// Replies of it that could not be passed on, over all snapshots.
    pub faults: Arc<AtomicU64>,
}

/// Keep of a server what the gate needs.
pub(crate) fn read_server(
    index: u32,
    part: &ServerPart<'_>,
    renames_uris: bool,
    previous: Option<&Arc<Server>>,
) -> Arc<Server> {
    let text = |text: &str| Box::<str>::from(text);
    Arc::new(Server {
        name: Arc::from(&*part.name),
        index,
        modern: part.era == "modern",
        http: part.transport == "http",
        one_wire: matches!(&*part.transport, "sse" | "websocket"),
        revision: text(&part.revision),
        environment: part.environment.as_deref().map(text),
        labels: part.labels.iter().map(|(key, value)| (text(key), text(value))).collect(),
        deadline_ns: part.deadline_ns(),
        completions: part.completions,
        logging: part.logging,
        subscribe: part.subscribe,
        isolation: part.isolation,
        renames_uris,
        secrets: part.firewall.secrets,
        faults: previous.map(|server| Arc::clone(&server.faults)).unwrap_or_default(),
    })
}
