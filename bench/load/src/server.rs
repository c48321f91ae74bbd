//! The measuring server: MCP over Streamable HTTP on loopback, one thread, no state but counts.
//!
//! POST on any path is MCP; `GET /stats` tells what was asked and the processor time it took.

use crate::flags::Flags;
use crate::pipe::Pipe;
use crate::poll::Poll;
use crate::replies::{Book, Era, write_json};
use crate::tally::processor_ns;
use crate::wire::{Request, read_request};
use std::collections::HashMap;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener};

const DOOR: u64 = 0;
const SCRATCH: usize = 128 * 1024;

/// Serve until the process is ended.
pub fn serve(flags: &Flags) -> Result<(), String> {
    flags.allow(&["port", "tools", "era", "description"])?;
    let era = match flags.text("era", "both") {
        "both" => Era::Both,
        "legacy" => Era::Legacy,
        "modern" => Era::Modern,
        other => return Err(format!("--era {other:?} is not both, legacy or modern")),
    };
    let book = Book::new(era, flags.number("tools", 10)?, flags.size("description", 60)?);
    let port = flags.port()?;
    Hall::open(port, book)
        .and_then(Hall::run)
        .map_err(|fault| format!("server on port {port}: {fault}"))
}

struct Hall {
    door: TcpListener,
    poll: Poll,
    guests: HashMap<u64, Pipe>,
    next: u64,
    book: Book,
}

impl Hall {
    fn open(port: u16, book: Book) -> io::Result<Self> {
        let door = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        door.set_nonblocking(true)?;
        let poll = Poll::open()?;
        poll.add(&door, DOOR)?;
        println!("{{\"listening\":{port}}}");
        io::stdout().flush()?;
        Ok(Self { door, poll, guests: HashMap::new(), next: DOOR, book })
    }

    fn run(mut self) -> io::Result<()> {
        let mut scratch = vec![0; SCRATCH];
        let mut ready = Vec::new();
        loop {
            self.poll.wait(&mut ready)?;
            for &key in &ready {
                self.attend(key, &mut scratch);
            }
        }
    }

    fn attend(&mut self, key: u64, scratch: &mut [u8]) {
        let Some(guest) = self.guests.get_mut(&key) else {
            // the door, or somebody who has left
            self.welcome();
            return;
        };
        if !tend(guest, scratch, &self.poll, &mut self.book) {
            self.guests.remove(&key);
        }
    }

    fn welcome(&mut self) {
        while let Ok((stream, _)) = self.door.accept() {
            self.next = self.next.saturating_add(1);
            self.book.counts.connections = self.book.counts.connections.saturating_add(1);
            if let Ok(pipe) = Pipe::new(stream, self.next, &self.poll) {
                self.guests.insert(self.next, pipe);
            }
        }
    }
}

/// Serve what one socket has sent; false when it has to go.
fn tend(guest: &mut Pipe, scratch: &mut [u8], poll: &Poll, book: &mut Book) -> bool {
    if !guest.fill(scratch).unwrap_or(false) {
        return false;
    }
    let mut out = Vec::new();
    loop {
        let taken = match read_request(guest.input()) {
            Ok(Some(request)) => {
                respond(&request, book, &mut out);
                request.taken
            }
            Ok(None) => break,
            Err(_) => return false,
        };
        guest.consume(taken);
    }
    guest.output().append(&mut out);
    guest.flush(poll).is_ok()
}

fn respond(request: &Request<'_>, book: &mut Book, out: &mut Vec<u8>) {
    match (request.method, request.path) {
        ("GET", "/stats") => {
            let counts = &book.counts;
            let body = format!(
                r#"{{"requests":{},"calls":{},"lists":{},"connections":{},"cpu_ns":{}}}"#,
                counts.requests,
                counts.calls,
                counts.lists,
                counts.connections,
                processor_ns()
            );
            write_json(out, 200, &body, false);
        }
        ("POST", _) => {
            book.counts.requests = book.counts.requests.saturating_add(1);
            book.answer(&request.body, request.modern, out);
        }
        ("DELETE", _) => write_json(out, 200, "{}", false),
        _ => write_json(out, 405, "{}", false),
    }
}
