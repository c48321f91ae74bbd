//! A number as it is written, read exactly at any size.

use std::hash::{Hash, Hasher};

/// The text of a JSON number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Digits<'a>(pub(crate) &'a str);

/// A number as `0.digits * 10^exponent`, with no zero at either end of the digits.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl Digits<'_> {
    /// Whether it is written with digits only, without fraction and exponent.
    #[inline]
    pub(crate) fn is_plain(self) -> bool {
        !self.0.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
    }

    /// Whether its value is an integer, however it is written.
    #[inline]
    pub(crate) fn is_whole(self) -> bool {
        self.is_plain() || {
            let parts = self.parts();
            parts.is_zero() || parts.exponent >= long(parts.digits().count())
        }
    }

    fn parts(&self) -> Parts<'_> {
        let text = self.0.strip_prefix('-');
        let negative = text.is_some();
        let (mantissa, power) = cut(text.unwrap_or(self.0), &['e', 'E']);
        let (whole, fraction) = cut(mantissa, &['.']);
        let whole = whole.trim_start_matches('0');
        let mut parts = Parts { negative, whole, fraction, exponent: power_of(power) };
        parts.trim();
        parts
    }
}

fn long(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn cut<'a>(text: &'a str, at: &[char]) -> (&'a str, &'a str) {
    text.split_once(at).unwrap_or((text, ""))
}

/// An exponent; one that does not fit is as far out as can be.
fn power_of(text: &str) -> i64 {
    let far = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    if text.is_empty() { 0 } else { text.parse().unwrap_or(far) }
}

impl Parts<'_> {
    fn trim(&mut self) {
        self.exponent = self.exponent.saturating_add(long(self.whole.len()));
        self.fraction = self.fraction.trim_end_matches('0');
        if self.fraction.is_empty() {
            self.whole = self.whole.trim_end_matches('0');
        }
        if self.whole.is_empty() {
            let significant = self.fraction.trim_start_matches('0');
            let zeros = self.fraction.len().saturating_sub(significant.len());
            self.exponent = self.exponent.saturating_sub(long(zeros));
            self.fraction = significant;
        }
    }

    fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.bytes().chain(self.fraction.bytes())
    }
}

impl PartialEq for Digits<'_> {
    fn eq(&self, other: &Self) -> bool {
        if self.0 == other.0 {
            return true;
        }
        let (left, right) = (self.parts(), other.parts());
        if left.is_zero() || right.is_zero() {
            return left.is_zero() && right.is_zero();
        }
        left.negative == right.negative
            && left.exponent == right.exponent
            && left.digits().eq(right.digits())
    }
}

impl Eq for Digits<'_> {}

impl Hash for Digits<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let parts = self.parts();
        if parts.is_zero() {
            return state.write_u8(0);
        }
        state.write_u8(if parts.negative { 2 } else { 1 });
        state.write_i64(parts.exponent);
        parts.digits().for_each(|digit| state.write_u8(digit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_whole_by_its_value() {
        for text in
            ["0", "-0", "1", "1.0", "1e2", "1.5e1", "10e-1", "0e-9", "0.0", "1E400", "-12.50e1"]
        {
            assert!(Digits(text).is_whole(), "{text}");
        }
        for text in ["0.1", "1e-1", "1.5", "15e-2", "1.25e1", "1.00000000000000000001", "1e-400"] {
            assert!(!Digits(text).is_whole(), "{text}");
        }
    }

    #[test]
    fn equality_is_exact() {
        for (left, right) in
            [("1", "1.0"), ("100", "1e2"), ("0", "-0.0"), ("0.001", "1e-3"), ("120", "12.0e1")]
        {
            assert_eq!(Digits(left), Digits(right));
        }
        for (left, right) in [
            ("1", "-1"),
            ("9007199254740993", "9007199254740992"),
            ("9007199254740993", "9007199254740992.0"),
            ("1000000000000000000000000000001", "1e30"),
            ("0", "1e-400"),
        ] {
            assert_ne!(Digits(left), Digits(right));
        }
    }
}
