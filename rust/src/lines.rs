//! Cut a byte stream into lines, whatever the chunks it comes in.
//!
//! Memory is bounded: a line over the limit is dropped as soon as that is certain, skipped to its
//! end and counted.

use memchr::memchr;

/// Cuts stdout of a stdio server into messages.
#[derive(Debug)]
pub struct LineCutter {
    limit: usize,
    line: Vec<u8>,
    skipping: bool,
    overlong: u64,
}

impl LineCutter {
    /// Make a cutter for lines of at most `limit` bytes, line end not counted.
    pub const fn new(limit: usize) -> Self {
        Self { limit, line: Vec::new(), skipping: false, overlong: 0 }
    }

    /// How many lines were too long.
    pub const fn overlong(&self) -> u64 {
        self.overlong
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
            self.skipping = false;
            return;
        }
        let held = std::mem::take(&mut self.line);
        let line = if held.is_empty() { piece.to_vec() } else { [held.as_slice(), piece].concat() };
        let ended = line.strip_suffix(b"\r").map_or(line.len(), <[u8]>::len);
        if ended > self.limit {
            self.overlong = self.overlong.saturating_add(1);
        } else if !line.trim_ascii().is_empty() {
            let mut line = line;
            line.truncate(ended);
            out.push(line);
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.skipping {
            return;
        }
        // One byte more than the limit may still be the CR of the line's end.
        if self.line.len().saturating_add(piece.len()) > self.limit.saturating_add(1) {
            self.skipping = true;
            self.overlong = self.overlong.saturating_add(1);
            self.line = Vec::new();
            return;
        }
        self.line.extend_from_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(limit: usize, chunks: &[&[u8]]) -> (Vec<Vec<u8>>, u64) {
        let mut cutter = LineCutter::new(limit);
        let mut out = Vec::new();
        for chunk in chunks {
            cutter.feed(chunk, &mut out);
            assert!(cutter.line.len() <= limit + 1);
        }
        (out, cutter.overlong())
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
