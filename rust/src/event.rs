//! Events: one JSON line when a verdict falls and one when its exchange ends.
//!
//! Lines are encoded here and wait in a bounded buffer until the audit trail drains them. They
//! hold names, sizes and digests, never arguments or results.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::rewrite::push_string;
use crate::ticket::Totals;
use crate::verdict::{Outcome, Reason};

/// More than this waiting to be drained, and the gate takes no more messages.
const BUFFER_BYTES: usize = 4 << 20;
/// Client-given texts are cut to this in events.
const TEXT_BYTES: usize = 256;
const NS_PER_S: i64 = 1_000_000_000;

/// Where events are numbered, encoded and kept until drained.
#[derive(Debug)]
pub struct Events {
    buffer: Mutex<Vec<u8>>,
    counter: AtomicU64,
    /// Wall clock minus monotonic clock, in nanoseconds.
    offset: AtomicI64,
    seed: u64,
    node: Vec<u8>,
}

/// What is recorded when a verdict falls.
#[derive(Debug, Default)]
pub struct Ruling<'a> {
    /// The event id.
    pub event: &'a str,
    /// What was said.
    pub outcome: &'a str,
    /// Why it was refused.
    pub reason: Option<Reason>,
    /// Who called.
    pub principal: &'a str,
    /// The session's digest.
    pub session: &'a str,
    /// The caller's revision.
    pub revision: &'a str,
    /// The method asked for.
    pub method: &'a str,
    /// The name or URI that the client used.
    pub exposed: &'a str,
    /// The server.
    pub server: &'a str,
    /// The server's own name of the entry.
    pub entry: &'a str,
    /// The snapshot that judged.
    pub snapshot: u64,
    /// Size of the message.
    pub request_bytes: usize,
    /// SHA-256 of the arguments as sent, in hex.
    pub arguments_sha256: &'a str,
}

/// What is recorded when an exchange ends.
#[derive(Debug)]
pub struct Ending<'a> {
    /// The event id of its verdict.
    pub event: &'a str,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed.
    pub reason: Option<Reason>,
    /// From verdict to end.
    pub duration_ns: u64,
    /// What came back.
    pub totals: Totals,
}

impl Events {
    /// Number events from `seed` on and name this node in them.
    pub fn new(seed: &[u8; 32], node: &str) -> Self {
        let seed = seed.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let mut name = Vec::new();
        push_string(&mut name, node);
        Self {
            buffer: Mutex::new(Vec::new()),
            counter: AtomicU64::new(0),
            offset: AtomicI64::new(0),
            seed,
            node: name,
        }
    }

    /// Tie the monotonic clock to the wall clock.
    pub fn align(&self, wall_ns: i64, now: i64) {
        self.offset.store(wall_ns.saturating_sub(now), Ordering::Relaxed);
    }

    /// The wall clock at this monotonic time.
    pub fn wall(&self, now: i64) -> i64 {
        now.saturating_add(self.offset.load(Ordering::Relaxed))
    }

    /// A new event id: 26 letters that sort by time.
    pub fn id(&self, now: i64) -> String {
        const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let ms = self.wall(now).checked_div(1_000_000).unwrap_or(0).max(0).cast_unsigned();
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let mut bits = (u128::from(ms) << 80)
            | (u128::from(self.seed & 0xff_ffff_ffff) << 40)
            | u128::from(count & 0xff_ffff_ffff);
        let mut out = [b'0'; 26];
        for slot in out.iter_mut().rev() {
            let index = usize::try_from(bits & 31).unwrap_or(0);
            *slot = LETTERS.get(index).copied().unwrap_or(b'0');
            bits >>= 5;
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Whether too much waits to be drained.
    pub fn is_full(&self) -> bool {
        self.lock().len() > BUFFER_BYTES
    }

    /// Take what waits.
    pub fn drain(&self) -> Vec<u8> {
        let mut buffer = self.lock();
        let room = buffer.capacity().min(4096);
        std::mem::replace(&mut *buffer, Vec::with_capacity(room))
    }

    /// Record a verdict.
    pub fn rule(&self, ruling: &Ruling<'_>, now: i64) {
        let mut buffer = self.lock();
        let out = &mut *buffer;
        self.begin(out, "verdict", ruling.event, now);
        text(out, "outcome", ruling.outcome);
        reason(out, ruling.reason, true);
        text(out, "principal", ruling.principal);
        text(out, "session", ruling.session);
        text(out, "revision", ruling.revision);
        text(out, "method", ruling.method);
        text(out, "exposed", ruling.exposed);
        text(out, "server", ruling.server);
        text(out, "entry", ruling.entry);
        text(out, "arguments_sha256", ruling.arguments_sha256);
        number(out, "snapshot", ruling.snapshot);
        number(out, "request_bytes", u64::try_from(ruling.request_bytes).unwrap_or(u64::MAX));
        out.extend_from_slice(b"}\n");
    }

    /// Record the end of an exchange.
    pub fn end(&self, ending: &Ending<'_>, now: i64) {
        let mut buffer = self.lock();
        let out = &mut *buffer;
        self.begin(out, "end", ending.event, now);
        text(out, "outcome", ending.outcome.name());
        reason(out, ending.reason, false);
        number(out, "duration_us", ending.duration_ns.checked_div(1000).unwrap_or(0));
        number(out, "reply_bytes", ending.totals.reply_bytes);
        number(out, "messages", ending.totals.messages);
        number(out, "progress", ending.totals.progress);
        if ending.totals.redacted > 0 {
            number(out, "secrets", ending.totals.redacted);
        }
        if ending.totals.misfit {
            out.extend_from_slice(b",\"result_mismatch\":true");
        }
        out.extend_from_slice(if ending.totals.is_error {
            b",\"is_error\":true"
        } else {
            b",\"is_error\":false"
        });
        out.extend_from_slice(b"}\n");
    }

    fn begin(&self, out: &mut Vec<u8>, kind: &str, event: &str, now: i64) {
        out.extend_from_slice(b"{\"v\":1,\"kind\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"event\":\"");
        out.extend_from_slice(event.as_bytes());
        out.extend_from_slice(b"\",\"at\":\"");
        push_time(out, self.wall(now));
        out.extend_from_slice(b"\",\"node\":");
        out.extend_from_slice(&self.node);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(out: &mut Vec<u8>, key: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
    let mut end = value.len().min(TEXT_BYTES);
    while !value.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    push_string(out, value.get(..end).unwrap_or_default());
}

fn reason(out: &mut Vec<u8>, reason: Option<Reason>, with_step: bool) {
    if let Some(row) = reason.map(Reason::row) {
        text(out, "reason", row.name);
        if with_step {
            text(out, "step", row.step.name());
        }
    }
}

fn number(out: &mut Vec<u8>, key: &str, value: u64) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
    push_digits(out, value, 1);
}

/// Write at least `width` digits.
fn push_digits(out: &mut Vec<u8>, value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut rest = value;
    let mut used = 0usize;
    for slot in digits.iter_mut().rev() {
        if rest == 0 && used >= width {
            break;
        }
        *slot = b'0'.wrapping_add(u8::try_from(rest % 10).unwrap_or(0));
        rest /= 10;
        used = used.saturating_add(1);
    }
    out.extend_from_slice(digits.get(20usize.saturating_sub(used)..).unwrap_or_default());
}

/// Write a time as RFC 3339 in UTC with microseconds.
fn push_time(out: &mut Vec<u8>, wall_ns: i64) {
    let seconds = wall_ns.div_euclid(NS_PER_S);
    let micros = wall_ns.rem_euclid(NS_PER_S) / 1000;
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let parts: [(i64, usize, u8); 7] = [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b'T'),
        (second / 3600, 2, b':'),
        (second / 60 % 60, 2, b':'),
        (second % 60, 2, b'.'),
        (micros, 6, b'Z'),
    ];
    for (value, width, mark) in parts {
        push_digits(out, value.max(0).cast_unsigned(), width);
        out.push(mark);
    }
}

/// Year, month and day of a day counted from 1970-01-01 (proleptic Gregorian calendar).
#[expect(
    clippy::arithmetic_side_effects,
    reason = "days come from an i64 of nanoseconds: far from overflow"
)]
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(wall_ns: i64) -> String {
        let mut out = Vec::new();
        push_time(&mut out, wall_ns);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(stamp(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(stamp(951_782_400_000_001_000), "2000-02-29T00:00:00.000001Z");
        assert_eq!(stamp(1_795_374_245_123_456_789), "2026-11-22T19:04:05.123456Z");
    }

    #[test]
    fn ids_are_unique_and_sort_by_time() {
        let events = Events::new(&[7; 32], "n");
        events.align(1_700_000_000_000_000_000, 0);
        let ids: Vec<_> = (0..100).map(|step| events.id(step * 1_000_000)).collect();
        let mut sorted = ids.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(ids, sorted);
    }

    #[test]
    fn lines_are_json_and_texts_are_cut() {
        let events = Events::new(&[7; 32], "node \"1\"");
        let long = "é".repeat(400);
        let ruling = Ruling {
            event: "e",
            outcome: "refuse",
            reason: Some(Reason::UnknownTool),
            exposed: &long,
            ..Ruling::default()
        };
        events.rule(&ruling, 5);
        let line: serde_json::Value = serde_json::from_slice(&events.drain()).unwrap();
        assert_eq!(line["node"], "node \"1\"");
        assert_eq!(line["step"], "entry");
        assert_eq!(line["exposed"].as_str().unwrap().len(), 256);
        assert!(events.drain().is_empty());
    }
}
