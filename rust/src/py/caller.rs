//! Callers and mirrored headers as handles.

use std::sync::Arc;

use pyo3::prelude::*;

use crate::caller::Caller;
use crate::mirror::Head;
use crate::revision::Revision;

/// A handle on a caller.
#[pyclass(frozen, name = "Caller", module = "mcpgate._core")]
pub struct PyCaller(pub Arc<Caller>);

#[pymethods]
impl PyCaller {
    #[getter]
    fn principal(&self) -> &str {
        &self.0.principal
    }

    #[getter]
    fn revision(&self) -> &'static str {
        self.0.revision.map_or("", Revision::name)
    }

    #[getter]
    fn modern(&self) -> bool {
        self.0.modern
    }

    #[getter]
    fn session(&self) -> &str {
        &self.0.session
    }
}

/// The mirrored headers of one request.
#[pyclass(frozen, name = "Head", module = "mcpgate._core")]
pub struct PyHead(pub Head);

#[pymethods]
impl PyHead {
    #[new]
    fn new(
        version: Option<String>,
        method: Option<String>,
        name: Option<String>,
        params: Option<String>,
        duplicate: bool,
    ) -> Self {
        Self(Head { version, method, name, params, duplicate })
    }
}
