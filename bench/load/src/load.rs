//! The load generator.
//!
//! Closed loop: each client sends its next request when the reply is there. Open loop: starts are
//! planned at a fixed rate and the next free client takes them; a start that comes late is counted
//! from its planned time.

use crate::check::{Order, Place, Speech};
use crate::client::Client;
use crate::flags::Flags;
use crate::poll::{Pace, Poll};
use crate::tally::{Tally, processor_ns};
use std::collections::VecDeque;
use std::io::{self, BufRead as _, Write as _};
use std::time::{Duration, Instant};

const PACE: u64 = u64::MAX;
const SCRATCH: usize = 128 * 1024;
const LATE: Duration = Duration::from_millis(1);
const STALL: Duration = Duration::from_secs(15);
const MOST_ERRORS: u64 = 100;
const KNOWN: &[&str] = &[
    "port",
    "path",
    "method",
    "tool",
    "era",
    "check",
    "clients",
    "bytes",
    "reply-bytes",
    "events",
    "calls",
    "seconds",
    "rate",
    "warmup",
    "expect-tools",
    "hold",
];

/// How much to do.
#[derive(Clone, Copy)]
struct Amount {
    calls: u64,
    until: Option<Instant>,
}

/// What one stretch of load found.
#[derive(Default)]
struct Report {
    tally: Tally,
    errors: u64,
    first_error: String,
    late: u64,
    progress: u64,
}

/// Run the load that the flags describe and print one JSON line.
pub fn run(flags: &Flags) -> Result<(), String> {
    flags.allow(KNOWN)?;
    let mut crowd = Crowd::open(flags)?;
    let rate = flags.number("rate", 0)?;
    let warmup = flags.number("warmup", 200)?;
    crowd.drive(Amount { calls: warmup, until: None }, None)?;
    if crowd.report.errors > 0 {
        return Err(format!("warm-up: {}", crowd.report.first_error));
    }
    if flags.text("hold", "") == "yes" {
        hold().map_err(|fault| fault.to_string())?;
    }
    crowd.report = Report::default();
    let (begun, processor) = (Instant::now(), processor_ns());
    let amount = Amount {
        calls: flags.number("calls", u64::MAX)?,
        until: begun.checked_add(Duration::from_secs(flags.number("seconds", 3600)?)),
    };
    let interval = 1_000_000_000_u64.checked_div(rate).filter(|interval| *interval > 0);
    crowd.drive(amount, interval)?;
    crowd.print(begun.elapsed(), processor_ns().saturating_sub(processor));
    Ok(())
}

fn hold() -> io::Result<()> {
    println!("{{\"ready\":true}}");
    io::stdout().flush()?;
    io::stdin().lock().read_line(&mut String::new())?;
    Ok(())
}

fn read_order(flags: &Flags) -> Result<Order, String> {
    let speech = match flags.text("era", "modern") {
        "modern" => Speech::Modern,
        "legacy" => Speech::Legacy,
        "raw" => Speech::Raw,
        other => return Err(format!("--era {other:?} is not modern, legacy or raw")),
    };
    let events = flags.text("events", "");
    Ok(Order {
        speech,
        method: flags.text("method", "tools/call").to_owned(),
        place: Place { port: flags.port()?, path: flags.text("path", "/mcp").to_owned() },
        tool: flags.text("tool", "echo0").to_owned(),
        filler: "x".repeat(flags.size("bytes", 200)?.saturating_sub(60)),
        reply_bytes: flags.size("reply-bytes", 64)?,
        events: if events.is_empty() { None } else { Some(flags.number("events", 0)?) },
        reads: flags.text("check", "reply") == "reply",
        expected_tools: flags.size("expect-tools", 10)?,
    })
}

struct Crowd {
    order: Order,
    poll: Poll,
    clients: Vec<Client>,
    free: VecDeque<usize>,
    scratch: Vec<u8>,
    next_id: u64,
    started: u64,
    landed: u64,
    report: Report,
}

impl Crowd {
    fn open(flags: &Flags) -> Result<Self, String> {
        let order = read_order(flags)?;
        let poll = Poll::open().map_err(|fault| fault.to_string())?;
        let count = flags.number("clients", 8)?;
        let clients: Vec<Client> =
            (0..count).map(|key| Client::open(&order, &poll, key)).collect::<Result<_, _>>()?;
        Ok(Self {
            order,
            poll,
            free: (0..clients.len()).collect(),
            clients,
            scratch: vec![0; SCRATCH],
            next_id: 1,
            started: 0,
            landed: 0,
            report: Report::default(),
        })
    }

    fn drive(&mut self, amount: Amount, interval_ns: Option<u64>) -> Result<(), String> {
        (self.started, self.landed) = (0, 0);
        let mut plan = Plan::open(interval_ns, &self.poll).map_err(|fault| fault.to_string())?;
        let mut ready = Vec::new();
        let mut moved = Instant::now();
        loop {
            self.start_planned(amount, &mut plan)?;
            let over = amount.until.is_some_and(|until| Instant::now() >= until);
            if self.started == self.landed && (over || self.started >= amount.calls) {
                return Ok(());
            }
            self.poll.wait(&mut ready).map_err(|fault| fault.to_string())?;
            let before = self.landed;
            for &key in &ready {
                if key == PACE {
                    plan.tick().map_err(|fault| fault.to_string())?;
                } else {
                    self.advance(key)?;
                }
            }
            if self.landed != before {
                moved = Instant::now();
            } else if moved.elapsed() > STALL {
                return Err(format!("no reply for {STALL:?}"));
            }
        }
    }

    /// Give what is due to free clients.
    fn start_planned(&mut self, amount: Amount, plan: &mut Plan) -> Result<(), String> {
        while let Some(&index) = self.free.front() {
            let now = Instant::now();
            if self.started >= amount.calls || amount.until.is_some_and(|until| now >= until) {
                return Ok(());
            }
            let Some(planned) = plan.take(now) else {
                return Ok(());
            };
            self.free.pop_front();
            if now.saturating_duration_since(planned) > LATE {
                self.report.late = self.report.late.saturating_add(1);
            }
            self.started = self.started.saturating_add(1);
            let id = self.next_id;
            self.next_id = id.wrapping_add(1);
            let sent = self
                .clients
                .get_mut(index)
                .map_or(Ok(()), |client| client.send(id, planned, &self.order, &self.poll));
            if let Err(text) = sent {
                self.replace(index, text)?;
            }
        }
        Ok(())
    }

    fn advance(&mut self, key: u64) -> Result<(), String> {
        let index = usize::try_from(key).map_err(|fault| fault.to_string())?;
        let Some(client) = self.clients.get_mut(index) else {
            return Ok(());
        };
        match client.advance(&mut self.scratch, &self.order, &self.poll) {
            Ok(None) => Ok(()),
            Ok(Some(landing)) => {
                self.landed = self.landed.saturating_add(1);
                self.free.push_back(index);
                match landing.checked {
                    Ok(progress) => {
                        self.report.progress = self.report.progress.saturating_add(progress);
                        let latency = u64::try_from(landing.latency.as_nanos()).unwrap_or(u64::MAX);
                        self.report.tally.note(latency);
                        Ok(())
                    }
                    Err(text) => self.note_error(text),
                }
            }
            Err(text) => self.replace(index, text),
        }
    }

    /// Count a fault of a connection and open a new one in its place.
    fn replace(&mut self, index: usize, text: String) -> Result<(), String> {
        self.note_error(text)?;
        let key = u64::try_from(index).map_err(|fault| fault.to_string())?;
        let fresh = Client::open(&self.order, &self.poll, key)?;
        if let Some(client) = self.clients.get_mut(index) {
            if !client.is_free() {
                self.landed = self.landed.saturating_add(1);
                self.free.push_back(index);
            }
            *client = fresh;
        }
        Ok(())
    }

    fn note_error(&mut self, text: String) -> Result<(), String> {
        self.report.errors = self.report.errors.saturating_add(1);
        if self.report.first_error.is_empty() {
            self.report.first_error = text;
        }
        if self.report.errors > MOST_ERRORS {
            return Err(format!("{MOST_ERRORS} errors, first: {}", self.report.first_error));
        }
        Ok(())
    }

    fn print(&mut self, elapsed: Duration, processor: u64) {
        let report = &mut self.report;
        let shares = report.tally.percentiles(&[500, 990, 999, 1000]);
        let mut shares = shares.iter();
        let mut share = || shares.next().copied().unwrap_or(0);
        let line = serde_json::json!({
            "calls": self.landed,
            "replies": report.tally.count(),
            "errors": report.errors,
            "first_error": report.first_error,
            "late": report.late,
            "progress": report.progress,
            "elapsed_ns": u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
            "p50_ns": share(),
            "p99_ns": share(),
            "p999_ns": share(),
            "max_ns": share(),
            "cpu_ns": processor,
        });
        println!("{line}");
    }
}

/// When requests are to start.
struct Plan {
    pace: Option<(Pace, u64)>,
    begun: Instant,
    due: u64,
    taken: u64,
}

impl Plan {
    fn open(interval_ns: Option<u64>, poll: &Poll) -> io::Result<Self> {
        let pace = match interval_ns {
            Some(interval_ns) => Some((Pace::start(interval_ns)?, interval_ns)),
            None => None,
        };
        if let Some((pace, _)) = &pace {
            poll.add(pace.source(), PACE)?;
        }
        Ok(Self { pace, begun: Instant::now(), due: 0, taken: 0 })
    }

    fn tick(&mut self) -> io::Result<()> {
        if let Some((pace, _)) = &self.pace {
            self.due = self.due.saturating_add(pace.take()?);
        }
        Ok(())
    }

    /// Take the next start, if one is due: its planned time.
    fn take(&mut self, now: Instant) -> Option<Instant> {
        let Some((_, interval_ns)) = self.pace else {
            return Some(now);
        };
        if self.taken >= self.due {
            return None;
        }
        self.taken = self.taken.saturating_add(1);
        let after = Duration::from_nanos(interval_ns.saturating_mul(self.taken));
        self.begun.checked_add(after)
    }
}
