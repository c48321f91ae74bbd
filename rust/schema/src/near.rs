//! Which known word a wrong one was probably meant to be.

use std::cmp::Reverse;

/// Longer words are not compared letter by letter.
const LETTERS: usize = 64;
/// Words after these are looked at only when they are equal but for case and separators.
const COMPARED: usize = 500;
/// Distance of words that cannot be near, by their length alone.
const FAR: usize = 100;

/// How far a word is from another: equal but for case and separators is nearest of all.
fn distance(word: &[char], folded: &[char], other: &str) -> usize {
    let letters: Vec<char> = other.chars().take(LETTERS.saturating_add(1)).collect();
    if letters.len() > LETTERS || word.len() > LETTERS {
        return usize::MAX;
    }
    let form = fold(&letters);
    if form == folded {
        return 0;
    }
    let apart = form.len().abs_diff(folded.len());
    if apart > 8 {
        return apart.saturating_add(FAR);
    }
    edits(folded, &form)
}

/// The letters without case, underscores, dashes, dots and blanks.
fn fold(letters: &[char]) -> Vec<char> {
    folding(letters.iter().copied()).collect()
}

fn folding(letters: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    let kept = letters.filter(|letter| !matches!(letter, '_' | '-' | '.' | ' '));
    kept.flat_map(char::to_lowercase)
}

/// Edits between two words: insert, drop, replace, or swap two neighbours.
fn edits(one: &[char], other: &[char]) -> usize {
    let width = other.len().saturating_add(1);
    let mut older: Vec<usize> = vec![0; width];
    let mut above: Vec<usize> = (0..width).collect();
    let mut previous = None;
    for (row, &letter) in one.iter().enumerate() {
        let mut line = Vec::with_capacity(width);
        line.push(row.saturating_add(1));
        for (column, &against) in other.iter().enumerate() {
            let at = |line: &[usize], place: usize| line.get(place).copied().unwrap_or(usize::MAX);
            let replaced = at(&above, column).saturating_add(usize::from(letter != against));
            let dropped = at(&above, column.saturating_add(1)).saturating_add(1);
            let added = at(&line, column).saturating_add(1);
            let mut best = replaced.min(dropped).min(added);
            let before = column.checked_sub(1);
            let swapped = before.and_then(|place| other.get(place)) == Some(&letter)
                && previous == Some(against);
            if let (true, Some(place)) = (swapped, before) {
                best = best.min(at(&older, place).saturating_add(1));
            }
            line.push(best);
        }
        previous = Some(letter);
        older = std::mem::replace(&mut above, line);
    }
    above.last().copied().unwrap_or(0)
}

/// The words nearest to `word` first, and the nearest when it is near enough to be meant.
pub fn sorted<'w>(
    word: &str,
    known: impl Iterator<Item = &'w str>,
    limit: usize,
) -> (Option<&'w str>, Vec<&'w str>) {
    let letters: Vec<char> = word.chars().take(LETTERS.saturating_add(1)).collect();
    let folded = fold(&letters);
    let mut ranked: Vec<(usize, &str)> = known
        .enumerate()
        .filter(|(place, other)| {
            *place < COMPARED || folding(other.chars()).eq(folded.iter().copied())
        })
        .map(|(_, other)| (distance(&letters, &folded, other), other))
        .collect();
    ranked.sort_by_cached_key(|(far, other)| (*far, Reverse(shared(word, other)), *other));
    let near = ranked.first().filter(|(far, other)| {
        let longest = folded.len().max(other.chars().count());
        *far <= longest.div_ceil(3).min(8) && *far < folded.len().max(1)
    });
    (near.map(|(_, other)| *other), ranked.iter().take(limit).map(|(_, other)| *other).collect())
}

/// How many letters two words share at their beginning.
fn shared(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(letter, against)| letter == against).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meant_word_is_found() {
        let known = ["query", "max_length", "limit", "offset", "include_hidden"];
        for (word, meant) in [
            ("maxLength", Some("max_length")),
            ("max-length", Some("max_length")),
            ("MAX_LENGTH", Some("max_length")),
            ("maxLenght", Some("max_length")),
            ("querry", Some("query")),
            ("ofset", Some("offset")),
            ("limti", Some("limit")),
            ("includeHiden", Some("include_hidden")),
            ("verbose", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(sorted(word, known.iter().copied(), 20).0, meant, "{word}");
        }
    }

    #[test]
    fn lists_start_with_the_nearest_and_end_at_their_limit() {
        let known = ["zebra", "max_length", "max_width"];
        assert_eq!(sorted("maxlen", known.iter().copied(), 2).1, ["max_length", "max_width"]);
        assert_eq!(sorted("a", std::iter::empty(), 2), (None, vec![]));
    }

    #[test]
    fn long_words_cost_nothing() {
        let long = "a".repeat(1_000_000);
        let known = [long.as_str(), "b"];
        assert_eq!(sorted(&long, known.iter().copied(), 20).0, None);
    }

    #[test]
    fn edits_count_swaps_once() {
        let letters = |word: &str| word.chars().collect::<Vec<_>>();
        assert_eq!(edits(&letters("ab"), &letters("ba")), 1);
        assert_eq!(edits(&letters(""), &letters("abc")), 3);
        assert_eq!(edits(&letters("kitten"), &letters("sitting")), 3);
    }
}
