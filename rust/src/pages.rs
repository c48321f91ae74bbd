//! Lists, prepared as bytes: a page is copied, never built, when a client asks.

use sha2::{Digest, Sha256};

const LEGACY_TAIL: &str = "}";
const MODERN_TAIL: &str = r#","resultType":"complete","ttlMs":0,"cacheScope":"private"}"#;

/// All pages of one list; there is always a first one.
#[derive(Debug)]
pub struct Pages {
    /// Names this very list: other entries, another order or other pages give another digest.
    pub digest: [u8; 8],
    entries: usize,
    heads: Box<[Box<str>]>,
    /// The heads for clients with sessions, where they get some entry in another form.
    older: Option<Box<[Box<str>]>>,
}

/// One page: write `head`, then `,"nextCursor":"..."` when `has_next`, then `tail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageView<'a> {
    /// `{"tools":[...]`
    pub head: &'a str,
    /// Whether another page follows.
    pub has_next: bool,
    /// What the result still needs, up to its closing brace.
    pub tail: &'static str,
}

impl Pages {
    /// Prepare a list under its `key`, at most `page_entries` definitions on a page.
    pub fn build(key: &str, definitions: &[&str], page_entries: usize) -> Self {
        let size = page_entries.max(1);
        let mut heads: Vec<Box<str>> =
            definitions.chunks(size).map(|page| write_head(key, page)).collect();
        if heads.is_empty() {
            heads.push(write_head(key, &[]));
        }
        let mut hasher = Sha256::new();
        for head in &heads {
            // No definition holds a NUL byte, so pages cannot run into each other.
            hasher.update(head.as_bytes());
            hasher.update([0]);
        }
        let digest = hasher.finalize().first_chunk::<8>().copied().unwrap_or_default();
        Self { digest, entries: definitions.len(), heads: heads.into(), older: None }
    }

    /// Give clients with sessions these definitions instead, one for each.
    #[must_use]
    pub fn with_older(mut self, key: &str, definitions: &[&str], page_entries: usize) -> Self {
        let pages = definitions.chunks(page_entries.max(1));
        self.older = Some(pages.map(|page| write_head(key, page)).collect());
        self
    }

    /// How many pages there are.
    pub const fn count(&self) -> usize {
        self.heads.len()
    }

    /// How many entries are on them.
    pub const fn entries(&self) -> usize {
        self.entries
    }

    /// The page at `index`; a modern result says that it is complete and how to cache it.
    pub fn page(&self, index: usize, modern: bool) -> Option<PageView<'_>> {
        let older = self.older.as_deref().filter(|_| !modern);
        let head = older.unwrap_or(&self.heads).get(index)?;
        let has_next = index.saturating_add(1) < self.heads.len();
        Some(PageView { head, has_next, tail: if modern { MODERN_TAIL } else { LEGACY_TAIL } })
    }
}

fn write_head(key: &str, definitions: &[&str]) -> Box<str> {
    format!("{{\"{key}\":[{}]", definitions.join(",")).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_list_has_one_page() {
        let pages = Pages::build("tools", &[], 5);
        let page = PageView { head: "{\"tools\":[]", has_next: false, tail: "}" };
        assert_eq!((pages.count(), pages.entries(), pages.page(0, false)), (1, 0, Some(page)));
        assert_eq!(pages.page(1, false), None);
        let modern = pages.page(0, true).unwrap();
        let whole: serde_json::Value =
            serde_json::from_str(&format!("{}{}", modern.head, modern.tail)).unwrap();
        assert_eq!(whole["resultType"], "complete");
        assert_eq!(whole["ttlMs"], 0);
        assert_eq!(whole["cacheScope"], "private");
    }

    #[test]
    fn the_digest_names_entries_order_and_pages() {
        let digest = |list: &[&str], size| Pages::build("k", list, size).digest;
        assert_eq!(digest(&["1", "2"], 2), digest(&["1", "2"], 2));
        assert_ne!(digest(&["1", "2"], 2), digest(&["2", "1"], 2));
        assert_ne!(digest(&["1", "2"], 2), digest(&["1", "2"], 1));
        assert_ne!(digest(&["1", "2"], 2), digest(&["12"], 2));
    }

    proptest! {
        #[test]
        fn pages_hold_every_entry_once(count in 0usize..50, size in 0usize..12) {
            let texts: Vec<String> = (0..count).map(|number| number.to_string()).collect();
            let list: Vec<&str> = texts.iter().map(String::as_str).collect();
            let pages = Pages::build("k", &list, size);
            let mut all = Vec::new();
            for index in 0..pages.count() {
                let page = pages.page(index, false).unwrap();
                prop_assert_eq!(page.has_next, index + 1 < pages.count());
                let value: serde_json::Value = serde_json::from_str(&format!("{}{}", page.head, page.tail)).unwrap();
                let items = value["k"].as_array().unwrap().clone();
                prop_assert!(items.len() <= size.max(1));
                all.extend(items.iter().map(ToString::to_string));
            }
            prop_assert_eq!(all, texts);
            prop_assert_eq!(pages.entries(), count);
        }
    }
}
