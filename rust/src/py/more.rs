//! What a verdict says of requests of servers and of subscriptions, as frozen Python objects.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::bridge::{Answer, Ask, Watch};
use crate::capabilities::Capabilities;
use crate::gate::with_tape;
use crate::message;

/// How deep the messages of a batch may nest, one level more than alone.
const DEPTH: usize = 65;

/// One request of a server to its client.
#[pyclass(frozen, name = "Ask", module = "mcpgate._core")]
pub struct PyAsk {
    #[pyo3(get)]
    key: Py<PyBytes>,
    #[pyo3(get)]
    id: Py<PyBytes>,
    #[pyo3(get)]
    server_id: Py<PyBytes>,
    #[pyo3(get)]
    body: Py<PyBytes>,
    #[pyo3(get)]
    elicits: bool,
    #[pyo3(get)]
    lists_roots: bool,
}

impl PyAsk {
    pub fn new(py: Python<'_>, ask: &Ask) -> Self {
        let bytes = |bytes: &[u8]| PyBytes::new(py, bytes).unbind();
        Self {
            key: bytes(&ask.key),
            id: bytes(ask.id.to_string().as_bytes()),
            server_id: bytes(&ask.server_id),
            body: bytes(&ask.body),
            elicits: ask.needs.has(Capabilities::FORM) || ask.needs.has(Capabilities::URL),
            lists_roots: ask.needs.has(Capabilities::ROOTS),
        }
    }
}

/// One answer of a client.
#[pyclass(frozen, name = "Answer", module = "mcpgate._core")]
pub struct PyAnswer {
    #[pyo3(get)]
    key: Py<PyBytes>,
    #[pyo3(get)]
    value: Py<PyBytes>,
    #[pyo3(get)]
    is_error: bool,
}

impl PyAnswer {
    pub fn new(py: Python<'_>, answer: &Answer) -> Self {
        Self {
            key: PyBytes::new(py, &answer.key).unbind(),
            value: PyBytes::new(py, &answer.value).unbind(),
            is_error: answer.is_error,
        }
    }
}

/// A resource whose changes are told.
#[pyclass(frozen, get_all, name = "Watch", module = "mcpgate._core")]
pub struct PyWatch {
    server: String,
    uri: String,
    exposed: Py<PyBytes>,
    begins: bool,
}

impl PyWatch {
    pub fn new(py: Python<'_>, watch: &Watch) -> Self {
        Self {
            server: watch.server.to_string(),
            uri: watch.uri.clone(),
            exposed: PyBytes::new(py, &watch.exposed).unbind(),
            begins: watch.begins,
        }
    }
}

/// The messages of a batch; None for what is no array of one to `most` values.
#[pyfunction]
pub fn split<'py>(py: Python<'py>, raw: &[u8], most: usize) -> Option<Vec<Bound<'py, PyBytes>>> {
    let found = with_tape(|tape| message::split(tape, raw, DEPTH, most))?;
    Some(found.iter().map(|item| PyBytes::new(py, item)).collect())
}

/// The JSON object that declares these capabilities.
#[pyfunction]
pub fn declare(py: Python<'_>, capabilities: u8) -> Bound<'_, PyBytes> {
    PyBytes::new(py, Capabilities::from_bits(capabilities).declare().as_bytes())
}
