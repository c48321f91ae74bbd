//! The reader under the tape: passes over the tokens of JSON and refuses what readers disagree on.

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
pub(crate) struct Reader<'a> {
    pub(crate) text: &'a str,
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

/// A length as the tape keeps it.
#[expect(clippy::cast_possible_truncation, reason = "scan refuses inputs over u32::MAX bytes")]
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

    /// Pass over a string with its quotes; say whether it has escapes.
    #[expect(clippy::inline_always, reason = "measured: 7 % of a scan; most tokens are strings")]
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<bool, Fault> {
        self.expect(b'"')?;
        let mut escaped = false;
        loop {
            match self.plain() {
                Some(b'"') => {
                    self.bump();
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(self.syntax()),
            }
        }
    }

    /// Pass over the bytes that need no care, eight at a time; return the one that does.
    #[inline]
    fn plain(&mut self) -> Option<u8> {
        const LOW: u64 = 0x0101_0101_0101_0101;
        const HIGH: u64 = 0x8080_8080_8080_8080;
        let zero = |word: u64| word.wrapping_sub(LOW) & !word & HIGH;
        while let Some(chunk) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_le_bytes(*chunk);
            let control = word.wrapping_sub(LOW.wrapping_mul(0x20)) & !word & HIGH;
            let quote = zero(word ^ LOW.wrapping_mul(u64::from(b'"')));
            let slash = zero(word ^ LOW.wrapping_mul(u64::from(b'\\')));
            let found = control | quote | slash;
            if found != 0 {
                let bits = found.trailing_zeros() & !7;
                self.at = self.at.wrapping_add((bits / 8) as usize);
                let [byte, ..] = word.wrapping_shr(bits).to_le_bytes();
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

    fn escape(&mut self) -> Result<(), Fault> {
        let start = self.place();
        self.bump();
        let letter = self.peek();
        if letter != b'u' {
            if !matches!(letter, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') {
                return Err(self.syntax());
            }
            self.bump();
            return Ok(());
        }
        self.bump();
        match self.hex()? {
            0xD800..=0xDBFF => {
                let pair = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u"));
                if !pair {
                    return Err(Fault::Surrogate(start));
                }
                self.at = self.at.wrapping_add(2);
                match self.hex()? {
                    0xDC00..=0xDFFF => Ok(()),
                    _ => Err(Fault::Surrogate(start)),
                }
            }
            0xDC00..=0xDFFF => Err(Fault::Surrogate(start)),
            _ => Ok(()),
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

    #[inline]
    pub(crate) fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if self.peek() == b'-' {
            self.bump();
        }
        if self.peek() == b'0' {
            self.bump();
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.bump();
            self.digits()?;
        }
        let exponent = matches!(self.peek(), b'e' | b'E');
        if exponent {
            self.bump();
            if matches!(self.peek(), b'+' | b'-') {
                self.bump();
            }
            self.digits()?;
        }
        let text = self.bytes.get(start..self.at).unwrap_or_default();
        if text.len() > NUMBER_CHARS || (exponent && !fits_double(text)) {
            return Err(Fault::Number(short(start)));
        }
        Ok(())
    }
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
