//! The reader under the tape: passes over the tokens of JSON and refuses what readers disagree on.

use crate::doc::NodeKind;
use crate::number::NumberForm;

/// Each byte of a word.
const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// An odd number that spreads the bytes of a key.
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

/// The longest number text that is read.
const NUMBER_CHARS: usize = 64;

/// Why bytes are not one acceptable JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not UTF-8.
    #[error("not UTF-8")]
    Utf8,
    /// Starts with a byte order mark.
    #[error("starts with a byte order mark")]
    Bom,
    /// Not JSON.
    #[error("not JSON at byte {0}")]
    Syntax(u32),
    /// Nested deeper than allowed.
    #[error("nested too deep")]
    Depth,
    /// The same key twice in one object.
    #[error("duplicate key at byte {0}")]
    Duplicate(u32),
    /// A number that readers disagree on.
    #[error("number too long or out of range at byte {0}")]
    Number(u32),
    /// Half of a surrogate pair.
    #[error("lone surrogate at byte {0}")]
    Surrogate(u32),
    /// More than one value.
    #[error("bytes after the value at byte {0}")]
    Trailing(u32),
    /// Longer than a tape can address.
    #[error("too long")]
    Length,
}

/// A place in the bytes being read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

/// A length as the tape keeps it.
#[expect(clippy::cast_possible_truncation, reason = "scan refuses inputs over 512 MiB")]
pub(crate) const fn short(value: usize) -> u32 {
    value as u32
}

impl Reader<'_> {
    #[inline]
    pub(crate) fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    pub(crate) fn bump(&mut self) {
        self.at = self.at.wrapping_add(1);
    }

    pub(crate) const fn place(&self) -> u32 {
        short(self.at)
    }

    pub(crate) const fn syntax(&self) -> Fault {
        Fault::Syntax(self.place())
    }

    #[inline]
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.peek() != byte {
            return Err(self.syntax());
        }
        self.bump();
        Ok(())
    }

    #[inline]
    pub(crate) fn blank(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.bump();
        }
    }

    /// Eight bytes from a place on, where there are as many.
    #[inline]
    fn word_from(&self, at: usize) -> Option<u64> {
        let chunk = self.bytes.get(at..).and_then(<[u8]>::first_chunk::<8>)?;
        Some(u64::from_le_bytes(*chunk))
    }

    /// Pass over a word of letters.
    #[inline]
    pub(crate) fn word(&mut self, word: &[u8], kind: NodeKind) -> Result<NodeKind, Fault> {
        for &byte in word {
            self.expect(byte)?;
        }
        Ok(kind)
    }

    /// Pass over a string with its quotes; say which kind it is.
    #[inline(always)] // measured: 7 % of a scan; most tokens are strings
    pub(crate) fn string(&mut self) -> Result<NodeKind, Fault> {
        self.expect(b'"')?;
        let mut kind = NodeKind::Plain;
        loop {
            match self.plain() {
                Some(b'"') => {
                    self.bump();
                    return Ok(kind);
                }
                Some(b'\\') => {
                    kind = NodeKind::Escaped;
                    self.at = self.escape()?;
                }
                _ => return Err(self.syntax()),
            }
        }
    }

    /// Pass over a key with its quotes; say which kind it is, and mix its bytes to 64 bits.
    #[inline(always)] // measured: 7 % of a scan; most tokens are strings
    pub(crate) fn key(&mut self) -> Result<(NodeKind, u64), Fault> {
        let start = self.at.wrapping_add(1);
        if let Some(word) = self.word_from(start) {
            let (found, byte) = care(word);
            if self.peek() == b'"' && byte == b'"' {
                // Short and plain, as most keys are: all of it is in the word.
                self.at = start.wrapping_add((found / 8) as usize).wrapping_add(1);
                let inside = word & !u64::MAX.wrapping_shl(found);
                return Ok((NodeKind::Plain, inside.wrapping_mul(MIX)));
            }
        }
        let (end, kind, mix) = self.long_key()?;
        self.at = end;
        Ok((kind, mix))
    }

    /// Where any key ends, its kind and its mix; works on a copy, so that the reader itself stays
    /// in registers.
    #[inline(never)]
    fn long_key(mut self) -> Result<(usize, NodeKind, u64), Fault> {
        let start = self.at;
        let kind = self.string()?;
        let inside = start.wrapping_add(1)..self.at.wrapping_sub(1);
        let text = self.bytes.get(inside).unwrap_or_default();
        // A short key may stand too near the end for `key`, and must be mixed as there.
        let word = match text.last_chunk::<8>() {
            Some(last) => u64::from_le_bytes(*last).wrapping_add(text.len() as u64),
            None => {
                text.iter().rev().fold(0_u64, |word, byte| word.wrapping_shl(8) | u64::from(*byte))
            }
        };
        Ok((self.at, kind, word.wrapping_mul(MIX)))
    }

    /// Pass over the bytes that need no care, eight at a time; return the one that does.
    #[inline]
    fn plain(&mut self) -> Option<u8> {
        while let Some(word) = self.word_from(self.at) {
            let (bits, byte) = care(word);
            if bits < 64 {
                self.at = self.at.wrapping_add((bits / 8) as usize);
                return Some(byte);
            }
            self.at = self.at.wrapping_add(8);
        }
        while let Some(&byte) = self.bytes.get(self.at) {
            if byte < 0x20 || byte == b'"' || byte == b'\\' {
                return Some(byte);
            }
            self.bump();
        }
        None
    }

    /// Where an escape ends; works on a copy, so that the reader itself stays in registers.
    fn escape(mut self) -> Result<usize, Fault> {
        let start = self.place();
        self.bump();
        let letter = self.peek();
        self.bump();
        match letter {
            b'u' => {}
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => return Ok(self.at),
            _ => return Err(Fault::Syntax(start.wrapping_add(1))),
        }
        match self.hex()? {
            0xD800..=0xDBFF => {
                let pair = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u"));
                if !pair {
                    return Err(Fault::Surrogate(start));
                }
                self.at = self.at.wrapping_add(2);
                match self.hex()? {
                    0xDC00..=0xDFFF => Ok(self.at),
                    _ => Err(Fault::Surrogate(start)),
                }
            }
            0xDC00..=0xDFFF => Err(Fault::Surrogate(start)),
            _ => Ok(self.at),
        }
    }

    fn hex(&mut self) -> Result<u32, Fault> {
        let mut value = 0u32;
        for _ in 0..4 {
            let digit = char::from(self.peek()).to_digit(16).ok_or_else(|| self.syntax())?;
            value = value.wrapping_mul(16).wrapping_add(digit);
            self.bump();
        }
        Ok(value)
    }

    /// Pass over digits, at least one.
    #[inline]
    fn digits(&mut self) -> Result<(), Fault> {
        if !self.peek().is_ascii_digit() {
            return Err(self.syntax());
        }
        while self.peek().is_ascii_digit() {
            self.bump();
        }
        Ok(())
    }

    /// Pass over a number; say how it is written.
    #[inline(always)] // measured: a call keeps the reader in memory
    pub(crate) fn number(&mut self) -> Result<NumberForm, Fault> {
        if let Some((size, form)) = self.word_from(self.at).and_then(short_number) {
            self.at = self.at.wrapping_add(size);
            return Ok(form);
        }
        let (end, form) = self.long_number()?;
        self.at = end;
        Ok(form)
    }

    /// Where any number ends, and how it is written; works on a copy as `escape` does.
    #[inline(never)]
    fn long_number(mut self) -> Result<(usize, NumberForm), Fault> {
        let start = self.at;
        let mut form = NumberForm::Digits;
        if self.peek() == b'-' {
            self.bump();
        }
        if self.peek() == b'0' {
            self.bump();
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            form = NumberForm::Fraction;
            self.bump();
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            form = NumberForm::Exponent;
            self.bump();
            if matches!(self.peek(), b'+' | b'-') {
                self.bump();
            }
            self.digits()?;
        }
        let text = self.bytes.get(start..self.at).unwrap_or_default();
        if text.len() > NUMBER_CHARS || (form == NumberForm::Exponent && !fits_double(text)) {
            return Err(Fault::Number(short(start)));
        }
        Ok((self.at, form))
    }
}

/// The size and form of the number that a word begins with, if the word shows all of it and there
/// is nothing to it but digits and perhaps one point; what is doubtful is left to the long way.
#[inline]
fn short_number(word: u64) -> Option<(usize, NumberForm)> {
    let values = word ^ LOW.wrapping_mul(u64::from(b'0'));
    let others = (values.wrapping_add(LOW.wrapping_mul(0x76)) | values) & HIGH;
    let point = word ^ LOW.wrapping_mul(u64::from(b'.'));
    let points = point.wrapping_sub(LOW) & !point & HIGH;
    let ends = others & !points;
    let bits = ends.trailing_zeros() & !7;
    let [end, ..] = word.wrapping_shr(bits).to_le_bytes();
    if !matches!(end, b',' | b'}' | b']') {
        return None;
    }
    let size = (bits / 8) as usize;
    // A zero may only stand alone or before the point.
    let zero = values.trailing_zeros() >= 8;
    let inside = points & !u64::MAX.wrapping_shl(bits);
    if inside == 0 {
        let leads = zero && size > 1;
        return (size > 0 && !leads).then_some((size, NumberForm::Digits));
    }
    let single = inside & inside.wrapping_sub(1) == 0;
    let place = (inside.trailing_zeros() / 8) as usize;
    let leads = zero && place > 1;
    let fine = single && place > 0 && place.wrapping_add(1) < size && !leads;
    fine.then_some((size, NumberForm::Fraction))
}

/// The bits of a word before its first byte that a string cannot just hold, and that byte.
#[inline]
fn care(word: u64) -> (u32, u8) {
    let zero = |word: u64| word.wrapping_sub(LOW) & !word & HIGH;
    let control = word.wrapping_sub(LOW.wrapping_mul(0x20)) & !word & HIGH;
    let quote = zero(word ^ LOW.wrapping_mul(u64::from(b'"')));
    let slash = zero(word ^ LOW.wrapping_mul(u64::from(b'\\')));
    let bits = (control | quote | slash).trailing_zeros() & !7;
    let [byte, ..] = word.wrapping_shr(bits).to_le_bytes();
    (bits, byte)
}

/// Say whether a number with an exponent neither overflows a double nor vanishes in it.
fn fits_double(text: &[u8]) -> bool {
    let Some(value) = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok())
    else {
        return false;
    };
    let mantissa = text.split(|&byte| byte == b'e' || byte == b'E').next().unwrap_or_default();
    let nothing = mantissa.iter().all(|byte| matches!(byte, b'0' | b'.' | b'-'));
    value.is_finite() && (value != 0.0 || nothing)
}
