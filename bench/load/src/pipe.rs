//! One non-blocking socket with its input and output buffers.

use crate::poll::Poll;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

/// A socket watched by a `Poll` under `key`.
pub struct Pipe {
    stream: TcpStream,
    key: u64,
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    waits: bool,
}

impl Pipe {
    /// Take over a connected socket.
    pub fn new(stream: TcpStream, key: u64, poll: &Poll) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        poll.add(&stream, key)?;
        Ok(Self { stream, key, input: Vec::new(), output: Vec::new(), sent: 0, waits: false })
    }

    /// Bytes received and not yet consumed.
    pub fn input(&self) -> &[u8] {
        &self.input
    }

    /// Forget the first `count` received bytes.
    pub fn consume(&mut self, count: usize) {
        if count >= self.input.len() {
            self.input.clear();
        } else {
            self.input.drain(..count);
        }
    }

    /// Where to write what leaves with the next flush.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Receive what is there; false once the other side has closed.
    pub fn fill(&mut self, scratch: &mut [u8]) -> io::Result<bool> {
        match self.stream.read(scratch) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.input.extend_from_slice(scratch.get(..count).unwrap_or_default());
                Ok(true)
            }
            Err(fault) if is_wait(&fault) => Ok(true),
            Err(fault) => Err(fault),
        }
    }

    /// Send what the socket takes and ask for the rest to be announced.
    pub fn flush(&mut self, poll: &Poll) -> io::Result<()> {
        while let Some(rest) = self.output.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => self.sent = self.sent.saturating_add(count),
                Err(fault) if is_wait(&fault) => return self.announce(poll, true),
                Err(fault) => return Err(fault),
            }
        }
        self.output.clear();
        self.sent = 0;
        self.announce(poll, false)
    }

    fn announce(&mut self, poll: &Poll, output: bool) -> io::Result<()> {
        if self.waits != output {
            self.waits = output;
            poll.want_output(&self.stream, self.key, output)?;
        }
        Ok(())
    }
}

fn is_wait(fault: &io::Error) -> bool {
    matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
