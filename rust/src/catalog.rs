//! The operator's list of all entries.

use std::sync::Arc;

use serde::Serialize;

use crate::entries::{Entry, Kind};
use mcpgate_json::{Doc, Tape};

#[derive(Serialize)]
struct Row<'e> {
    kind: &'static str,
    name: &'e str,
    server: &'e str,
    own: &'e str,
    title: String,
    description: String,
}

/// List entries for an operator as JSON; what a definition does not say is empty.
pub(crate) fn write_catalog<'e>(
    entries: impl Iterator<Item = (&'e Arc<Entry>, &'e str)>,
    depth: usize,
) -> String {
    let mut tape = Tape::default();
    let mut rows = Vec::new();
    for (entry, server) in entries {
        let doc = tape.scan(entry.definition.as_bytes(), depth).ok();
        let text = |key: &str| doc.as_ref().and_then(|doc| read_text(doc, key)).unwrap_or_default();
        let named = matches!(entry.kind, Kind::Resource | Kind::Template);
        let title = match text("title") {
            title if title.is_empty() && named => text("name"),
            title => title,
        };
        let (name, own) = (&*entry.exposed, &*entry.own);
        rows.push(Row {
            kind: entry.kind.name(),
            name,
            server,
            own,
            title,
            description: text("description"),
        });
    }
    serde_json::to_string(&rows).unwrap_or_else(|_| "[]".to_owned())
}

fn read_text(doc: &Doc<'_>, key: &str) -> Option<String> {
    Some(doc.text(doc.get(doc.root(), key)?).into_owned())
}
