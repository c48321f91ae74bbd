//! The face towards Python, and the only place that names pyo3. `python/mcpgate/_core.pyi` is the
//! contract. A panic never crosses: it becomes a refusal with reason `internal`.

mod append;
mod caller;
mod cutters;
mod definitions;
mod errors;
mod gate;
mod verdict;

use pyo3::prelude::*;

/// The compiled core of mcpgate.
#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::append::PyAppendFile;
    #[pymodule_export]
    use super::caller::{PyCaller, PyHead};
    #[pymodule_export]
    use super::cutters::{PyLineCutter, PySseCutter};
    #[pymodule_export]
    use super::definitions::{fingerprint, rules};
    #[pymodule_export]
    use super::errors::{SnapshotError, reasons};
    #[pymodule_export]
    use super::gate::PyGate;
    #[pymodule_export]
    use super::verdict::{PyAddress, PySwap, PyTicket, PyVerdict};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let names = [
            "Address",
            "AppendFile",
            "Caller",
            "Gate",
            "Head",
            "LineCutter",
            "SnapshotError",
            "SseCutter",
            "Swap",
            "Ticket",
            "Verdict",
            "fingerprint",
            "reasons",
            "rules",
        ];
        module.setattr("__all__", names)
    }
}
