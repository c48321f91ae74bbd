//! One keep-alive client: opens its session, sends a request, waits for its reply.

use crate::check::{Order, Place, Speech, write_post};
use crate::pipe::Pipe;
use crate::poll::Poll;
use crate::wire::read_response;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

/// A request that is under way.
struct Flight {
    id: u64,
    planned: Instant,
}

/// What a finished request was.
pub struct Landing {
    /// From the planned start to the last byte.
    pub latency: Duration,
    /// Progress notifications that came before the reply, or why it is wrong.
    pub checked: Result<u64, String>,
}

/// A connected client.
pub struct Client {
    pipe: Pipe,
    session: String,
    flight: Option<Flight>,
}

impl Client {
    /// Connect, and open a session when the order wants one.
    pub fn open(order: &Order, poll: &Poll, key: u64) -> Result<Self, String> {
        let mut stream = connect(order.place.port)?;
        let session = if order.speech == Speech::Legacy {
            open_session(&mut stream, &order.place)?
        } else {
            String::new()
        };
        Ok(Self {
            pipe: Pipe::new(stream, key, poll).map_err(|fault| fault.to_string())?,
            session,
            flight: None,
        })
    }

    /// Whether nothing is under way.
    pub fn is_free(&self) -> bool {
        self.flight.is_none()
    }

    /// Send request `id`, which was to start at `planned`.
    pub fn send(
        &mut self,
        id: u64,
        planned: Instant,
        order: &Order,
        poll: &Poll,
    ) -> Result<(), String> {
        self.flight = Some(Flight { id, planned });
        order.write(id, &self.session, self.pipe.output());
        self.pipe.flush(poll).map_err(|fault| fault.to_string())
    }

    /// Go on after readiness; a landing once the reply is complete.
    pub fn advance(
        &mut self,
        scratch: &mut [u8],
        order: &Order,
        poll: &Poll,
    ) -> Result<Option<Landing>, String> {
        self.pipe.flush(poll).map_err(|fault| fault.to_string())?;
        if !self.pipe.fill(scratch).map_err(|fault| fault.to_string())? {
            return Err("closed by the other side".to_owned());
        }
        let Some(response) = read_response(self.pipe.input())? else {
            return Ok(None);
        };
        let arrived = Instant::now();
        if response.closes {
            return Err("keep-alive refused".to_owned());
        }
        let flight = self.flight.take().ok_or("a reply without a request")?;
        let checked = order.check(flight.id, response.status, response.events, &response.body);
        let taken = response.taken;
        self.pipe.consume(taken);
        Ok(Some(Landing { latency: arrived.saturating_duration_since(flight.planned), checked }))
    }
}

/// Connect with deadlines on everything that blocks.
pub fn connect(port: u16) -> Result<TcpStream, String> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .map_err(|fault| format!("connect to port {port}: {fault}"))?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
        .map_err(|fault| fault.to_string())?;
    Ok(stream)
}

/// Send one POST and wait for its response: status and session.
pub fn ask(
    stream: &mut TcpStream,
    place: &Place,
    headers: &str,
    body: &str,
) -> Result<(u16, Option<String>), String> {
    let mut request = Vec::new();
    write_post(&mut request, place, headers, body);
    stream.write_all(&request).map_err(|fault| fault.to_string())?;
    let mut buffer = Vec::new();
    let mut scratch = [0; 4096];
    loop {
        let count = stream.read(&mut scratch).map_err(|fault| fault.to_string())?;
        if count == 0 {
            return Err("closed before the response".to_owned());
        }
        buffer.extend_from_slice(scratch.get(..count).unwrap_or_default());
        if let Some(response) = read_response(&buffer)? {
            return Ok((response.status, response.session));
        }
    }
}

fn open_session(stream: &mut TcpStream, place: &Place) -> Result<String, String> {
    let body = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"load","version":"1"}}}"#;
    let (status, session) = ask(stream, place, "", body)?;
    let session = session.filter(|_| status == 200);
    let session = session.ok_or_else(|| format!("initialize: status {status}, or no session"))?;
    let headers = format!("mcp-session-id: {session}\r\nmcp-protocol-version: 2025-11-25\r\n");
    let note = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    match ask(stream, place, &headers, note)? {
        (202, _) => Ok(session),
        (status, _) => Err(format!("notifications/initialized: status {status}")),
    }
}
