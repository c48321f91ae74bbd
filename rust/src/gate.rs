//! The gate: holds the current snapshot and what all messages share; `inspect`, `review` and
//! `address` have their own files.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;

use crate::caller::{Caller, Callers};
use crate::event::{Ending, Events, Ruling};
use crate::refusal::Refusal;
use crate::seal::Sealer;
use crate::snapshot::{Snapshot, SnapshotError};
use crate::ticket::Ticket;
use crate::verdict::{Outcome, Reason, Verdict};
use mcpgate_json::Tape;

thread_local! {
    /// Every message of a thread is read into the same buffer.
    static TAPE: RefCell<Tape> = RefCell::default();
}

/// Run `read` with this thread's tape.
pub(crate) fn with_tape<T>(read: impl FnOnce(&mut Tape) -> T) -> T {
    TAPE.with(|cell| match cell.try_borrow_mut() {
        Ok(mut tape) => {
            let done = read(&mut tape);
            tape.trim();
            done
        }
        Err(_) => read(&mut Tape::default()),
    })
}

/// The judge.
pub struct Gate {
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) callers: Callers,
    pub(crate) events: Events,
    ids: AtomicI64,
}

/// What a swap changed.
#[derive(Debug)]
pub struct Swap {
    /// The snapshot that judges now.
    pub snapshot: Arc<Snapshot>,
    /// Bits of the lists that differ from before.
    pub changed: u8,
}

const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Gate>();
    shared::<Snapshot>();
    shared::<Ticket>();
    shared::<Caller>();
};

impl Gate {
    /// A gate with an empty snapshot.
    pub fn new(key: &[u8; 32], previous: Option<&[u8; 32]>, seed: &[u8; 32], node: &str) -> Self {
        Self {
            snapshot: ArcSwap::from_pointee(Snapshot::empty()),
            callers: Callers::new(Sealer::new(key, previous), *seed),
            events: Events::new(seed, node),
            ids: AtomicI64::new(1),
        }
    }

    /// Build a snapshot and make it current.
    ///
    /// # Errors
    /// All problems of a document that cannot be judged by; the old snapshot stays.
    pub fn swap(&self, document: &[u8]) -> Result<Swap, SnapshotError> {
        let previous = self.snapshot.load_full();
        let snapshot = Arc::new(Snapshot::build(document, Some(&previous))?);
        let changed = snapshot.changed(&previous);
        self.snapshot.store(Arc::clone(&snapshot));
        Ok(Swap { snapshot, changed })
    }

    /// The current entries, for an operator.
    pub fn catalog(&self) -> String {
        self.snapshot.load().catalog_json()
    }

    /// What was found on entries, for an operator: a JSON list.
    pub fn marks(&self) -> String {
        serde_json::to_string(&self.snapshot.load().marks).unwrap_or_else(|_| "[]".to_owned())
    }

    /// Replies that could not be passed on, by server: a JSON object.
    pub fn faults(&self) -> String {
        let snapshot = self.snapshot.load();
        let faults = snapshot.servers.iter();
        let faults: BTreeMap<&str, u64> =
            faults.map(|server| (&*server.name, server.faults.load(Ordering::Relaxed))).collect();
        serde_json::to_string(&faults).unwrap_or_else(|_| "{}".to_owned())
    }

    /// Tie the monotonic clock to the wall clock.
    pub fn align(&self, wall_ns: i64, now: i64) {
        self.events.align(wall_ns, now);
    }

    pub(crate) fn wall(&self, now: i64) -> i64 {
        self.events.wall(now)
    }

    /// An id for a request on a link, unlike any other of this gate.
    pub fn issue_id(&self) -> i64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// The caller of a live legacy session of this principal.
    pub fn find_caller(&self, id: &str, principal: &str, now: i64) -> Option<Arc<Caller>> {
        self.callers.find(id, principal, self.wall(now), self.session_ns())
    }

    /// End a legacy session; false when it was none.
    pub fn end_session(&self, id: &str, principal: &str, now: i64) -> bool {
        self.callers.end(id, principal, self.wall(now), self.session_ns())
    }

    fn session_ns(&self) -> i64 {
        i64::try_from(self.snapshot.load().session_ns).unwrap_or(i64::MAX)
    }

    /// Event lines not taken yet.
    pub fn drain(&self) -> Vec<u8> {
        self.events.drain()
    }

    /// A refusal before there is a message: frame or authentication.
    pub fn refuse(&self, reason: Reason, principal: &str, now: i64) -> Verdict {
        let event = self.events.id(now);
        let ruling = Ruling {
            event: &event,
            outcome: Outcome::Refuse.name(),
            reason: Some(reason),
            principal,
            snapshot: self.snapshot.load().generation,
            ..Ruling::default()
        };
        self.events.rule(&ruling, now);
        Refusal::new(reason, b"null").verdict(&event, true)
    }

    /// The error reply of an exchange whose link failed; `close` follows.
    pub fn fail(&self, ticket: &Arc<Ticket>, reason: Reason) -> Verdict {
        let verdict = Refusal::new(reason, &ticket.client_id).end(ticket);
        ticket.tally.count(verdict.body.len());
        verdict
    }

    /// End an exchange and record how; false when it had ended before.
    pub fn close(&self, ticket: &Ticket, outcome: Outcome, now: i64) -> bool {
        if !ticket.tally.close() {
            return false;
        }
        let ending = Ending {
            event: &ticket.event,
            outcome,
            reason: ticket.tally.reason(),
            duration_ns: now.saturating_sub(ticket.started_ns).max(0).cast_unsigned(),
            totals: ticket.tally.totals(),
        };
        self.events.end(&ending, now);
        true
    }

    /// What tells the server that nobody waits; empty where closing the stream says it.
    pub fn cancel(&self, ticket: &Ticket) -> Vec<u8> {
        if ticket.server.modern && ticket.server.http {
            return Vec::new();
        }
        format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{}}}}}",
            ticket.upstream_id()
        )
        .into_bytes()
    }
}
