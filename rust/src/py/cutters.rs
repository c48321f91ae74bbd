//! Stream cutters as Python objects.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::lines::LineCutter;
use crate::sse::SseCutter;

/// Cuts a text/event-stream.
#[pyclass(frozen, name = "SseCutter", module = "mcpgate._core")]
pub struct PySseCutter(Mutex<SseCutter>);

#[pymethods]
impl PySseCutter {
    #[new]
    fn new(limit_bytes: usize) -> Self {
        Self(Mutex::new(SseCutter::new(limit_bytes)))
    }

    fn feed<'py>(&self, py: Python<'py>, chunk: &[u8]) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let mut out = Vec::new();
        match lock(&self.0).feed(chunk, &mut out) {
            Ok(()) => Ok(out.iter().map(|data| PyBytes::new(py, data)).collect()),
            Err(overflow) => Err(PyValueError::new_err(overflow.to_string())),
        }
    }

    #[getter]
    fn last_id(&self) -> String {
        lock(&self.0).last_id().to_owned()
    }

    #[getter]
    fn retry_ms(&self) -> i64 {
        lock(&self.0).retry_ms().and_then(|retry| i64::try_from(retry).ok()).unwrap_or(-1)
    }
}

/// Cuts a byte stream into lines.
#[pyclass(frozen, name = "LineCutter", module = "mcpgate._core")]
pub struct PyLineCutter(Mutex<LineCutter>);

#[pymethods]
impl PyLineCutter {
    #[new]
    fn new(limit_bytes: usize) -> Self {
        Self(Mutex::new(LineCutter::new(limit_bytes)))
    }

    fn feed<'py>(&self, py: Python<'py>, chunk: &[u8]) -> Vec<Bound<'py, PyBytes>> {
        let mut out = Vec::new();
        lock(&self.0).feed(chunk, &mut out);
        out.iter().map(|line| PyBytes::new(py, line)).collect()
    }

    fn take_overlong<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        lock(&self.0).take_overlong().iter().map(|ends| PyBytes::new(py, ends)).collect()
    }
}

/// A cutter belongs to one connection; the lock is there for free-threaded Python only.
fn lock<T>(cell: &Mutex<T>) -> MutexGuard<'_, T> {
    cell.lock().unwrap_or_else(PoisonError::into_inner)
}
