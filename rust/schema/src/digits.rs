//! A number of the tape as the validator reads it.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use jsonschema_value::JsonNumber;
use mcpgate_json::{Decimal, NumberForm};
use serde_json::Number;

/// Characters of a number whose arithmetic is plain.
const SHORT_NUMBER: usize = 18;
/// The largest whole number up to which a double holds all of them.
const EXACT: u64 = 1 << 53;
/// Powers of ten, each exact in a double; as many as a short number has places.
const POWERS: [f64; SHORT_NUMBER] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17,
];

/// The text of a JSON number, and how it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Digits<'a> {
    text: &'a str,
    form: NumberForm,
}

impl<'a> Digits<'a> {
    #[inline]
    pub(crate) const fn new(text: &'a str, form: NumberForm) -> Self {
        Self { text, form }
    }

    /// Whether it has few characters and no exponent.
    #[inline]
    pub(crate) fn is_short(self) -> bool {
        self.text.len() <= SHORT_NUMBER && self.form != NumberForm::Exponent
    }

    /// Whether it is written with digits only, without fraction and exponent.
    #[inline]
    pub(crate) fn is_plain(self) -> bool {
        self.form == NumberForm::Digits
    }

    /// Whether its value is an integer, however it is written.
    #[inline]
    pub(crate) fn is_whole(self) -> bool {
        self.is_plain() || {
            let decimal = self.decimal();
            decimal.is_zero() || decimal.power >= 0
        }
    }

    fn decimal(self) -> Decimal<'a> {
        Decimal::read(self.text)
    }

    /// The nearest double of a short number: two exact ones divided, and rounded once.
    #[inline]
    fn short_double(self) -> Option<f64> {
        if !self.is_short() {
            return None;
        }
        let (negative, digits) = match self.text.as_bytes() {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        let (mut mantissa, mut places) = (0_u64, 0);
        for (place, byte) in digits.iter().enumerate() {
            if *byte == b'.' {
                places = digits.len().wrapping_sub(place).wrapping_sub(1);
            } else {
                let digit = u64::from(byte.wrapping_sub(b'0'));
                mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
            }
        }
        if mantissa > EXACT {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a double holds whole numbers up to 2^53")]
        let size = mantissa as f64 / POWERS.get(places)?;
        Some(if negative { -size } else { size })
    }
}

impl PartialEq for Digits<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text || self.decimal() == other.decimal()
    }
}

impl Eq for Digits<'_> {}

impl Hash for Digits<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.decimal().hash(state);
    }
}

impl JsonNumber for Digits<'_> {
    #[inline]
    fn as_u64(&self) -> Option<u64> {
        if self.is_plain() { self.text.parse().ok() } else { None }
    }

    #[inline]
    fn as_i64(&self) -> Option<i64> {
        if self.is_plain() { self.text.parse().ok() } else { None }
    }

    #[inline]
    fn as_f64(&self) -> Option<f64> {
        self.short_double().or_else(|| self.text.parse().ok())
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.text)
    }

    fn to_number(&self) -> Cow<'_, Number> {
        Cow::Owned(serde_json::from_str(self.text).unwrap_or_else(|_| Number::from(0)))
    }

    fn is_integer(&self) -> bool {
        self.is_whole()
    }

    fn is_written_as_integer(&self) -> bool {
        self.is_plain()
    }
}

#[cfg(test)]
mod tests {
    use mcpgate_json::Tape;
    use proptest::prelude::*;

    use super::*;

    /// A number as the tape has it.
    fn read(text: &str) -> Digits<'_> {
        let mut tape = Tape::default();
        let doc = tape.scan(text.as_bytes(), 1).unwrap();
        let (_, form) = doc.number(doc.root()).unwrap();
        Digits::new(text, form)
    }

    #[test]
    fn a_number_is_whole_by_its_value() {
        for text in
            ["0", "-0", "1", "1.0", "1e2", "1.5e1", "10e-1", "0e-9", "0.0", "1E300", "-12.50e1"]
        {
            assert!(read(text).is_whole(), "{text}");
        }
        for text in ["0.1", "1e-1", "1.5", "15e-2", "1.25e1", "1.00000000000000000001", "1e-300"] {
            assert!(!read(text).is_whole(), "{text}");
        }
    }

    #[test]
    fn equality_is_exact() {
        for (left, right) in
            [("1", "1.0"), ("100", "1e2"), ("0", "-0.0"), ("0.001", "1e-3"), ("120", "12.0e1")]
        {
            assert_eq!(read(left), read(right));
        }
        for (left, right) in [
            ("1", "-1"),
            ("9007199254740993", "9007199254740992"),
            ("9007199254740993", "9007199254740992.0"),
            ("1000000000000000000000000000001", "1e30"),
            ("0", "1e-300"),
        ] {
            assert_ne!(read(left), read(right));
        }
    }

    /// Numbers at the edges of what is read the short way, and any other.
    fn texts() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "-?(0|[1-9][0-9]{0,19})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?",
            2 => "-?(0|[1-9][0-9]{0,7})(\\.[0-9]{1,9})?",
            1 => "-?90071992547409[0-9]{2}(\\.[0-9])?",
            1 => "-?9007199254740\\.99[0-9]",
            1 => any::<i64>().prop_map(|number| number.to_string()),
            1 => any::<u64>().prop_map(|number| number.to_string()),
            1 => Just("-0".to_owned()),
            1 => Just("-0.0".to_owned()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn every_reading_is_what_the_standard_library_parses(text in texts()) {
            let digits = read(&text);
            prop_assert_eq!(digits.as_u64(), text.parse().ok(), "{}", text);
            prop_assert_eq!(digits.as_i64(), text.parse().ok(), "{}", text);
            let double = text.parse().ok().map(f64::to_bits);
            prop_assert_eq!(digits.as_f64().map(f64::to_bits), double, "{}", text);
            let written = !text.contains(['.', 'e', 'E']);
            prop_assert_eq!(digits.is_written_as_integer(), written, "{}", text);
        }

        #[test]
        fn whole_numbers_are_the_library_s(
            number in any::<i32>(), power in -6_i32..6, places in 1_usize..4,
        ) {
            let text = format!("{number}.{}e{power}", "0".repeat(places));
            let value: f64 = text.parse().unwrap();
            prop_assert_eq!(read(&text).is_whole(), value.fract() == 0.0, "{}", text);
        }
    }
}
