//! What the gate says, as frozen Python objects.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::more::{PyAnswer, PyAsk, PyWatch};
use crate::address::Address;
use crate::bridge::More;
use crate::gate::Swap;
use crate::snapshot::Kind;
use crate::ticket::Ticket;
use crate::verdict::Verdict;

/// A handle on an open exchange.
#[pyclass(frozen, name = "Ticket", module = "mcpgate._core")]
pub struct PyTicket(pub Arc<Ticket>);

#[pymethods]
impl PyTicket {
    #[getter]
    fn upstream_id(&self) -> i64 {
        self.0.upstream_id()
    }

    #[getter]
    fn server(&self) -> &str {
        &self.0.server.name
    }

    #[getter]
    fn deadline_ns(&self) -> i64 {
        self.0.deadline_ns
    }

    #[getter]
    fn within_ns(&self) -> i64 {
        self.0.deadline_ns.saturating_sub(self.0.started_ns)
    }

    #[getter]
    fn capabilities(&self) -> u8 {
        self.0.declared().bits()
    }

    #[getter]
    fn owner(&self) -> &str {
        &self.0.owner
    }

    #[getter]
    fn level(&self) -> i8 {
        let level = self.0.asked_level.and_then(|level| i8::try_from(level.as_number()).ok());
        level.unwrap_or(-1)
    }

    #[getter]
    fn client_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.client_id)
    }
}

/// A verdict; its body crosses once.
#[pyclass(frozen, name = "Verdict", module = "mcpgate._core")]
pub struct PyVerdict {
    inner: Verdict,
    #[pyo3(get)]
    body: Py<PyBytes>,
}

impl PyVerdict {
    pub fn new(py: Python<'_>, mut inner: Verdict) -> Self {
        let body = std::mem::take(&mut inner.body);
        Self { inner, body: PyBytes::new(py, &body).unbind() }
    }

    fn more(&self) -> Option<&More> {
        self.inner.more.as_deref()
    }
}

#[pymethods]
impl PyVerdict {
    #[getter]
    fn outcome(&self) -> u8 {
        self.inner.outcome as u8
    }

    #[getter]
    fn status(&self) -> u16 {
        self.inner.status
    }

    #[getter]
    fn ticket(&self) -> Option<PyTicket> {
        self.inner.ticket.as_ref().map(|ticket| PyTicket(Arc::clone(ticket)))
    }

    #[getter]
    fn server(&self) -> &str {
        self.inner.ticket.as_ref().map_or("", |ticket| &ticket.server.name)
    }

    #[getter]
    fn head<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.head)
    }

    #[getter]
    fn session(&self) -> &str {
        &self.inner.session
    }

    #[getter]
    fn streams(&self) -> u8 {
        self.inner.streams
    }

    #[getter]
    fn subscription<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.subscription)
    }

    #[getter]
    fn cancels<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.cancels)
    }

    #[getter]
    fn asking(&self) -> bool {
        self.inner.more.is_some()
    }

    #[getter]
    fn asks(&self, py: Python<'_>) -> Vec<PyAsk> {
        let asks = self.more().map(|more| more.asks.iter());
        asks.into_iter().flatten().map(|ask| PyAsk::new(py, ask)).collect()
    }

    #[getter]
    fn answers(&self, py: Python<'_>) -> Vec<PyAnswer> {
        let answers = self.more().map(|more| more.answers.iter());
        answers.into_iter().flatten().map(|answer| PyAnswer::new(py, answer)).collect()
    }

    #[getter]
    fn watches(&self, py: Python<'_>) -> Vec<PyWatch> {
        let watches = self.more().map(|more| more.watches.iter());
        watches.into_iter().flatten().map(|watch| PyWatch::new(py, watch)).collect()
    }

    #[getter]
    fn back<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.more().map_or(&[], |more| &more.back))
    }

    #[getter]
    fn handle(&self) -> i64 {
        self.more().map_or(0, |more| more.handle)
    }

    #[getter]
    fn again(&self) -> bool {
        self.more().is_some_and(|more| more.again)
    }

    #[getter]
    fn state<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.more().map_or(&[], |more| &more.state))
    }

    #[getter]
    fn r#final(&self) -> bool {
        self.inner.last
    }

    #[getter]
    fn reason(&self) -> &'static str {
        self.inner.reason.map_or("", |reason| reason.row().name)
    }

    #[getter]
    fn event(&self) -> &str {
        &self.inner.event
    }

    #[getter]
    fn retryable(&self) -> bool {
        self.inner.reason.is_some_and(|reason| reason.row().retryable)
    }
}

/// The address on a message from a server.
#[pyclass(frozen, name = "Address", module = "mcpgate._core")]
pub struct PyAddress(pub Address);

#[pymethods]
impl PyAddress {
    #[getter]
    fn kind(&self) -> u8 {
        self.0.kind as u8
    }

    #[getter]
    fn id(&self) -> i64 {
        self.0.id
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.body)
    }
}

/// What a swap changed.
#[pyclass(frozen, name = "Swap", module = "mcpgate._core")]
pub struct PySwap(pub Swap);

impl PySwap {
    fn count(&self, kind: Kind) -> usize {
        self.0.snapshot.pages(kind).entries()
    }
}

#[pymethods]
impl PySwap {
    #[getter]
    fn generation(&self) -> u64 {
        self.0.snapshot.generation
    }

    #[getter]
    fn changed(&self) -> u8 {
        self.0.changed
    }

    #[getter]
    fn problems(&self) -> Vec<String> {
        self.0.snapshot.list_quarantined()
    }

    #[getter]
    fn tools(&self) -> usize {
        self.count(Kind::Tool)
    }

    #[getter]
    fn prompts(&self) -> usize {
        self.count(Kind::Prompt)
    }

    #[getter]
    fn resources(&self) -> usize {
        self.count(Kind::Resource)
    }

    #[getter]
    fn templates(&self) -> usize {
        self.count(Kind::Template)
    }
}
