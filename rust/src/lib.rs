//! The gate of mcpgate: reads each MCP message once, judges it and edits it on byte spans.
//!
//! Bottom to top: `mcpgate_json` (strict reading to a tape), `message` (the JSON-RPC envelope),
//! `revision` (methods), `rewrite` (span edits), `mirror` (mirrored headers), `seal` (ids that
//! leave and come back), `event` (records); `screen` (hostile definitions), `secrets`, `checks` (what
//! a tool is held to); `document`, `names`, `templates`, `pages`, `compile`, `assemble`, `snapshot`
//! (what is judged by); `capabilities`, `level`, `caller`, `ticket`, `verdict`, `refusal` (what is held and said);
//! `gate` with `inspect`, `answer`, `forward`, `review`, `bridge`, `address` (the judge). `sse` and `lines`
//! cut streams into messages. Nothing here does I/O or reads a clock; only `py` names pyo3.

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

pub mod address;
mod answer;
mod assemble;
pub mod bridge;
pub mod caller;
pub mod capabilities;
mod catalog;
pub mod checks;
mod compile;
pub mod document;
mod entries;
pub mod event;
mod forward;
pub mod gate;
mod handshake;
mod inspect;
pub mod level;
pub mod lines;
pub mod marks;
pub mod message;
pub mod mirror;
pub mod names;
pub mod pages;
mod params;
pub mod refusal;
pub mod review;
pub mod revision;
pub mod rewrite;
pub mod screen;
mod screen_names;
mod screen_phrases;
mod screen_tables;
mod screen_tags;
mod screen_text;
mod screen_words;
pub mod seal;
mod secret_kinds;
mod secret_marks;
mod secret_shapes;
pub mod secrets;
mod server;
pub mod snapshot;
pub mod sse;
pub mod teach;
pub mod templates;
pub mod ticket;
mod uris;
pub mod verdict;

#[cfg(feature = "python")]
mod py;
