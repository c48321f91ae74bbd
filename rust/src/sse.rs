//! Cut a text/event-stream into the data of its events, whatever the chunks it comes in.
//!
//! Line ends are CR, LF or CRLF and may be split anywhere. Only events of type `message` (or of
//! none) are delivered. Memory is bounded by the limit on one event; comments and field lines that
//! are not kept do not count towards it once they have ended.

use memchr::{memchr, memchr2};

const BOM: &[u8] = b"\xef\xbb\xbf";
/// Room beside the data for the field name of the line being read.
const SLACK: usize = 64;
/// A longer event id is ignored: it would have to travel in a header.
const ID_BYTES: usize = 4096;

/// One event is larger than allowed; the stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("event over {0} bytes")]
pub struct Overflow(pub usize);

/// Cuts the body of a server's event stream into messages.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about what was read so far")]
pub struct SseCutter {
    limit: usize,
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The event being read has a type other than `message`.
    foreign: bool,
    after_cr: bool,
    begun: bool,
    full: bool,
    next_id: Option<String>,
    last_id: String,
    retry_ms: Option<u64>,
}

impl SseCutter {
    /// Make a cutter for events with at most `limit` bytes of data.
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            foreign: false,
            after_cr: false,
            begun: false,
            full: false,
            next_id: None,
            last_id: String::new(),
            retry_ms: None,
        }
    }

    /// The id of the last event that ended; empty if there was none.
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    /// How long the server asks to wait before connecting again.
    pub const fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    /// Append to `out` the data of each event that `chunk` completes; empty data is skipped.
    ///
    /// # Errors
    /// [`Overflow`] once an event is over the limit, and ever after.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<Vec<u8>>) -> Result<(), Overflow> {
        let mut rest = chunk;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        self.check_room(0)?;
        while let Some(end) = memchr2(b'\r', b'\n', rest) {
            let (piece, tail) = rest.split_at(end);
            self.check_room(piece.len())?;
            if self.line.is_empty() {
                self.read_line(piece, out)?;
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(piece);
                self.read_line(&line, out)?;
                line.clear();
                self.line = line;
            }
            rest = self.pass_end(tail);
        }
        self.check_room(rest.len())?;
        self.line.extend_from_slice(rest);
        Ok(())
    }

    /// Give what follows a line's end; an LF after CR may only come with the next chunk.
    fn pass_end<'a>(&mut self, tail: &'a [u8]) -> &'a [u8] {
        self.after_cr = tail == b"\r";
        tail.strip_prefix(b"\r\n").or_else(|| tail.get(1..)).unwrap_or_default()
    }

    fn check_room(&mut self, more: usize) -> Result<(), Overflow> {
        let used = self.data.len().saturating_add(self.line.len()).saturating_add(more);
        self.full = self.full || used > self.limit.saturating_add(SLACK);
        if self.full { Err(Overflow(self.limit)) } else { Ok(()) }
    }

    fn read_line(&mut self, line: &[u8], out: &mut Vec<Vec<u8>>) -> Result<(), Overflow> {
        let line = if self.begun { line } else { line.strip_prefix(BOM).unwrap_or(line) };
        self.begun = true;
        if line.is_empty() {
            self.dispatch(out);
            return Ok(());
        }
        let (field, value) = match memchr(b':', line) {
            Some(at) => (line.get(..at), line.get(at.saturating_add(1)..)),
            None => (Some(line), None),
        };
        let value = value.unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field.unwrap_or_default() {
            b"data" => return self.add_data(value),
            b"event" => self.foreign = !value.is_empty() && value != b"message",
            b"id" if !value.contains(&0) && value.len() <= ID_BYTES => {
                self.next_id = Some(String::from_utf8_lossy(value).into_owned());
            }
            b"retry" => self.retry_ms = read_digits(value).or(self.retry_ms),
            _ => {}
        }
        Ok(())
    }

    fn add_data(&mut self, value: &[u8]) -> Result<(), Overflow> {
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(value);
        self.full = self.full || self.data.len() > self.limit;
        if self.full { Err(Overflow(self.limit)) } else { Ok(()) }
    }

    fn dispatch(&mut self, out: &mut Vec<Vec<u8>>) {
        if let Some(id) = self.next_id.take() {
            self.last_id = id;
        }
        let data = std::mem::take(&mut self.data);
        if !self.foreign && !data.is_empty() {
            out.push(data);
        }
        self.has_data = false;
        self.foreign = false;
    }
}

fn read_digits(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Cut = (Vec<Vec<u8>>, bool, String, Option<u64>);

    fn cut(limit: usize, chunks: &[&[u8]]) -> Cut {
        let mut cutter = SseCutter::new(limit);
        let mut out = Vec::new();
        let mut full = false;
        for chunk in chunks {
            full = cutter.feed(chunk, &mut out).is_err();
            assert!(cutter.line.len() + cutter.data.len() <= 2 * (limit + SLACK));
        }
        (out, full, cutter.last_id().to_owned(), cutter.retry_ms())
    }

    fn data(text: &str) -> Vec<String> {
        let (events, full, ..) = cut(100, &[text.as_bytes()]);
        assert!(!full);
        events.into_iter().map(|event| String::from_utf8(event).unwrap()).collect()
    }

    #[test]
    fn events_of_the_standard() {
        assert_eq!(data("data: a\n\ndata:b\r\n\r\ndata: c\r\r"), ["a", "b", "c"]);
        assert_eq!(data("data: one\ndata: two\n\n"), ["one\ntwo"]);
        assert_eq!(data("data: one\ndata\ndata:  two\n\n"), ["one\n\n two"]);
        assert_eq!(data("\u{feff}data: a\n\n\u{feff}data: b\n\n"), ["a"]);
        assert_eq!(data(": comment\nfoo: bar\ndata: a\n\n"), ["a"]);
        assert_eq!(data("data:\n\ndata\n\nid: 1\n\n"), Vec::<String>::new());
        assert_eq!(data("data: unfinished\n"), Vec::<String>::new());
    }

    #[test]
    fn only_messages_are_delivered() {
        assert_eq!(
            data(
                "event: ping\ndata: a\n\ndata: 0\n\nevent: message\ndata: b\n\nevent:\ndata: c\n\n"
            ),
            ["0", "b", "c"]
        );
    }

    #[test]
    fn ids_and_retry() {
        let read = |text: &str| {
            let (_, _, id, retry) = cut(100, &[text.as_bytes()]);
            (id, retry)
        };
        assert_eq!(read("id: 7\nretry: 250\ndata:\n\n"), ("7".into(), Some(250)));
        assert_eq!(read("id: 7\n\nid: 8\n"), ("7".into(), None));
        assert_eq!(read("id: 7\n\nid: a\0b\n\nretry: 1x\n\nretry: -1\n"), ("7".into(), None));
        assert_eq!(read("id: 7\n\nid\n\n"), (String::new(), None));
        assert_eq!(read(&format!("id: {}\n\n", "x".repeat(ID_BYTES + 1))), (String::new(), None));
    }

    #[test]
    fn large_events_end_the_stream() {
        assert!(!cut(3, &[b"data: abc\n\n"]).1);
        assert!(cut(3, &[b"data: abcd\n\n"]).1);
        assert!(cut(3, &[b"data: a\ndata: b\ndata: c\n\n"]).1);
        assert!(cut(3, &[&[b'x'; 100]]).1);
        assert!(cut(3, &[b"data: abcd\n\n", b"", b"data: a\n\n"]).1);
        let beats = ": keep-alive\n".repeat(1000);
        assert!(!cut(3, &[beats.as_bytes()]).1);
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            text in prop::collection::vec(
                prop_oneof![
                    Just("data: ".to_owned()), Just("id: ".to_owned()), Just("event: ping".to_owned()),
                    Just("event: message".to_owned()), Just("retry: 12".to_owned()), Just("\r\n".to_owned()),
                    Just("\n".to_owned()), Just("\r".to_owned()), Just("\u{feff}".to_owned()), "[a:\0 ü]{0,4}",
                ],
                0..40,
            ),
            cuts in prop::collection::vec(0usize..200, 0..12),
            limit in 0usize..20,
        ) {
            let bytes = text.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(cut(limit, &chunks), cut(limit, &[&bytes]));
            prop_assert_eq!(cut(limit, &bytewise), cut(limit, &[&bytes]));
        }
    }
}
