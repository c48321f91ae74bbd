//! Names that clients see: injective, stable, at most 64 characters.
//!
//! Server names hold no underscore, so `<server>__<name>` can come from one pair only. Names are
//! resolved by look-up; nothing here splits one again. URIs are different: `<server>+<uri>` is
//! split, because a template's expansions cannot be looked up.

use std::borrow::Cow;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The longest exposed name.
pub const NAME_CHARS: usize = 64;
/// How much of a longer name is kept before `_` and 8 hex digits.
const KEPT_CHARS: usize = 55;
const SERVER_CHARS: usize = 20;
const UI: &str = "ui://";

/// Say whether `text` can name a server: `[a-z0-9-]{1,20}`.
pub fn is_server_name(text: &str) -> bool {
    (1..=SERVER_CHARS).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Say why `text` cannot be the name or URI of an entry.
pub fn find_fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("is empty");
    }
    text.chars().any(char::is_control).then_some("holds a control character")
}

/// Give the name under which clients see a tool or prompt.
pub fn expose_name(server: &str, name: &str, prefixed: bool) -> String {
    let full = if prefixed { format!("{server}__{name}") } else { name.to_owned() };
    if full.len() <= NAME_CHARS || full.chars().count() <= NAME_CHARS {
        return full;
    }
    let digest = Sha256::new().chain_update(server).chain_update([0]).chain_update(name).finalize();
    let mut short: String = full.chars().take(KEPT_CHARS).collect();
    short.push('_');
    for byte in digest.iter().take(4) {
        // Writing to a String cannot fail.
        let _ = write!(short, "{byte:02x}");
    }
    short
}

/// Give the unambiguous form of a server's URI or template.
pub fn prefix_uri(server: &str, uri: &str) -> String {
    match uri.strip_prefix(UI) {
        Some(rest) => format!("{UI}{server}+{rest}"),
        None => format!("{server}+{uri}"),
    }
}

/// Split the unambiguous form into what may be a server's name and that server's own URI.
pub fn split_uri(uri: &str) -> Option<(&str, Cow<'_, str>)> {
    let (ui, body) = uri.strip_prefix(UI).map_or((false, uri), |rest| (true, rest));
    let (server, rest) = body.split_once('+')?;
    if !is_server_name(server) {
        return None;
    }
    // `ui://` inside the plain form is never written by `prefix_uri`.
    match (ui, rest.starts_with(UI)) {
        (true, _) => Some((server, Cow::Owned(format!("{UI}{rest}")))),
        (false, false) => Some((server, Cow::Borrowed(rest))),
        (false, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn server_names() {
        for good in ["a", "0-9", "abcdefghij0123456789"] {
            assert!(is_server_name(good), "{good}");
        }
        for bad in ["", "A", "a_b", "a b", "a+b", "ä", "abcdefghij01234567890"] {
            assert!(!is_server_name(bad), "{bad}");
        }
    }

    #[test]
    fn faults() {
        assert_eq!(find_fault("a b/ü"), None);
        assert!(find_fault("").is_some());
        assert!(find_fault("a\nb").is_some());
        assert!(find_fault("a\u{85}b").is_some());
    }

    #[test]
    fn prefixed_and_bare() {
        assert_eq!(expose_name("time", "convert", true), "time__convert");
        assert_eq!(expose_name("time", "convert", false), "convert");
    }

    #[test]
    fn long_names_are_shortened_by_characters() {
        let exact = "n".repeat(58);
        assert_eq!(expose_name("time", &exact, true).len(), 64);
        let long = expose_name("time", &"n".repeat(59), true);
        assert_eq!(long.len(), 64);
        assert!(long.starts_with("time__nnn"));
        // Stable for ever: clients keep these names.
        assert_eq!(long, format!("time__{}_{}", "n".repeat(49), "968cc0da"));
        let wide = "ü".repeat(58);
        assert_eq!(expose_name("time", &wide, true), format!("time__{wide}"));
        assert_eq!(expose_name("time", &"ü".repeat(90), true).chars().count(), 64);
    }

    #[test]
    fn uri_forms() {
        assert_eq!(prefix_uri("a", "test://x"), "a+test://x");
        assert_eq!(prefix_uri("a", "ui://x/y"), "ui://a+x/y");
        assert_eq!(split_uri("a+urn:x+y"), Some(("a", Cow::Borrowed("urn:x+y"))));
        assert_eq!(split_uri("ui://a+x"), Some(("a", Cow::Borrowed("ui://x"))));
        for bare in ["test://a+b", "ui://x", "urn:x", "A+b", "+b", "a+ui://x"] {
            assert_eq!(split_uri(bare), None, "{bare}");
        }
    }

    proptest! {
        #[test]
        fn names_are_injective(
            pairs in prop::collection::vec(("[ab-]{1,3}|[a-z0-9-]{20}", "[a_b]{1,5}|[a_]{38,70}|\\PC{1,90}"), 1..40),
            prefixed: bool,
        ) {
            let mut seen: HashMap<String, (String, String)> = HashMap::new();
            for (server, name) in pairs {
                let exposed = expose_name(&server, &name, prefixed);
                prop_assert!(exposed.chars().count() <= NAME_CHARS);
                prop_assert_eq!(&exposed, &expose_name(&server, &name, prefixed));
                let pair = if prefixed || name.chars().count() > NAME_CHARS { (server, name) } else { (String::new(), name) };
                let first = seen.entry(exposed).or_insert_with(|| pair.clone());
                prop_assert_eq!(first, &pair);
            }
        }

        #[test]
        fn uris_come_back(server in "[a-z0-9-]{1,20}", uri in "(ui://|[a-z]{1,4}:)?[a+:/]{0,8}") {
            let whole = prefix_uri(&server, &uri);
            let (name, own) = split_uri(&whole).unwrap();
            prop_assert_eq!(name, server.as_str());
            prop_assert_eq!(own.as_ref(), uri.as_str());
        }
    }
}
