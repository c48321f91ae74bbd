//! A number as it is written, read exactly at any size.

use std::hash::{Hash, Hasher};

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberForm {
    /// With digits alone, and perhaps a sign.
    Digits,
    /// With a fraction.
    Fraction,
    /// With an exponent, and perhaps a fraction.
    Exponent,
}

/// A number as `digits * 10^power`, with no zero at either end of the digits; zero has none.
#[derive(Debug, Clone, Copy)]
pub struct Decimal<'a> {
    /// Whether a minus stands before it.
    pub negative: bool,
    /// The power of ten behind the digits.
    pub power: i64,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    /// Read the text of a JSON number.
    pub fn read(text: &'a str) -> Self {
        let unsigned = text.strip_prefix('-');
        let (mantissa, power) = cut(unsigned.unwrap_or(text), &['e', 'E']);
        let (whole, fraction) = cut(mantissa, &['.']);
        let fraction = fraction.trim_end_matches('0');
        let places = long(fraction.len());
        let whole = whole.trim_start_matches('0');
        let kept = if fraction.is_empty() { whole.trim_end_matches('0') } else { whole };
        let zeros = long(whole.len().saturating_sub(kept.len()));
        let fraction = if kept.is_empty() { fraction.trim_start_matches('0') } else { fraction };
        let power = power_of(power).saturating_add(zeros).saturating_sub(places);
        Self { negative: unsigned.is_some(), power, whole: kept, fraction }
    }

    /// Whether it is zero, of either sign.
    pub fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    /// Its digits, as letters.
    pub fn digits(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.whole.bytes().chain(self.fraction.bytes())
    }
}

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        if self.is_zero() || other.is_zero() {
            return self.is_zero() && other.is_zero();
        }
        self.negative == other.negative
            && self.power == other.power
            && self.digits().eq(other.digits())
    }
}

impl Eq for Decimal<'_> {}

impl Hash for Decimal<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.is_zero() {
            return state.write_u8(0);
        }
        state.write_u8(if self.negative { 2 } else { 1 });
        state.write_i64(self.power);
        self.digits().for_each(|digit| state.write_u8(digit));
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
