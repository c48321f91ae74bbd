//! What an open exchange holds in the gate, from its forward verdict to its one close.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};

use crate::capabilities::Capabilities;
use crate::checks::{Checks, Secrets};
use crate::level::Level;
use crate::revision::{Method, Revision};
use crate::snapshot::{Server, Snapshot};
use crate::verdict::Reason;

/// An open exchange.
#[derive(Debug)]
pub struct Ticket {
    /// The event of its verdict.
    pub event: String,
    /// The client's id, as the client wrote it.
    pub client_id: Vec<u8>,
    /// The id of the request on the link, see [`Ticket::upstream_id`].
    pub(crate) upstream: AtomicI64,
    /// The client's progress token, as the client wrote it.
    pub token: Option<Vec<u8>>,
    /// The revision that the client speaks.
    pub revision: Revision,
    /// The severity from which the client wants log messages; None for no message at all.
    pub level: Option<Level>,
    /// The severity that the client asked for.
    pub asked_level: Option<Level>,
    /// What the client can do for the server.
    pub capabilities: Capabilities,
    /// Whose links carry it: everybody's when empty.
    pub owner: String,
    /// What binds the request to the input that it may be repeated with; None where no input can
    /// be asked for in this way.
    pub bond: Option<Box<Bond>>,
    /// What was asked.
    pub method: Method,
    /// The server that was asked.
    pub server: Arc<Server>,
    /// What a tool's result is held to.
    pub checks: Option<Arc<Checks>>,
    /// What happens to secrets in what comes back.
    pub secrets: Secrets,
    /// The snapshot that judged it.
    pub snapshot: Arc<Snapshot>,
    /// When the verdict fell.
    pub started_ns: i64,
    /// When the exchange ends at the latest.
    pub deadline_ns: i64,
    /// What came back so far.
    pub tally: Tally,
}

/// What a request that is repeated with input must have in common with the first.
#[derive(Debug)]
pub struct Bond {
    /// Who asks.
    pub principal: Arc<str>,
    /// The server's own name of the entry.
    pub entry: Box<str>,
    /// The arguments as sent; `null` where there are none.
    pub arguments: Box<[u8]>,
}

impl Ticket {
    /// What the client can do, as far as the server is told so when its link opens.
    pub fn declared(&self) -> Capabilities {
        if self.server.modern { Capabilities::NONE } else { self.capabilities }
    }

    /// The id of the request on the link.
    pub fn upstream_id(&self) -> i64 {
        self.upstream.load(Ordering::Relaxed)
    }

    /// Give the request another id on the link, for it is sent again.
    pub fn send_again(&self, upstream_id: i64) {
        self.upstream.store(upstream_id, Ordering::Relaxed);
    }
}

/// Counts over an exchange.
#[derive(Debug, Default)]
pub struct Tally {
    closed: AtomicBool,
    is_error: AtomicBool,
    reason: AtomicU8,
    messages: AtomicU64,
    progress: AtomicU64,
    reply_bytes: AtomicU64,
    redacted: AtomicU64,
    misfit: AtomicBool,
    unmet: AtomicU8,
}

/// What a tally came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Messages from the server, the reply included.
    pub messages: u64,
    /// Progress notifications among them.
    pub progress: u64,
    /// Size of the replies as sent to the client.
    pub reply_bytes: u64,
    /// Secrets that were found in them.
    pub redacted: u64,
    /// Whether the reply says that something went wrong.
    pub is_error: bool,
    /// Whether the result is not what the tool's output schema says.
    pub misfit: bool,
}

impl Tally {
    /// Count a message to the client.
    pub fn count(&self, size_bytes: usize) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.reply_bytes
            .fetch_add(u64::try_from(size_bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Count one of the messages as progress.
    pub fn count_progress(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    /// Remember that the reply says that something went wrong.
    pub fn mark_error(&self) {
        self.is_error.store(true, Ordering::Relaxed);
    }

    /// Count secrets that were found.
    pub fn count_secrets(&self, found: usize) {
        self.redacted.fetch_add(u64::try_from(found).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Remember that the result is not what its schema says.
    pub fn mark_misfit(&self) {
        self.misfit.store(true, Ordering::Relaxed);
    }

    /// Remember that the server asked for what the client cannot do.
    pub fn mark_unmet(&self, needed: Capabilities) {
        self.unmet.fetch_or(needed.bits(), Ordering::Relaxed);
    }

    /// What the server asked for and the client cannot do.
    pub fn unmet(&self) -> Capabilities {
        Capabilities::from_bits(self.unmet.load(Ordering::Relaxed))
    }

    /// Remember why the exchange failed.
    pub fn fail(&self, reason: Reason) {
        let place = Reason::ALL.iter().position(|other| *other == reason).unwrap_or(0);
        self.reason.store(u8::try_from(place.saturating_add(1)).unwrap_or(0), Ordering::Relaxed);
    }

    /// Why the exchange failed.
    pub fn reason(&self) -> Option<Reason> {
        let place = usize::from(self.reason.load(Ordering::Relaxed)).checked_sub(1)?;
        Reason::ALL.get(place).copied()
    }

    /// Close; true for the first caller only.
    pub fn close(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }

    /// All counts.
    pub fn totals(&self) -> Totals {
        Totals {
            messages: self.messages.load(Ordering::Relaxed),
            progress: self.progress.load(Ordering::Relaxed),
            reply_bytes: self.reply_bytes.load(Ordering::Relaxed),
            redacted: self.redacted.load(Ordering::Relaxed),
            is_error: self.is_error.load(Ordering::Relaxed),
            misfit: self.misfit.load(Ordering::Relaxed),
        }
    }
}
