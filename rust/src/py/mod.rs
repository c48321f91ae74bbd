//! The face towards Python, and the only place that names pyo3. `python/mcpgate/_core.pyi` is the
//! contract. A panic never crosses: it becomes a refusal with reason `internal`.

mod append;
mod caller;
mod cutters;
mod definitions;
mod errors;
mod gate;
mod more;
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
    use super::more::{PyAnswer, PyAsk, PyWatch, declare, split};
    #[pymodule_export]
    use super::verdict::{PyAddress, PySwap, PyTicket, PyVerdict};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let names = [
            "Address",
            "Answer",
            "AppendFile",
            "Ask",
            "Caller",
            "Gate",
            "Head",
            "LineCutter",
            "SnapshotError",
            "SseCutter",
            "Swap",
            "Ticket",
            "Verdict",
            "Watch",
            "declare",
            "fingerprint",
            "reasons",
            "rules",
            "split",
        ];
        module.setattr("__all__", names)
    }
}
