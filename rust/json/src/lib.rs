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
mod scan;
mod tape;
mod text;

pub use canon::{canonical, fingerprint};
pub use scan::Fault;
pub use tape::{Doc, Node, NodeKind, Tape};
pub use text::push_string;
