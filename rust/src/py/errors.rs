//! The one exception, and the error table.

use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::snapshot;
use crate::verdict::Reason;

create_exception!(
    mcpgate._core,
    SnapshotError,
    PyValueError,
    "A snapshot document that cannot be judged by."
);

/// The exception with all problems in its `problems`.
pub fn snapshot_error(py: Python<'_>, error: &snapshot::SnapshotError) -> PyErr {
    let problems: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    let raised = SnapshotError::new_err(problems.join("\n"));
    match raised.value(py).setattr("problems", problems) {
        Ok(()) => raised,
        Err(other) => other,
    }
}

type Row = (&'static str, i32, u16, &'static str, bool, &'static str);

/// List every reason: name, JSON-RPC code, HTTP status, side, retryable, text.
#[pyfunction]
pub fn reasons() -> Vec<Row> {
    let rows = Reason::ALL.iter().map(|reason| reason.row());
    rows.map(|row| (row.name, row.code, row.status, row.side.name(), row.retryable, row.text))
        .collect()
}
