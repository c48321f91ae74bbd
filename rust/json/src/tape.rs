//! One strict pass over JSON bytes, giving a flat tape of nodes.
//!
//! What is accepted means the same to every JSON reader: no duplicate keys at any level, no lone
//! surrogates, no byte order mark, no numbers that a double cannot hold, nothing after the value.
//! The pass is linear, allocates nothing once its buffer has grown, and never recurses.

use crate::doc::{Cell, Doc, Node, NodeKind};
use crate::scan::{Fault, Reader, short};

/// How many cells a tape keeps between documents; what a larger one needed goes back.
const KEPT_CELLS: usize = 64 << 10;
/// The longest input, whose counts fit beside a kind.
const LONGEST: usize = 512 << 20;

/// A container whose end was not reached yet.
#[derive(Debug, Clone, Copy)]
struct Frame {
    cell: u32,
    count: u32,
    object: bool,
    /// Whether two keys share their bits, or one has escapes: they are compared at the end.
    suspect: bool,
    /// Two bits for each key seen, by its mix.
    seen: u64,
}

/// A reusable buffer for one document's nodes.
#[derive(Debug, Default)]
pub struct Tape {
    cells: Vec<Cell>,
    open: Vec<Frame>,
}

impl Tape {
    /// Read the whole of `bytes` as one JSON value nested at most `depth` deep.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    pub fn scan<'a>(&'a mut self, bytes: &'a [u8], depth: usize) -> Result<Doc<'a>, Fault> {
        if bytes.len() > LONGEST {
            return Err(Fault::Length);
        }
        if bytes.starts_with(b"\xef\xbb\xbf") {
            return Err(Fault::Bom);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Fault::Utf8)?;
        self.cells.clear();
        self.open.clear();
        let mut reader = Reader { bytes, at: 0 };
        reader.blank();
        if matches!(reader.peek(), b'{' | b'[') {
            reader = self.container(reader, text, depth)?;
        } else {
            reader = self.lone(reader)?;
        }
        reader.blank();
        if reader.at < bytes.len() {
            return Err(Fault::Trailing(reader.place()));
        }
        Ok(Doc::new(text, &self.cells))
    }

    /// Give back the memory of an unusually large document.
    pub fn trim(&mut self) {
        if self.cells.capacity() > KEPT_CELLS {
            self.cells.clear();
            self.cells.shrink_to(KEPT_CELLS);
        }
    }

    /// Read a value that is no container.
    #[cold]
    fn lone<'b>(&mut self, mut reader: Reader<'b>) -> Result<Reader<'b>, Fault> {
        self.scalar(&mut reader)?;
        Ok(reader)
    }

    /// Read a container and all inside it; the reader stays in registers all the way.
    fn container<'b>(
        &mut self,
        mut reader: Reader<'b>,
        text: &str,
        depth: usize,
    ) -> Result<Reader<'b>, Fault> {
        let mut frame = self.begin(&mut reader, depth)?;
        loop {
            reader.blank();
            let close = if frame.object { b'}' } else { b']' };
            if reader.peek() == close {
                reader.bump();
                self.end(&reader, text, &frame)?;
                let Some(outer) = self.open.pop() else { return Ok(reader) };
                frame = outer;
                continue;
            }
            if frame.count > 0 {
                reader.expect(b',')?;
                reader.blank();
            }
            frame.count = frame.count.wrapping_add(1);
            if frame.object {
                self.key(&mut reader, &mut frame)?;
            }
            if matches!(reader.peek(), b'{' | b'[') {
                self.open.push(frame);
                frame = self.begin(&mut reader, depth)?;
            } else {
                self.scalar(&mut reader)?;
            }
        }
    }

    #[inline]
    fn key(&mut self, reader: &mut Reader<'_>, frame: &mut Frame) -> Result<(), Fault> {
        let start = reader.at;
        let (kind, mix) = reader.key()?;
        self.push(kind.tag(0), start, reader.at);
        let [one, other, ..] = mix.to_be_bytes();
        let bits = 1u64.wrapping_shl(u32::from(one)) | 1u64.wrapping_shl(u32::from(other));
        if frame.seen & bits == bits || kind == NodeKind::Escaped {
            frame.suspect = true;
        }
        frame.seen |= bits;
        reader.blank();
        reader.expect(b':')?;
        reader.blank();
        Ok(())
    }

    #[inline(always)] // measured: see the scan's loop
    fn scalar(&mut self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let start = reader.at;
        let tag = match reader.peek() {
            b'"' => reader.string()?.tag(0),
            b't' => reader.word(b"true", NodeKind::True)?.tag(0),
            b'f' => reader.word(b"false", NodeKind::False)?.tag(0),
            b'n' => reader.word(b"null", NodeKind::Null)?.tag(0),
            b'-' | b'0'..=b'9' => NodeKind::Number.tag(reader.number()? as u32),
            _ => return Err(reader.syntax()),
        };
        self.push(tag, start, reader.at);
        Ok(())
    }

    #[inline]
    fn begin(&mut self, reader: &mut Reader<'_>, depth: usize) -> Result<Frame, Fault> {
        if self.open.len() >= depth {
            return Err(Fault::Depth);
        }
        let object = reader.peek() == b'{';
        let kind = if object { NodeKind::Object } else { NodeKind::Array };
        let cell = short(self.cells.len());
        self.push(kind.tag(0), reader.at, reader.at);
        reader.bump();
        Ok(Frame { cell, count: 0, object, suspect: false, seen: 0 })
    }

    #[inline]
    fn end(&mut self, reader: &Reader<'_>, text: &str, frame: &Frame) -> Result<(), Fault> {
        let next = short(self.cells.len());
        let kind = if frame.object { NodeKind::Object } else { NodeKind::Array };
        if let Some(cell) = self.cells.get_mut(frame.cell as usize) {
            cell.end = reader.place();
            cell.next = next;
            cell.tag = kind.tag(frame.count);
        }
        if frame.suspect { self.compare_keys(text, frame.cell) } else { Ok(()) }
    }

    #[cold]
    fn compare_keys(&self, text: &str, cell: u32) -> Result<(), Fault> {
        Doc::new(text, &self.cells).check_keys(Node::at(cell))
    }

    #[inline]
    fn push(&mut self, tag: u32, start: usize, end: usize) {
        let next = short(self.cells.len()).wrapping_add(1);
        self.cells.push(Cell { start: short(start), end: short(end), next, tag });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_wherever_it_stands() {
        for size in 1..20 {
            let key = "k".repeat(size);
            for between in ["", "1", "12345678"] {
                let text = format!(r#"{{"{key}":1{between},"{key}":2}}"#);
                let second = text.rfind(&key[..]).unwrap() - 1;
                let fault = Fault::Duplicate(short(second));
                assert_eq!(Tape::default().scan(text.as_bytes(), 1).err(), Some(fault), "{text}");
            }
        }
    }
}
