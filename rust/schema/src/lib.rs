//! JSON Schemas of tools, compiled to judge values on the tape. `vet` looks at a schema before it
//! is compiled, `judge` answers, `value` is what the answers read, `meter` bounds what they cost.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "a test that fails should say so at once"
    )
)]

mod cost;
mod digits;
mod equal;
mod explain;
mod explain_forms;
mod explain_look;
mod judge;
pub mod keywords;
mod meter;
mod names;
mod names_build;
mod names_graph;
mod names_known;
#[cfg(test)]
mod names_oracle;
mod names_pattern;
mod near;
mod patterns;
mod plain;
mod problem;
mod value;
#[cfg(test)]
mod value_tests;
mod vet;

pub use explain::{explain, explain_on};
pub use judge::Judge;
pub use names::Names;
pub use problem::Problem;

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct SchemaFault {
    /// The rule it breaks: `schema_invalid`, `schema_dialect`, `schema_reference`, `schema_size`,
    /// `schema_recursion`, `schema_cost` or `schema_pattern`.
    pub rule: &'static str,
    /// What is wrong, for the operator.
    pub text: String,
}

/// Why a value is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// It does not fit the schema.
    Mismatch,
    /// Judging it costs more than a call may cost.
    TooCostly,
}

/// The rules a schema can break.
pub(crate) mod fault {
    pub(crate) const INVALID: &str = "schema_invalid";
    pub(crate) const DIALECT: &str = "schema_dialect";
    pub(crate) const REFERENCE: &str = "schema_reference";
    pub(crate) const SIZE: &str = "schema_size";
    pub(crate) const RECURSION: &str = "schema_recursion";
    pub(crate) const COST: &str = "schema_cost";
    pub(crate) const PATTERN: &str = "schema_pattern";
}
