//! Strings with escapes: read, and written.

/// Write `text` as a JSON string, quotes included.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            0..=0x1f => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// What the inside of a string means.
pub(crate) fn unescape(inner: &str) -> String {
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, tail)) = rest.split_once('\\') {
        text.push_str(plain);
        rest = unescape_one(tail, &mut text);
    }
    text.push_str(rest);
    text
}

/// Decode what follows a backslash; the scan has checked that it is well formed.
fn unescape_one<'a>(tail: &'a str, text: &mut String) -> &'a str {
    let mut chars = tail.chars();
    match chars.next() {
        Some('b') => text.push('\u{8}'),
        Some('f') => text.push('\u{c}'),
        Some('n') => text.push('\n'),
        Some('r') => text.push('\r'),
        Some('t') => text.push('\t'),
        Some('u') => {
            let unit = |from: usize| {
                let digits = tail.get(from..from.wrapping_add(4)).unwrap_or_default();
                u16::from_str_radix(digits, 16).unwrap_or(0xFFFD)
            };
            let high = unit(1);
            let pair = (0xD800..0xDC00).contains(&high);
            let units = if pair { [high, unit(7)] } else { [high, 0] };
            let used = if pair { units.as_slice() } else { units.get(..1).unwrap_or_default() };
            text.extend(
                char::decode_utf16(used.iter().copied()).map(|unit| unit.unwrap_or('\u{FFFD}')),
            );
            return tail.get(if pair { 11 } else { 5 }..).unwrap_or_default();
        }
        Some(other) => text.push(other),
        None => {}
    }
    chars.as_str()
}
