//! Marks: what was found on entries while a snapshot was built, for operators.

use std::fmt;

use serde::Serialize;

/// One finding on one entry, or on a server's instructions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// The server.
    pub server: Box<str>,
    /// `tool`, `prompt`, `resource`, `template` or `instructions`.
    pub kind: &'static str,
    /// The server's own name or URI; empty when it has none that can be read.
    pub name: Box<str>,
    /// The rule that found it.
    pub rule: Box<str>,
    /// Whether clients do not see the entry because of it.
    pub quarantined: bool,
    /// What was found.
    pub text: String,
    /// Where in the snapshot document.
    #[serde(skip)]
    pub path: String,
}

impl fmt::Display for Mark {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path, self.text)
    }
}

/// Rules that are not the screen's: what makes an entry unusable, and what the registry holds.
pub mod rule {
    /// The definition cannot be read, or lacks its name.
    pub const UNREADABLE: &str = "definition_unreadable";
    /// The server lists it twice.
    pub const TWICE: &str = "name_twice";
    /// Another entry has the name that clients would see.
    pub const TAKEN: &str = "name_taken";
    /// Another server's entry has a name that looks the same.
    pub const CONFUSABLE: &str = "name_confusable";
    /// Its mirrored headers are invalid.
    pub const HEADERS: &str = "headers_invalid";
    /// A tool that declares no input schema.
    pub const NO_SCHEMA: &str = "schema_missing";

    /// All of these, those of schemas and those of the registry: id, whether it quarantines, what
    /// it finds.
    pub const TABLE: &[(&str, bool, &str)] = &[
        (UNREADABLE, true, "A definition that is no strict JSON object or lacks its name."),
        (TWICE, true, "A second definition under the same name."),
        (TAKEN, true, "A name that another entry has already, as clients would see it."),
        (CONFUSABLE, true, "A name that looks like that of another server's entry."),
        (
            HEADERS,
            true,
            "Parameters of a tool whose mirrored headers are invalid; `http` servers only.",
        ),
        (NO_SCHEMA, false, "A tool without an input schema."),
        ("schema_invalid", true, "A schema that does not compile."),
        ("schema_dialect", true, "A schema in a dialect that is not known."),
        ("schema_reference", true, "A reference that leads nowhere or out of the schema."),
        ("schema_size", true, "A schema that is too long, too deep or has too many parts."),
        ("schema_recursion", true, "A reference that leads back to itself on the spot."),
        ("schema_cost", true, "A schema that could cost too much for a call."),
        ("schema_pattern", true, "A pattern that cannot be compiled or could cost too much."),
        (
            "drift",
            true,
            "A definition that differs from the approved one; flagged under `pins: warn`.",
        ),
        ("renamed", true, "An approved definition under another name; flagged under `pins: warn`."),
        ("new", true, "An entry that nobody has approved yet, under `new: hold`."),
    ];
}
