//! Whose a URI is: bare forms, `<server>+<uri>` forms and templates.
//!
//! A bare URI belongs to the owner that the document names, or to the only server that lists it;
//! otherwise nobody has the bare form. A template answers only what no other server lists or
//! matches. What looks like the prefixed form of a configured server is never anybody else's.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::entries::{Entry, Item, Kind, Part};
use crate::names::{prefix_uri, split_uri};
use crate::templates::Template;

#[derive(Debug)]
struct Pattern {
    template: Arc<Template>,
    server: u32,
    /// Place in the list of templates.
    place: usize,
    /// Whether it answers bare URIs too.
    bare: bool,
}

/// What decides whose a URI is, beyond the exact ones.
#[derive(Debug, Default)]
pub(crate) struct Uris {
    servers: HashMap<Box<str>, u32>,
    /// Bare URIs that only their owner may answer; None = nobody.
    reserved: HashMap<Box<str>, Option<u32>>,
    patterns: Vec<Pattern>,
}

/// The lists of resources and templates, and which servers' results need their URIs rewritten.
pub(crate) struct Exposed {
    pub(crate) uris: Uris,
    pub(crate) resources: Vec<Arc<Entry>>,
    pub(crate) templates: Vec<Arc<Entry>>,
    pub(crate) renames: Vec<bool>,
}

impl Uris {
    /// Decide whose each URI and template is.
    pub(crate) fn build(
        names: &[&str],
        parts: &[Arc<Part>],
        owners: &[(Cow<'_, str>, Cow<'_, str>)],
    ) -> Exposed {
        let mut uris = Self::default();
        uris.servers.extend(names.iter().copied().map(Box::from).zip(0..));
        for (uri, owner) in owners {
            uris.reserved.insert(uri.as_ref().into(), uris.servers.get(owner.as_ref()).copied());
        }
        let resources = items(parts, Kind::Resource);
        let templates = items(parts, Kind::Template);
        // First count all, then name: the order of servers must not decide.
        uris.reserve_shared(&resources);
        uris.reserve_shared(&templates);
        let mut renames = vec![false; names.len()];
        let resources = uris.expose(&resources, names, &mut renames);
        let entries = uris.expose(&templates, names, &mut renames);
        for (place, (item, entry)) in templates.iter().zip(&entries).enumerate() {
            if let Some(template) = &item.template {
                let bare = entry.exposed == entry.own;
                uris.patterns.push(Pattern {
                    template: Arc::clone(template),
                    server: entry.server,
                    place,
                    bare,
                });
            }
        }
        uris.mark_overlaps(&resources, &mut renames);
        Exposed { uris, resources, templates: entries, renames }
    }

    fn reserve_shared(&mut self, items: &[&Item]) {
        let mut holders: HashMap<&str, u32> = HashMap::with_capacity(items.len());
        for item in items {
            let holder = holders.entry(&item.entry.own).or_insert(item.entry.server);
            if *holder != item.entry.server && !self.reserved.contains_key(&item.entry.own) {
                self.reserved.insert(item.entry.own.clone(), None);
            }
        }
    }

    fn expose(&self, items: &[&Item], names: &[&str], renames: &mut [bool]) -> Vec<Arc<Entry>> {
        let mut entries = Vec::with_capacity(items.len());
        for item in items {
            let Entry { server, own, .. } = &*item.entry;
            let free = self.reserved.get(own).is_none_or(|owner| *owner == Some(*server));
            if free && self.split(own).is_none() {
                entries.push(Arc::clone(&item.entry));
                continue;
            }
            mark(renames, *server);
            let name = names.get(*server as usize).copied().unwrap_or_default();
            entries.push(item.rename(prefix_uri(name, own)));
        }
        entries
    }

    /// Mark the servers whose results may hold a bare URI that is not, or not only, theirs.
    fn mark_overlaps(&self, resources: &[Arc<Entry>], renames: &mut [bool]) {
        if renames.len() < 2 {
            return;
        }
        let heads =
            self.patterns.iter().map(|pattern| (pattern.template.head(), pattern.server, true));
        let listed = resources.iter().map(|entry| (&*entry.own, entry.server, false));
        let mut all: Vec<(&str, u32, bool)> = heads.chain(listed).collect();
        all.sort_unstable();
        for pattern in &self.patterns {
            let head = pattern.template.head();
            let first = all.partition_point(|(text, ..)| *text < head);
            let below = all.iter().skip(first).take_while(|(text, ..)| text.starts_with(head));
            for (_, server, is_template) in below.filter(|(_, server, _)| *server != pattern.server)
            {
                mark(renames, pattern.server);
                if *is_template {
                    mark(renames, *server);
                }
            }
        }
    }

    /// Split the prefixed form of a configured server's URI.
    pub(crate) fn split<'u>(&self, uri: &'u str) -> Option<(u32, Cow<'u, str>)> {
        let (name, own) = split_uri(uri)?;
        Some((*self.servers.get(name)?, own))
    }

    /// Say whether the bare form is spoken for.
    pub(crate) fn is_reserved(&self, uri: &str) -> bool {
        self.reserved.contains_key(uri)
    }

    /// Find the template that answers a server's own URI that it does not list; give its place.
    ///
    /// Without a server the URI is bare: two servers whose templates match it have none of it.
    pub(crate) fn find_template(&self, server: Option<u32>, own: &str) -> Option<usize> {
        if server.is_some() {
            let fits = |pattern: &&Pattern| {
                server == Some(pattern.server) && pattern.template.matches(own)
            };
            return self.patterns.iter().find(fits).map(|pattern| pattern.place);
        }
        let owner = self.reserved.get(own);
        let allowed = |pattern: &&Pattern| {
            pattern.bare && owner.is_none_or(|owner| *owner == Some(pattern.server))
        };
        let mut rest = self.patterns.iter().filter(allowed);
        let first = rest.find(|pattern| pattern.template.matches(own))?;
        let rival =
            rest.any(|pattern| pattern.server != first.server && pattern.template.matches(own));
        (!rival).then_some(first.place)
    }
}

fn items(parts: &[Arc<Part>], kind: Kind) -> Vec<&Item> {
    parts.iter().flat_map(|part| part.items(kind)).collect()
}

fn mark(renames: &mut [bool], server: u32) {
    if let Some(flag) = renames.get_mut(server as usize) {
        *flag = true;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use crate::snapshot::Snapshot;
    use crate::snapshot::tests::build;

    fn lists(uris: &[&str], templates: &[&str]) -> Value {
        let resources: Vec<Value> = uris.iter().map(|uri| json!({"uri":uri})).collect();
        let templates: Vec<Value> =
            templates.iter().map(|text| json!({"uriTemplate":text})).collect();
        json!({"resources":resources,"templates":templates})
    }

    fn answered(snapshot: &Snapshot, uri: &str) -> Option<(u32, String)> {
        snapshot.resource(uri).map(|(entry, own)| (entry.server, own.into_owned()))
    }

    fn renames(snapshot: &Snapshot) -> Vec<bool> {
        snapshot.servers.iter().map(|server| server.renames_uris).collect()
    }

    #[test]
    fn a_shared_uri_without_owner_has_no_bare_form() {
        let snapshot = build(
            "always",
            &json!([]),
            &[
                ("a", lists(&["x:1"], &[])),
                ("b", lists(&["x:1"], &[])),
                ("c", lists(&[], &["{+all}"])),
            ],
        );
        assert_eq!(answered(&snapshot, "x:1"), None);
        assert_eq!(answered(&snapshot, "a+x:1"), Some((0, "x:1".into())));
        assert_eq!(answered(&snapshot, "b+x:1"), Some((1, "x:1".into())));
        assert_eq!(answered(&snapshot, "c+x:1"), Some((2, "x:1".into())));
        assert_eq!(answered(&snapshot, "x:2"), Some((2, "x:2".into())));
        assert_eq!(snapshot.expose_uri(0, "x:1").as_deref(), Some("a+x:1"));
        assert_eq!(snapshot.expose_uri(2, "x:1").as_deref(), Some("c+x:1"));
        assert_eq!(renames(&snapshot), [true, true, true]);
    }

    #[test]
    fn an_owner_that_is_away_keeps_its_uri() {
        let owners = json!([["x:1", "gone"], ["x:{n}", "a"]]);
        let snapshot = build(
            "always",
            &owners,
            &[("a", lists(&["x:1"], &["x:{n}"])), ("b", lists(&[], &["x:{n}", "{+all}"]))],
        );
        assert_eq!(answered(&snapshot, "x:1"), None);
        assert_eq!(answered(&snapshot, "a+x:1"), Some((0, "x:1".into())));
        assert_eq!(
            &*snapshot.template("b+x:{n}").unwrap().definition,
            r#"{"uriTemplate":"b+x:{n}"}"#
        );
        assert_eq!(snapshot.template("x:{n}").unwrap().server, 0);
        assert_eq!(answered(&snapshot, "b+x:7"), Some((1, "x:7".into())));
        let owners = json!([["x:{n}", "gone"]]);
        let snapshot = build("always", &owners, &[("a", lists(&[], &["x:{n}"]))]);
        assert_eq!(answered(&snapshot, "x:7"), None);
        assert_eq!(answered(&snapshot, "a+x:7"), Some((0, "x:7".into())));
    }

    #[test]
    fn two_matching_templates_have_no_bare_form() {
        let snapshot = build(
            "always",
            &json!([]),
            &[("a", lists(&[], &["x:{n}", "x:{+n}"])), ("b", lists(&["y:1"], &["x:{+p}"]))],
        );
        assert_eq!(answered(&snapshot, "x:1"), None);
        assert_eq!(answered(&snapshot, "a+x:1"), Some((0, "x:1".into())));
        assert_eq!(snapshot.expose_uri(1, "x:1").as_deref(), Some("b+x:1"));
        assert_eq!(snapshot.expose_uri(1, "y:1"), None);
        assert_eq!(renames(&snapshot), [true, true]);
        let nested = build(
            "always",
            &json!([]),
            &[("a", lists(&[], &["x:{n}"])), ("b", lists(&[], &["x:y{n}"]))],
        );
        assert_eq!(renames(&nested), [true, true]);
        let apart = build(
            "always",
            &json!([]),
            &[("a", lists(&["x:1"], &["x:{n}"])), ("b", lists(&["y:1"], &["y:{n}"]))],
        );
        assert_eq!(renames(&apart), [false, false]);
    }

    #[test]
    fn nobody_poses_as_another_server() {
        let evil = lists(&["good+x:1", "x:1", "ui://good+app"], &["good+{+any}", "{+any}"]);
        let owners = json!([["x:1", "good"]]);
        let snapshot =
            build("always", &owners, &[("evil", evil), ("good", lists(&["x:1", "ui://app"], &[]))]);
        assert_eq!(answered(&snapshot, "good+x:1"), Some((1, "x:1".into())));
        assert_eq!(answered(&snapshot, "x:1"), Some((1, "x:1".into())));
        assert_eq!(answered(&snapshot, "good+x:2"), None);
        assert_eq!(answered(&snapshot, "ui://good+app"), Some((1, "ui://app".into())));
        assert_eq!(answered(&snapshot, "ui://good+other"), None);
        assert_eq!(answered(&snapshot, "evil+good+x:1"), Some((0, "good+x:1".into())));
        assert_eq!(snapshot.expose_uri(0, "x:1").as_deref(), Some("evil+x:1"));
        assert!(snapshot.template("evil+good+{+any}").is_some());
    }

    proptest! {
        #[test]
        fn what_clients_see_leads_back(
            servers in prop::collection::btree_map(
                "[ab]{1,2}",
                (prop::collection::btree_set("([ab]\\+|ui://)?[xy]:[12]?", 0..5), prop::collection::btree_set("[xy]:\\{n\\}|\\{\\+r\\}|a\\+\\{n\\}", 0..3)),
                1..4,
            ),
            owners in prop::collection::btree_map("[xy]:[12]?", "[ab]{1,2}", 0..3),
            asked in "([ab]\\+|ui://)?[xy]:[12]?",
        ) {
            let names: Vec<&String> = servers.keys().collect();
            let pieces: Vec<(&str, Value)> = servers.iter().map(|(name, (uris, templates))| {
                let uris: Vec<&str> = uris.iter().map(String::as_str).collect();
                let templates: Vec<&str> = templates.iter().map(String::as_str).collect();
                (name.as_str(), lists(&uris, &templates))
            }).collect();
            let owned: Vec<Value> = owners.iter().map(|(uri, owner)| json!([uri, owner])).collect();
            let snapshot = build("always", &owned.into(), &pieces);
            prop_assert!(snapshot.list_quarantined().is_empty());
            for (index, (name, (uris, _))) in (0..).zip(&servers) {
                for own in uris {
                    let seen = snapshot.expose_uri(index, own).unwrap_or_else(|| own.clone());
                    prop_assert_eq!(answered(&snapshot, &seen), Some((index, own.clone())));
                    let whole = crate::names::prefix_uri(name, own);
                    prop_assert_eq!(answered(&snapshot, &whole), Some((index, own.clone())));
                }
            }
            if let Some((server, own)) = answered(&snapshot, &asked) {
                let back = snapshot.expose_uri(server, &own).unwrap_or_else(|| own.clone());
                prop_assert_eq!(answered(&snapshot, &back), Some((server, own.clone())));
                let foreign = servers.values().enumerate().any(|(other, (uris, _))| other != server as usize && uris.contains(&asked));
                let owner = owners.get(&asked).map(String::as_str);
                prop_assert!(!foreign || owner == Some(names[server as usize]) || asked != own);
            }
        }
    }
}
