//! The gate as a Python object: one crossing per call, no call back, no panic across.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::caller::{PyCaller, PyHead};
use super::errors::snapshot_error;
use super::verdict::{PyAddress, PySwap, PyTicket, PyVerdict};
use crate::address::{Address, Addressed};
use crate::caller::Caller;
use crate::gate::Gate;
use crate::verdict::{Outcome, Reason, Verdict};

/// Longer messages are judged without the GIL.
const LONG_BYTES: usize = 64 << 10;

/// The judge.
#[pyclass(frozen, name = "Gate", module = "mcpgate._core")]
pub struct PyGate(Gate);

fn key(bytes: &[u8], name: &str) -> PyResult<[u8; 32]> {
    bytes.try_into().map_err(|_| PyValueError::new_err(format!("{name} must be 32 bytes")))
}

impl PyGate {
    /// Judge, with the GIL only for short messages; a panic is a refusal.
    fn judged(
        &self,
        py: Python<'_>,
        raw: &[u8],
        now: i64,
        judge: impl Fn(&Gate) -> Verdict + Sync,
    ) -> PyVerdict {
        let guarded = || catch_unwind(AssertUnwindSafe(|| judge(&self.0)));
        let verdict = if raw.len() > LONG_BYTES { py.detach(guarded) } else { guarded() };
        let verdict = verdict.unwrap_or_else(|_| self.0.refuse(Reason::Internal, "", now));
        PyVerdict::new(py, verdict)
    }
}

#[pymethods]
impl PyGate {
    #[new]
    #[pyo3(signature = (key, previous, seed, node))]
    fn new(key: &[u8], previous: Option<&[u8]>, seed: &[u8], node: &str) -> PyResult<Self> {
        let previous = previous.map(|bytes| self::key(bytes, "previous")).transpose()?;
        let seed = self::key(seed, "seed")?;
        Ok(Self(Gate::new(&self::key(key, "key")?, previous.as_ref(), &seed, node)))
    }

    fn swap(&self, py: Python<'_>, document: &[u8]) -> PyResult<PySwap> {
        let built = py.detach(|| catch_unwind(AssertUnwindSafe(|| self.0.swap(document))));
        match built {
            Ok(Ok(swap)) => Ok(PySwap(swap)),
            Ok(Err(error)) => Err(snapshot_error(py, &error)),
            Err(_) => Err(PyValueError::new_err("the snapshot document made the gate panic")),
        }
    }

    fn catalog<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.catalog().as_bytes())
    }

    fn marks<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.marks().as_bytes())
    }

    fn faults<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.faults().as_bytes())
    }

    fn align(&self, wall_ns: i64, now: i64) {
        self.0.align(wall_ns, now);
    }

    fn find_caller(&self, session_id: &str, principal: &str, now: i64) -> Option<PyCaller> {
        self.0.find_caller(session_id, principal, now).map(PyCaller)
    }

    fn end_session(&self, session_id: &str, principal: &str, now: i64) -> bool {
        self.0.end_session(session_id, principal, now)
    }

    #[expect(clippy::unused_self, reason = "a caller belongs to its gate on the Python side")]
    fn new_caller(&self, principal: &str, modern: bool) -> PyCaller {
        PyCaller(Arc::new(Caller::new(principal, modern)))
    }

    #[pyo3(signature = (raw, caller, head, now))]
    fn inspect(
        &self,
        py: Python<'_>,
        raw: &[u8],
        caller: &Bound<'_, PyCaller>,
        head: Option<&Bound<'_, PyHead>>,
        now: i64,
    ) -> PyVerdict {
        let caller = &*caller.get().0;
        let head = head.map(|head| &head.get().0);
        self.judged(py, raw, now, |gate| gate.inspect(raw, caller, head, now))
    }

    fn review(
        &self,
        py: Python<'_>,
        raw: &[u8],
        ticket: &Bound<'_, PyTicket>,
        now: i64,
    ) -> PyVerdict {
        let ticket = &ticket.get().0;
        self.judged(py, raw, now, |gate| gate.review(raw, ticket))
    }

    fn fail(
        &self,
        py: Python<'_>,
        ticket: &Bound<'_, PyTicket>,
        reason: &str,
        now: i64,
    ) -> PyVerdict {
        let reason = Reason::parse(reason).unwrap_or(Reason::Internal);
        let ticket = &ticket.get().0;
        self.judged(py, b"", now, |gate| gate.fail(ticket, reason))
    }

    fn refuse(&self, py: Python<'_>, reason: &str, principal: &str, now: i64) -> PyVerdict {
        let reason = Reason::parse(reason).unwrap_or(Reason::Internal);
        PyVerdict::new(py, self.0.refuse(reason, principal, now))
    }

    fn cancel<'py>(&self, py: Python<'py>, ticket: &Bound<'py, PyTicket>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.cancel(&ticket.get().0))
    }

    fn park(
        &self,
        py: Python<'_>,
        ticket: &Bound<'_, PyTicket>,
        members: &[u8],
        now: i64,
    ) -> PyVerdict {
        let ticket = &ticket.get().0;
        self.judged(py, members, now, |gate| gate.park(ticket, members))
    }

    fn retry<'py>(
        &self,
        py: Python<'py>,
        body: &[u8],
        ticket: &Bound<'_, PyTicket>,
        members: &[u8],
        state: &[u8],
    ) -> Bound<'py, PyBytes> {
        let ticket = &ticket.get().0;
        let guarded = || {
            let again = || self.0.retry(body, ticket, members, state);
            catch_unwind(AssertUnwindSafe(again)).unwrap_or_default()
        };
        let raw = if body.len() > LONG_BYTES { py.detach(guarded) } else { guarded() };
        PyBytes::new(py, &raw)
    }

    fn close(&self, ticket: &Bound<'_, PyTicket>, outcome: u8, now: i64) -> bool {
        self.0.close(&ticket.get().0, Outcome::ending(outcome), now)
    }

    fn drain<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.drain())
    }

    fn issue_id(&self) -> i64 {
        self.0.issue_id()
    }

    fn address(&self, py: Python<'_>, raw: &[u8]) -> PyAddress {
        let guarded = || catch_unwind(AssertUnwindSafe(|| self.0.address(raw)));
        let address = if raw.len() > LONG_BYTES { py.detach(guarded) } else { guarded() };
        let unreadable = |_| Address { kind: Addressed::Unreadable, id: -1, body: Vec::new() };
        PyAddress(address.unwrap_or_else(unreadable))
    }
}
