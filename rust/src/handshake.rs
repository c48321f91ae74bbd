//! The handshake of both eras, held ready by the snapshot.

use crate::document::GatewayPart;
use crate::revision::Revision;

/// Instructions that are joined from servers are cut here.
const INSTRUCTIONS_BYTES: usize = 4096;

/// What some server offers, and so the gateway does.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Offers {
    /// Completion of arguments.
    pub(crate) completions: bool,
    /// Log messages.
    pub(crate) logging: bool,
    /// News of single resources.
    pub(crate) subscribe: bool,
}

/// What every initialize and discover result shares.
#[derive(Debug)]
pub(crate) struct Handshake {
    plain_tail: String,
    full_tail: String,
    discover: String,
}

impl Handshake {
    /// Prepare the results.
    pub(crate) fn build(gateway: &GatewayPart<'_>, instructions: &str, offers: Offers) -> Self {
        let info = format!(
            "{{\"name\":{},\"version\":{}}}",
            quote(&gateway.name),
            quote(&gateway.version)
        );
        let said = match instructions {
            "" => String::new(),
            text => format!(",\"instructions\":{}", quote(text)),
        };
        let tail = |offers: Offers| {
            let capabilities = write_capabilities(offers);
            format!(",\"capabilities\":{capabilities},\"serverInfo\":{info}{said}}}")
        };
        let modern = Revision::MODERN.name();
        let discover = format!(
            "{{\"resultType\":\"complete\",\"supportedVersions\":[\"{modern}\"],\"capabilities\":{}{said},\
             \"ttlMs\":0,\"cacheScope\":\"private\",\"_meta\":{{\"io.modelcontextprotocol/serverInfo\":{info}}}}}",
            write_capabilities(offers),
        );
        let first = Offers { completions: false, ..offers };
        Self { plain_tail: tail(first), full_tail: tail(offers), discover }
    }

    /// The result of `initialize`; the first revision knows no completions capability.
    pub(crate) fn initialize(&self, revision: &str) -> String {
        let first = revision == Revision::R20241105.name();
        let tail = if first { &self.plain_tail } else { &self.full_tail };
        format!("{{\"protocolVersion\":{}{tail}", quote(revision))
    }

    /// The result of `server/discover`.
    pub(crate) fn discover(&self) -> &str {
        &self.discover
    }
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn write_capabilities(offers: Offers) -> String {
    let there = |yes: bool, text: &'static str| if yes { text } else { "" };
    format!(
        "{{\"tools\":{{\"listChanged\":true}},\"prompts\":{{\"listChanged\":true}},\"resources\":{{{}\"listChanged\":true}}{}{}}}",
        there(offers.subscribe, "\"subscribe\":true,"),
        there(offers.completions, ",\"completions\":{}"),
        there(offers.logging, ",\"logging\":{}"),
    )
}

/// Give the gateway's own instructions, else those of the servers under their names.
pub(crate) fn join_instructions<'s>(
    own: &str,
    servers: impl Iterator<Item = (&'s str, &'s str)>,
) -> String {
    if !own.is_empty() {
        return own.to_owned();
    }
    let said = servers.filter(|(_, text)| !text.is_empty());
    let mut joined =
        said.map(|(name, text)| format!("## {name}\n\n{text}")).collect::<Vec<_>>().join("\n\n");
    let mut end = joined.len().min(INSTRUCTIONS_BYTES);
    while !joined.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    joined.truncate(end);
    joined
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde_json::{Value, json};

    use super::*;

    fn handshake(instructions: &str, full: bool) -> Handshake {
        let gateway = GatewayPart {
            name: "mcp\"gate".into(),
            version: "1".into(),
            instructions: Cow::Borrowed(""),
        };
        let offers = Offers { completions: full, logging: full, subscribe: full };
        Handshake::build(&gateway, instructions, offers)
    }

    #[test]
    fn initialize_by_revision() {
        let read = |revision: &str| -> Value {
            serde_json::from_str(&handshake("Say \"hi\".\n", true).initialize(revision)).unwrap()
        };
        let lists = json!({"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true}});
        let mut full = lists.clone();
        full["resources"]["subscribe"] = true.into();
        full["logging"] = json!({});
        let mut expected = json!({"protocolVersion":"2024-11-05","capabilities":full,
            "serverInfo":{"name":"mcp\"gate","version":"1"},"instructions":"Say \"hi\".\n"});
        assert_eq!(read("2024-11-05"), expected);
        expected["protocolVersion"] = "2025-11-25".into();
        expected["capabilities"]["completions"] = json!({});
        assert_eq!(read("2025-11-25"), expected);
        let without: Value =
            serde_json::from_str(&handshake("", false).initialize("2025-11-25")).unwrap();
        assert_eq!(without["capabilities"], lists);
        assert!(without.get("instructions").is_none());
    }

    #[test]
    fn discover() {
        let read: Value = serde_json::from_str(handshake("Hi.", true).discover()).unwrap();
        assert_eq!(read["resultType"], "complete");
        assert_eq!(read["supportedVersions"], json!(["2026-07-28"]));
        assert_eq!(read["capabilities"]["completions"], json!({}));
        assert_eq!(read["capabilities"]["resources"]["subscribe"], true);
        assert_eq!(read["instructions"], "Hi.");
        assert_eq!((&read["ttlMs"], &read["cacheScope"]), (&json!(0), &json!("private")));
        assert_eq!(read["_meta"]["io.modelcontextprotocol/serverInfo"]["version"], "1");
    }

    #[test]
    fn instructions_are_joined_and_cut() {
        let servers = || [("a", "One."), ("b", ""), ("c", "Two.")].into_iter();
        assert_eq!(join_instructions("Own.", servers()), "Own.");
        assert_eq!(join_instructions("", servers()), "## a\n\nOne.\n\n## c\n\nTwo.");
        let long = "ü".repeat(4096);
        let cut = join_instructions("", [("a", long.as_str())].into_iter());
        assert!(cut.len() <= 4096 && cut.len() > 4090 && cut.ends_with('ü'));
        assert_eq!(join_instructions("", std::iter::empty()), "");
    }
}
