//! One binary for measuring: an MCP server, a load generator and a burst of connects.
//!
//! Each sub-command runs on one thread with epoll; results leave as one JSON line on stdout.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

mod burst;
mod check;
mod client;
mod flags;
mod load;
mod pipe;
mod poll;
mod replies;
mod server;
mod tally;
mod wire;

use std::process::ExitCode;

const USAGE: &str = "usage: mcpgate-load server|load|burst [--flag value]...
  server  --port N [--tools N] [--era both|legacy|modern] [--description BYTES]
  load    --port N [--path /mcp] [--method tools/call|tools/list] [--tool NAME]
          [--era modern|legacy|raw] [--check reply|status] [--clients N] [--bytes N]
          [--reply-bytes N] [--events N] [--calls N | --seconds N] [--rate PER_SECOND]
          [--warmup N] [--expect-tools N] [--hold yes]
  burst   --port N [--path /mcp] [--connects N] [--together N]";

fn run() -> Result<(), String> {
    let mut words = std::env::args().skip(1);
    let command = words.next().ok_or(USAGE)?;
    let flags = flags::Flags::read(words)?;
    match command.as_str() {
        "server" => server::serve(&flags),
        "load" => load::run(&flags),
        "burst" => burst::run(&flags),
        _ => Err(USAGE.to_owned()),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}
