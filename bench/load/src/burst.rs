//! Connects and disconnects of every kind, for the leak check.

use crate::check::Place;
use crate::client::{ask, connect};
use crate::flags::Flags;
use std::io::Write as _;
use std::net::TcpStream;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
const HEADERS: &str = "mcp-protocol-version: 2026-07-28\r\nmcp-method: server/discover\r\n";

/// Connect in groups; ask, stop half-way or say nothing; then leave.
pub fn run(flags: &Flags) -> Result<(), String> {
    flags.allow(&["port", "path", "connects", "together"])?;
    let place = Place { port: flags.port()?, path: flags.text("path", "/mcp").to_owned() };
    let connects = flags.number("connects", 1000)?;
    let together = flags.size("together", 50)?.max(1);
    let mut open: Vec<TcpStream> = Vec::new();
    let mut asked = 0_u64;
    for number in 0..connects {
        let mut stream = connect(place.port)?;
        match number % 4 {
            0 | 1 => {
                let (status, _) = ask(&mut stream, &place, HEADERS, PING)?;
                if status != 200 {
                    return Err(format!("server/discover: status {status}"));
                }
                asked = asked.saturating_add(1);
            }
            2 => stop_half_way(&mut stream, &place)?,
            _ => {}
        }
        open.push(stream);
        if open.len() >= together {
            open.clear();
        }
    }
    println!("{{\"connects\":{connects},\"asked\":{asked}}}");
    Ok(())
}

/// Announce 500 bytes and send some of them.
fn stop_half_way(stream: &mut TcpStream, Place { port, path }: &Place) -> Result<(), String> {
    let text = format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n{HEADERS}content-length: 500\r\n\r\n{{\"jsonrpc\":"
    );
    stream.write_all(text.as_bytes()).map_err(|fault| fault.to_string())
}
