//! What an open exchange holds in the gate, from its forward verdict to its one close.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

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
    /// The id of the request on the link.
    pub upstream_id: i64,
    /// The client's progress token, as the client wrote it.
    pub token: Option<Vec<u8>>,
    /// The revision that the client speaks.
    pub revision: Revision,
    /// Whether the client wants log messages on this exchange.
    pub wants_log: bool,
    /// What was asked.
    pub method: Method,
    /// The server that was asked.
    pub server: Arc<Server>,
    /// The snapshot that judged it.
    pub snapshot: Arc<Snapshot>,
    /// When the verdict fell.
    pub started_ns: i64,
    /// When the exchange ends at the latest.
    pub deadline_ns: i64,
    /// What came back so far.
    pub tally: Tally,
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

    /// Messages, progress notifications, bytes, and whether the reply is an error.
    pub fn totals(&self) -> (u64, u64, u64, bool) {
        (
            self.messages.load(Ordering::Relaxed),
            self.progress.load(Ordering::Relaxed),
            self.reply_bytes.load(Ordering::Relaxed),
            self.is_error.load(Ordering::Relaxed),
        )
    }
}
