//! The one thing here that touches the world: appending event lines to an open file.
//!
//! Python's own `os.write` lets go of the GIL around a write of two microseconds; taking it back
//! from the server's other thread costs several times that, twice for every call. This write keeps
//! it, which is honest: the loop waits for the write anyway, its reply may not leave earlier.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// A file that is only appended to.
#[pyclass(frozen, name = "AppendFile", module = "mcpgate._core")]
pub struct PyAppendFile(File);

#[pymethods]
impl PyAppendFile {
    #[new]
    fn new(path: &str) -> PyResult<Self> {
        OpenOptions::new().append(true).open(path).map(Self).map_err(|error| raised(&error))
    }

    fn write(&self, data: &[u8]) -> PyResult<usize> {
        let mut file = &self.0;
        file.write(data).map_err(|error| raised(&error))
    }

    fn sync(&self) -> PyResult<()> {
        self.0.sync_all().map_err(|error| raised(&error))
    }
}

/// An `OSError` as Python itself raises it: number and text apart.
fn raised(error: &io::Error) -> PyErr {
    let text = error.to_string();
    let plain = text.split_once(" (os error").map_or(text.as_str(), |(plain, _)| plain);
    PyOSError::new_err((error.raw_os_error(), plain.to_owned()))
}
