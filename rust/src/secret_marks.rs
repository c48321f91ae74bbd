//! Where a secret may begin: the marks of all kinds, and the check of a shape at one.
//!
//! Vector search is fast for few patterns of one length and slow for many; so the marks are searched
//! in groups, each in a pass of its own, and a cursor merges what they find.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::packed::{Config, MatchKind, Searcher};
use aho_corasick::{AhoCorasick, AhoCorasickKind, Input};
use memchr::memmem;

use crate::secret_kinds::{KINDS, Kind, Piece, Shape};
use crate::secret_shapes::is_token;

/// Escapes that spell printable ASCII: what is hidden behind them must be decoded first.
const ESCAPES: [&str; 2] = ["\\/", "\\u00"];
/// How far back an escape may begin that only looks like part of a word.
pub(crate) const ESCAPE_BYTES: usize = 6;
/// Marks of up to three letters and the long escape, three groups of longer marks, the short escape.
const GROUPS: usize = 5;

/// The marks of all kinds.
static MARKS: LazyLock<[Group; GROUPS]> = LazyLock::new(build);

/// A text that may begin a secret.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    /// How long it is.
    pub len: usize,
    /// Whose it is; nobody's when it is an escape.
    pub kind: Option<&'static Kind>,
}

struct Group {
    list: Vec<Mark>,
    search: Search,
}

enum Search {
    /// By vector instructions.
    Vector(Searcher),
    /// On machines without them.
    Automaton(Option<AhoCorasick>),
    /// For a single mark.
    One(memmem::Finder<'static>),
}

fn build() -> [Group; GROUPS] {
    let own = KINDS.iter().flat_map(|kind| kind.marks.iter().map(move |mark| (*mark, Some(kind))));
    let (mut short, mut first): (Vec<_>, Vec<_>) = own.partition(|(text, _)| text.len() <= 3);
    first.sort_unstable_by_key(|(text, _)| *text);
    let mut second = first.split_off(first.len() / 3);
    let third = second.split_off(second.len() / 2);
    let [slash, code] = ESCAPES.map(|text| (text, None));
    short.push(code);
    [short, first, second, third, vec![slash]].map(Group::build)
}

impl Group {
    fn build(marks: Vec<(&'static str, Option<&'static Kind>)>) -> Self {
        let texts: Vec<&'static str> = marks.iter().map(|(text, _)| *text).collect();
        let list = marks.into_iter().map(|(text, kind)| Mark { len: text.len(), kind }).collect();
        let automaton = || {
            let mut builder = AhoCorasick::builder();
            builder.match_kind(aho_corasick::MatchKind::LeftmostFirst);
            builder.kind(Some(AhoCorasickKind::DFA)).build(&texts).ok()
        };
        let mut packed = Config::new();
        packed.match_kind(MatchKind::LeftmostFirst);
        let search = match (texts.as_slice(), packed.builder().extend(&texts).build()) {
            ([text], _) => Search::One(memmem::Finder::new(*text)),
            (_, Some(searcher)) => Search::Vector(searcher),
            (_, None) => Search::Automaton(automaton()),
        };
        Self { list, search }
    }

    /// The first mark from `at`.
    fn next(&self, bytes: &[u8], at: usize) -> Option<(usize, Mark)> {
        let at = at.min(bytes.len());
        let (place, pattern) = match &self.search {
            Search::Vector(searcher) => {
                let found = searcher.find_in(bytes, (at..bytes.len()).into())?;
                (found.start(), found.pattern().as_usize())
            }
            Search::Automaton(automaton) => {
                let found = automaton.as_ref()?.find(Input::new(bytes).range(at..))?;
                (found.start(), found.pattern().as_usize())
            }
            Search::One(finder) => (finder.find(bytes.get(at..)?)?.saturating_add(at), 0),
        };
        Some((place, *self.list.get(pattern)?))
    }
}

/// Passes over the marks in some bytes.
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    /// What each group finds next, as far as it has looked.
    ahead: [Option<(usize, Mark)>; GROUPS],
}

impl<'a> Cursor<'a> {
    /// Begin at `at`.
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, ahead: std::array::from_fn(|group| MARKS.get(group)?.next(bytes, at)) }
    }

    /// The first mark from `at`, which never goes back. No mark begins with another, so no two
    /// stand at one place.
    pub(crate) fn next(&mut self, at: usize) -> Option<(usize, Mark)> {
        for (group, ahead) in MARKS.iter().zip(&mut self.ahead) {
            if ahead.is_some_and(|(place, _)| place < at) {
                *ahead = group.next(self.bytes, at);
            }
        }
        self.ahead.iter().flatten().copied().min_by_key(|(place, _)| *place)
    }
}

/// Say which bytes are a secret whose mark begins at `place`.
///
/// In `raw` JSON, where a letter before the mark may belong to an escape, more is let through: all
/// that is a secret once decoded, and little else.
pub(crate) fn check(
    text: &[u8],
    place: usize,
    mark: usize,
    kind: &Kind,
    raw: bool,
) -> Option<Range<usize>> {
    let behind = place.saturating_add(mark);
    match &kind.shape {
        Shape::Pieces(pieces) => {
            if begins(text, place, raw) {
                Some(place..passed(text, behind, pieces)?)
            } else {
                None
            }
        }
        Shape::Own(find) => find(text, place, behind, raw),
    }
}

/// Whether a word begins at `place`.
pub(crate) fn begins(text: &[u8], place: usize, raw: bool) -> bool {
    let before = text.get(place.saturating_sub(ESCAPE_BYTES)..place).unwrap_or_default();
    let inside = before.last().is_some_and(|byte| is_token(*byte));
    !inside || (raw && before.contains(&b'\\'))
}

/// Where the pieces end that must follow from `at`, if they do and nothing of a word follows them.
fn passed(text: &[u8], at: usize, pieces: &[Piece]) -> Option<usize> {
    let mut at = at;
    for piece in pieces {
        let rest = text.get(at..)?;
        let length = match piece {
            Piece::Text(literal) => {
                rest.starts_with(literal.as_bytes()).then_some(literal.len())?
            }
            Piece::Run(set, least, most) => run(rest, *set, *least, *most)?,
        };
        at = at.saturating_add(length);
    }
    let ended = text.get(at).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    ended.then(|| without_dots(text, at))
}

/// Where a word ends whose last dots end a sentence.
pub(crate) fn without_dots(text: &[u8], end: usize) -> usize {
    let dots = text.get(..end).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'.');
    end.saturating_sub(dots.count())
}

/// The length of the run of a set at the beginning, if it is within bounds.
pub(crate) fn run(rest: &[u8], set: fn(u8) -> bool, least: usize, most: usize) -> Option<usize> {
    let length = rest.iter().take(most.saturating_add(1)).take_while(|byte| set(**byte)).count();
    (least..=most).contains(&length).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mark_begins_with_another() {
        let marks = || KINDS.iter().flat_map(|kind| kind.marks).chain(&ESCAPES);
        for (place, mark) in marks().enumerate() {
            let same = |(other, text): (usize, &&str)| other != place && text.starts_with(*mark);
            assert!(!marks().enumerate().any(same), "{mark}");
        }
    }

    #[test]
    fn groups_are_small_enough_for_vector_search() {
        assert!(MARKS.iter().all(|group| (1..=40).contains(&group.list.len())));
    }
}
