//! Known names in one block, found by length and then by their bytes.

use std::collections::BTreeMap;

/// Lengths that have a place of their own in the index.
const LENGTHS: usize = 64;

/// A set of names, each with where it leads.
#[derive(Debug)]
pub(crate) struct Known {
    text: Box<str>,
    entries: Box<[Entry]>,
    /// Where the names of each length begin; the last two places bound the longer ones.
    starts: Box<[u32]>,
}

#[derive(Debug)]
struct Entry {
    start: u32,
    end: u32,
    next: u32,
}

fn short(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn long(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

impl Known {
    pub(crate) fn new(names: &BTreeMap<String, u32>) -> Self {
        let mut sorted: Vec<(&str, u32)> =
            names.iter().map(|(name, next)| (name.as_str(), *next)).collect();
        sorted.sort_unstable_by_key(|(name, _)| (name.len(), *name));
        let mut text = String::new();
        let mut entries = Vec::with_capacity(sorted.len());
        for (name, next) in &sorted {
            let start = short(text.len());
            text.push_str(name);
            entries.push(Entry { start, end: short(text.len()), next: *next });
        }
        let bound = |length| short(sorted.partition_point(|(name, _)| name.len() < length));
        let mut starts: Vec<u32> = (0..=LENGTHS.saturating_add(1)).map(bound).collect();
        starts.push(short(sorted.len()));
        Self { text: text.into(), entries: entries.into(), starts: starts.into() }
    }

    fn name(&self, entry: &Entry) -> &[u8] {
        self.text.as_bytes().get(long(entry.start)..long(entry.end)).unwrap_or_default()
    }

    /// Where a name leads, when it is known.
    pub(crate) fn find(&self, name: &[u8]) -> Option<u32> {
        let place = name.len().min(LENGTHS.saturating_add(1));
        let from = long(*self.starts.get(place)?);
        let to = long(*self.starts.get(place.saturating_add(1))?);
        let group = self.entries.get(from..to)?;
        if group.len() <= 4 {
            return group.iter().find(|entry| self.name(entry) == name).map(|entry| entry.next);
        }
        let order = |entry: &Entry| {
            let known = self.name(entry);
            known.len().cmp(&name.len()).then_with(|| known.cmp(name))
        };
        let found = group.binary_search_by(order).ok()?;
        group.get(found).map(|entry| entry.next)
    }

    /// All names, short ones first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.entries
            .iter()
            .map(|entry| self.text.get(long(entry.start)..long(entry.end)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_in_is_found_and_nothing_else(
            names in prop::collection::btree_map("[ab\u{e9}]{0,4}|[ab]{62,67}", any::<u32>(), 0..60),
            other in "[ab\u{e9}]{0,4}|[ab]{62,67}",
        ) {
            let known = Known::new(&names);
            for (name, next) in &names {
                prop_assert_eq!(known.find(name.as_bytes()), Some(*next));
            }
            prop_assert_eq!(known.find(other.as_bytes()), names.get(&other).copied());
            prop_assert_eq!(known.iter().count(), names.len());
        }
    }
}
