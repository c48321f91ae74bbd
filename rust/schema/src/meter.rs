//! What one call may cost. Every reading of the document pays units; a call that has none left
//! stops at once, whatever the schema. A unit is a few nanoseconds on a small machine.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use mcpgate_json::Doc;

/// Units every call may spend.
pub(crate) const CALL_UNITS: u64 = 600_000;
/// Units more for every cell of the document.
pub(crate) const CELL_UNITS: u64 = 8;
/// Units no call may exceed, however long its document is.
pub(crate) const MOST_UNITS: u64 = 3_000_000;
/// Bytes of the document for one unit more.
const BYTES_PER_UNIT: u64 = 4;
/// Units for an error that is told.
const ERROR_UNITS: u64 = 200;
/// Bytes of a value that an error keeps a copy of.
pub(crate) const COPIED_BYTES: usize = 4096;
/// Bytes of text read for one unit where no pattern makes them dearer.
const PLAIN_BYTES: u64 = 32;
/// Bytes of text for one unit and each byte, where each may be looked at once for every other.
const SQUARE_BYTES: u64 = 16;

/// What a reading costs under one schema, decided when the schema loads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prices {
    /// For each member or item visited.
    pub(crate) visit: u64,
    /// For each look at a value; nothing where few subschemas judge one place, for then the visit
    /// has paid for all of them.
    pub(crate) look: u64,
    /// For each text handed to a pattern.
    pub(crate) text: Rate,
    /// For each name handed to all patterns for names.
    pub(crate) name: Rate,
    /// For a number that is not a short row of digits.
    pub(crate) number: u64,
    /// Whether errors are kept with copies of the values they are about.
    pub(crate) copies: bool,
}

/// What handing out a text costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// For the text as such.
    each: u64,
    /// For each of its bytes, in 1/32 of a unit.
    byte: u64,
    /// Whether a pattern may look at it once for each of its bytes.
    square: bool,
    /// Texts with fewer bytes than this pay nothing for them.
    free: usize,
}

/// The units left to a call.
#[derive(Debug)]
pub(crate) struct Meter {
    left: Cell<u64>,
    prices: Prices,
}

/// How a call that has spent its units ends.
struct Spent;

impl Default for Prices {
    fn default() -> Self {
        Self {
            visit: 1,
            look: 1,
            text: Rate::new(1, 1, false),
            name: Rate::new(1, 1, false),
            number: 1,
            copies: false,
        }
    }
}

impl Rate {
    pub(crate) fn new(each: u64, byte: u64, square: bool) -> Self {
        let free = if square { 0 } else { PLAIN_BYTES.div_ceil(byte.max(1)) };
        Self { each, byte, square, free: usize::try_from(free).unwrap_or(0) }
    }

    #[inline]
    fn of(&self, bytes: usize) -> u64 {
        if bytes < self.free { self.each } else { self.of_long(bytes) }
    }

    #[inline(never)]
    fn of_long(&self, bytes: usize) -> u64 {
        let bytes = bytes as u64;
        let plain = bytes.saturating_mul(self.byte) / PLAIN_BYTES;
        let again = if self.square { bytes.saturating_mul(bytes) / SQUARE_BYTES } else { 0 };
        self.each.saturating_add(plain).saturating_add(again)
    }
}

impl Meter {
    pub(crate) fn new(doc: &Doc<'_>, prices: Prices) -> Self {
        let cells = (doc.cells() as u64).saturating_mul(CELL_UNITS);
        let bytes = doc.bytes().len() as u64 / BYTES_PER_UNIT;
        let units = CALL_UNITS.saturating_add(cells).saturating_add(bytes);
        Self { left: Cell::new(units.min(MOST_UNITS)), prices }
    }

    /// Keep one part in `parts` of the units.
    pub(crate) fn share(&self, parts: u64) {
        self.left.set(self.left.get().checked_div(parts).unwrap_or_default());
    }

    /// Pay `units`, or stop the call.
    #[inline]
    pub(crate) fn pay(&self, units: u64) {
        match self.left.get().checked_sub(units) {
            Some(rest) => self.left.set(rest),
            None => stop(),
        }
    }

    /// Pay for a look at a value.
    #[inline]
    pub(crate) fn pay_look(&self) {
        if self.prices.look > 0 {
            self.pay(self.prices.look);
        }
    }

    /// Pay for a visit to a member or an item.
    #[inline]
    pub(crate) fn pay_visit(&self) {
        self.pay(self.prices.visit);
    }

    /// Pay for a text handed out to be matched or compared.
    #[inline]
    pub(crate) fn pay_text(&self, bytes: usize) {
        self.pay(self.prices.text.of(bytes));
    }

    /// Pay for a visit to a member, and for its name handed out to be looked up or matched.
    #[inline]
    pub(crate) fn pay_member(&self, bytes: usize) {
        self.pay(self.prices.name.of(bytes).saturating_add(self.prices.visit));
    }

    /// Pay for bytes only counted, compared or copied.
    #[inline]
    pub(crate) fn pay_bytes(&self, bytes: usize) {
        self.pay((bytes as u64 / PLAIN_BYTES).saturating_add(1));
    }

    /// Pay for a number to be read or divided.
    #[inline]
    pub(crate) fn pay_number(&self) {
        self.pay(self.prices.number);
    }

    /// Pay for an error about a value of so many bytes.
    pub(crate) fn pay_error(&self, bytes: usize) {
        let copied = self.prices.copies && bytes <= COPIED_BYTES;
        let copy = if copied { (bytes as u64).saturating_mul(2) } else { 0 };
        self.pay(ERROR_UNITS.saturating_add(copy));
    }

    /// Units spent so far are what `new` gave less this.
    #[cfg(test)]
    pub(crate) fn left(&self) -> u64 {
        self.left.get()
    }
}

#[cold]
#[inline(never)]
fn stop() -> ! {
    // Unwinds without the panic hook, so nothing is printed; `bounded` catches it.
    resume_unwind(Box::new(Spent))
}

/// Run `work`; `None` when it ran out of units or failed on the way.
pub(crate) fn bounded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}
