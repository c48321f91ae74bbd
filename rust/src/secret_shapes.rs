//! Shapes of secrets that a row of pieces cannot say: those that look back, or inside.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use memchr::memmem;

use crate::secret_marks::{ESCAPE_BYTES, begins, run, without_dots};

/// Schemes of URLs that carry a password to a server.
const SCHEMES: [&[u8]; 20] = [
    b"postgres",
    b"postgresql",
    b"mysql",
    b"mysql2",
    b"mariadb",
    b"mongodb",
    b"mongodb+srv",
    b"redis",
    b"rediss",
    b"amqp",
    b"amqps",
    b"mssql",
    b"sqlserver",
    b"clickhouse",
    b"cockroachdb",
    b"oracle",
    b"http",
    b"https",
    b"ftp",
    b"sftp",
];
/// The longest user name and password of a URL.
const USERINFO_BYTES: usize = 256;
/// How far before a credential its header's name may begin.
const HEADER_BYTES: usize = 32;
/// The longest base64 that is looked into.
const CODED_BYTES: usize = 1024;
const DASHES: &[u8] = b"-----";
/// A line of a key has at least this many letters of base64.
const KEY_BYTES: usize = 40;

/// Bytes of most tokens.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_coded(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn is_bearer(byte: u8) -> bool {
    is_token(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'=')
}

fn is_userinfo(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(
            byte,
            b'"' | b'\'' | b'/' | b'<' | b'>' | b'@' | b'[' | b'\\' | b']' | b'`' | b'{' | b'}'
        )
}

fn is_user(byte: u8) -> bool {
    is_userinfo(byte) && byte != b':'
}

/// Three parts of base64url of which the first is a JSON object that names an algorithm.
pub(crate) fn web_token(text: &[u8], place: usize, _: usize, raw: bool) -> Option<Range<usize>> {
    if !begins(text, place, raw) {
        return None;
    }
    let rest = text.get(place..)?;
    let header = run(rest, is_token, 10, CODED_BYTES)?;
    let mut plain = [0; CODED_BYTES];
    let size = URL_SAFE_NO_PAD.decode_slice(rest.get(..header)?, &mut plain).ok()?;
    let plain = plain.get(..size)?;
    if !plain.starts_with(b"{") || memmem::find(plain, b"\"alg\"").is_none() {
        return None;
    }
    let sealed = memmem::find(plain, b"\"enc\"").is_some();
    let mut end = header;
    for part in 1..if sealed { 5 } else { 3 } {
        let from = end.saturating_add(1);
        let tail = rest.get(end..)?.strip_prefix(b".")?;
        let length = tail.iter().take_while(|byte| is_token(**byte)).count();
        if length < 10 && !(sealed && part == 1) {
            return None;
        }
        end = from.saturating_add(length);
    }
    Some(place..place.saturating_add(end))
}

/// A private key from its BEGIN to its END; without an END, to the next dashes or the end.
pub(crate) fn private_key(text: &[u8], place: usize, at: usize, raw: bool) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let size = rest.iter().take(48).take_while(|byte| !matches!(byte, b'-' | b'"')).count();
    let label = rest.get(..size)?;
    let private = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
    let body = rest.get(size..)?.strip_prefix(DASHES)?;
    if !private || raw {
        return private.then_some(place..at);
    }
    let inside = memmem::find(body, DASHES).unwrap_or(body.len());
    if longest_run(body.get(..inside)?) < KEY_BYTES {
        return None;
    }
    let tail = body.get(inside..)?;
    let closing = [DASHES, b"END ", label, DASHES].concat();
    let end = if tail.starts_with(&closing) { closing.len() } else { 0 };
    let length = rest.len().saturating_sub(tail.len()).saturating_add(end);
    Some(place..at.saturating_add(length))
}

fn longest_run(body: &[u8]) -> usize {
    body.split(|byte| !is_coded(*byte)).map(<[u8]>::len).max().unwrap_or(0)
}

/// The password of a URL.
pub(crate) fn url_password(
    text: &[u8],
    place: usize,
    at: usize,
    raw: bool,
) -> Option<Range<usize>> {
    let before = text.get(..place)?;
    let named = |scheme: &&[u8]| {
        before.ends_with(scheme) && begins(text, place.saturating_sub(scheme.len()), raw)
    };
    SCHEMES.iter().find(|scheme| named(scheme))?;
    let user = run(text.get(at..)?, is_user, 0, USERINFO_BYTES)?;
    let start = at.saturating_add(user).saturating_add(1);
    let rest = text.get(start.saturating_sub(1)..)?.strip_prefix(b":")?;
    let length = run(rest, is_userinfo, 1, USERINFO_BYTES)?;
    let password = rest.get(..length)?;
    let host = rest.get(length..)?.strip_prefix(b"@")?.first()?;
    let masked = password.iter().all(|byte| matches!(byte, b'*' | b'.' | b'x' | b'X' | b'_'));
    let secret = !masked && !password.starts_with(b"$") && !password.starts_with(b"%");
    let host = host.is_ascii_alphanumeric() || *host == b'[';
    (secret && host).then(|| start..start.saturating_add(length))
}

/// Whether a credential that begins here is one of a header: it is the whole value, or the header's
/// name is close before it.
fn in_header(text: &[u8], place: usize, raw: bool) -> bool {
    // In raw JSON what is near may be written longer; the decoded text is judged afterwards.
    let reach = if raw { HEADER_BYTES.saturating_mul(ESCAPE_BYTES) } else { HEADER_BYTES };
    let near = text.get(place.saturating_sub(reach)..place).unwrap_or_default();
    let quoted = raw && near.last() == Some(&b'"');
    place == 0
        || quoted
        || near.windows(13).any(|window| window.eq_ignore_ascii_case(b"authorization"))
}

/// The token behind `Bearer` in an Authorization header.
pub(crate) fn bearer(text: &[u8], place: usize, at: usize, raw: bool) -> Option<Range<usize>> {
    let word = place.checked_sub(1)?;
    let first = matches!(text.get(word)?, b'B' | b'b');
    if !first || !begins(text, word, raw) || !in_header(text, word, raw) {
        return None;
    }
    let rest = text.get(at..)?;
    let length = run(rest, is_bearer, 16, usize::MAX)?;
    let digits = rest.get(..length)?.iter().any(u8::is_ascii_digit);
    digits.then(|| at..without_dots(text, at.saturating_add(length)))
}

/// The user and password behind `Basic` in an Authorization header.
pub(crate) fn basic(text: &[u8], place: usize, at: usize, raw: bool) -> Option<Range<usize>> {
    let word = place.checked_sub(1)?;
    let first = matches!(text.get(word)?, b'B' | b'b');
    if !first || !begins(text, word, raw) || !in_header(text, word, raw) {
        return None;
    }
    let rest = text.get(at..)?;
    let length = run(rest, is_coded, 8, CODED_BYTES)?;
    let mut plain = [0; CODED_BYTES];
    let size = STANDARD.decode_slice(rest.get(..length)?, &mut plain).ok()?;
    let plain = std::str::from_utf8(plain.get(..size)?).ok()?;
    let pair = plain.contains(':') && !plain.chars().any(char::is_control);
    pair.then(|| at..at.saturating_add(length))
}

/// A key of at least 32 bytes with both letters and digits in one unbroken stretch of 20.
pub(crate) fn model_key(text: &[u8], place: usize, at: usize, raw: bool) -> Option<Range<usize>> {
    if !begins(text, place, raw) {
        return None;
    }
    let rest = text.get(at..)?;
    let length = run(rest, is_token, 32, CODED_BYTES)?;
    let mixed = |part: &[u8]| {
        part.len() >= 20
            && part.iter().any(u8::is_ascii_digit)
            && part.iter().any(u8::is_ascii_alphabetic)
    };
    let body = rest.get(..length)?;
    let found = body.split(|byte| matches!(byte, b'-' | b'_')).any(mixed);
    found.then(|| place..at.saturating_add(length))
}

/// A bot's number, a colon and 35 letters, of which the mark has the first two.
pub(crate) fn bot_token(text: &[u8], place: usize, at: usize, raw: bool) -> Option<Range<usize>> {
    let before = text.get(..place)?;
    let digits = before.iter().rev().take(11).take_while(|byte| byte.is_ascii_digit()).count();
    let start = place.saturating_sub(digits);
    if !(8..=10).contains(&digits) || !begins(text, start, raw) {
        return None;
    }
    let length = run(text.get(at..)?, is_token, 33, 33)?;
    Some(start..at.saturating_add(length))
}

/// Fourteen letters before the mark and at least sixty behind it.
pub(crate) fn cloud_token(text: &[u8], place: usize, at: usize, raw: bool) -> Option<Range<usize>> {
    let start = place.checked_sub(14)?;
    let head = text.get(start..place)?;
    if !head.iter().all(u8::is_ascii_alphanumeric) || !begins(text, start, raw) {
        return None;
    }
    let length = run(text.get(at..)?, is_token, 60, usize::MAX)?;
    Some(start..at.saturating_add(length))
}

/// The 40 letters behind the name of the setting.
pub(crate) fn named_key(text: &[u8], _: usize, at: usize, _: bool) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let separator = |byte: u8| matches!(byte, b' ' | b':' | b'=' | b'"' | b'\'' | b'\\');
    let skipped = run(rest, separator, 1, 12)?;
    let length = run(rest.get(skipped..)?, is_coded, 40, 40)?;
    let start = at.saturating_add(skipped);
    Some(start..start.saturating_add(length))
}
