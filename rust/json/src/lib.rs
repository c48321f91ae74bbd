//! Strict JSON: `scan` passes over tokens and refuses what readers disagree on, `tape` keeps one
//! document as flat nodes over its bytes, `canon` gives equal values one form and fingerprint.

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

mod canon;
mod doc;
mod number;
mod scan;
mod tape;
mod text;

pub use canon::{canonical, fingerprint};
pub use doc::{Doc, Node, NodeKind};
pub use number::{Decimal, NumberForm};
pub use scan::Fault;
pub use tape::Tape;
pub use text::push_string;
