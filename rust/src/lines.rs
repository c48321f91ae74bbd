//! Cut a byte stream into lines, whatever the chunks it comes in.
//!
//! Memory is bounded: a line over the limit is dropped as soon as that is certain and skipped to its
//! end; both its ends are kept, for they say whose it was.

use memchr::memchr;

/// How much is kept of each end of a line over the limit.
const KEPT_BYTES: usize = 128;
/// How many such lines are remembered until they are taken; later ones are forgotten.
const KEPT_LINES: usize = 64;

/// Cuts stdout of a stdio server into messages.
#[derive(Debug)]
pub struct LineCutter {
    limit: usize,
    line: Vec<u8>,
    skipping: bool,
    /// What is kept of the line being skipped, and how much of that is its beginning.
    ends: Vec<u8>,
    begun: usize,
    overlong: Vec<Vec<u8>>,
}

impl LineCutter {
    /// Make a cutter for lines of at most `limit` bytes, line end not counted.
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            skipping: false,
            ends: Vec::new(),
            begun: 0,
            overlong: Vec::new(),
        }
    }

    /// Take the two ends, joined, of each line that was too long and has ended.
    pub fn take_overlong(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.overlong)
    }

    /// Append to `out` the lines that `chunk` completes, without their ends; blank ones are skipped.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<Vec<u8>>) {
        let mut rest = chunk;
        while let Some(end) = memchr(b'\n', rest) {
            let (piece, tail) = rest.split_at(end);
            rest = tail.get(1..).unwrap_or_default();
            self.complete(piece, out);
        }
        self.keep(rest);
    }

    fn complete(&mut self, piece: &[u8], out: &mut Vec<Vec<u8>>) {
        if self.skipping {
            self.skip(piece);
            self.end_skipping();
            return;
        }
        let held = std::mem::take(&mut self.line);
        let line = if held.is_empty() { piece.to_vec() } else { [held.as_slice(), piece].concat() };
        let ended = line.strip_suffix(b"\r").map_or(line.len(), <[u8]>::len);
        if ended > self.limit {
            self.skip(&line);
            self.end_skipping();
        } else if !line.trim_ascii().is_empty() {
            let mut line = line;
            line.truncate(ended);
            out.push(line);
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.skipping {
            self.skip(piece);
            return;
        }
        // One byte more than the limit may still be the CR of the line's end.
        if self.line.len().saturating_add(piece.len()) > self.limit.saturating_add(1) {
            self.skipping = true;
            let line = std::mem::take(&mut self.line);
            self.skip(&line);
            self.skip(piece);
            return;
        }
        self.line.extend_from_slice(piece);
    }

    /// Keep the beginning of a line that is too long, and its latest bytes.
    fn skip(&mut self, piece: &[u8]) {
        let room = KEPT_BYTES.saturating_sub(self.begun).min(piece.len());
        let (head, tail) = piece.split_at(room);
        self.ends.extend_from_slice(head);
        self.begun = self.begun.saturating_add(room);
        let tail = tail.get(tail.len().saturating_sub(KEPT_BYTES)..).unwrap_or_default();
        self.ends.extend_from_slice(tail);
        let over = self.ends.len().saturating_sub(self.begun.saturating_add(KEPT_BYTES));
        self.ends.drain(self.begun..self.begun.saturating_add(over));
    }

    fn end_skipping(&mut self) {
        self.skipping = false;
        self.begun = 0;
        let ends = std::mem::take(&mut self.ends);
        if self.overlong.len() < KEPT_LINES {
            self.overlong.push(ends);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(limit: usize, chunks: &[&[u8]]) -> (Vec<Vec<u8>>, usize) {
        let mut cutter = LineCutter::new(limit);
        let mut out = Vec::new();
        for chunk in chunks {
            cutter.feed(chunk, &mut out);
            assert!(cutter.line.len() <= limit + 1);
        }
        (out, cutter.take_overlong().len())
    }

    #[test]
    fn lines_and_blanks() {
        let (lines, overlong) = cut(9, &[b"one\r\n\n \t\r\n{\"a\"", b":1}\ntwo\r", b"\nrest"]);
        assert_eq!(lines, [b"one".as_slice(), b"{\"a\":1}", b"two"]);
        assert_eq!(overlong, 0);
    }

    #[test]
    fn the_limit_counts_the_line_alone() {
        assert_eq!(cut(3, &[b"abc\r\n"]), (vec![b"abc".to_vec()], 0));
        assert_eq!(cut(3, &[b"abcd\nok\n"]), (vec![b"ok".to_vec()], 1));
        assert_eq!(cut(3, &[b"ab", b"cd", b"ef", b"g\nok\n"]), (vec![b"ok".to_vec()], 1));
    }

    #[test]
    fn both_ends_of_a_long_line_are_kept() {
        let line = [b"head".as_slice(), &[b'-'; 1000], b"tail"].concat();
        let kept = [b"head".as_slice(), &[b'-'; 248], b"tail"].concat();
        for size in [1, 7, 100, 1008] {
            let mut cutter = LineCutter::new(300);
            let mut out = Vec::new();
            for _ in 0..2 {
                line.chunks(size).for_each(|chunk| cutter.feed(chunk, &mut out));
                assert!(cutter.ends.len() <= 2 * KEPT_BYTES);
                cutter.feed(b"\n", &mut out);
            }
            assert_eq!(cutter.take_overlong(), [kept.clone(), kept.clone()], "pieces of {size}");
            assert!(cutter.take_overlong().is_empty());
        }
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            text in "[ab \r\n]{0,60}",
            cuts in prop::collection::vec(0usize..60, 0..8),
            limit in 0usize..6,
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(cut(limit, &chunks), cut(limit, &[bytes]));
        }

        #[test]
        fn one_chunk_is_a_plain_split(text in "[ab \r\n]{0,60}") {
            let whole = format!("{text}\n");
            let plain: Vec<Vec<u8>> = whole
                .split('\n')
                .filter(|line| !line.trim().is_empty())
                .map(|line| line.strip_suffix('\r').unwrap_or(line).as_bytes().to_vec())
                .collect();
            prop_assert_eq!(cut(1000, &[whole.as_bytes()]), (plain, 0));
        }
    }
}
