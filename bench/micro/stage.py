"""A gate with 1,000 tools, callers of both eras, and messages of stated size."""

import json
import time
from pathlib import Path
from typing import Final, final

from bench.processes import BenchError
from mcpgate.gate import DONE, FORWARD, Caller, Gate, Head, Ticket, Verdict

INPUTS: Final = Path(__file__).with_name("inputs")
TOOLS: Final = 1000
KEY: Final = bytes(range(32))
MODERN: Final = Head("2026-07-28", "tools/call", "measure__echo7", None, False)
INITIALIZE: Final = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",'
    b'"capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}'
)


def read_input(name: str) -> bytes:
    """Read one message; its name says its size."""
    raw = (INPUTS / f"{name}.json").read_bytes()
    sizes = {"200": 200, "400": 400, "4k": 4096, "64k": 65536}
    wanted = sizes.get(name.rpartition("-")[2])
    if wanted not in (None, len(raw)):
        raise BenchError(f"{name} has {len(raw)} bytes")
    return raw


def snapshot() -> bytes:
    """Make the document of one legacy HTTP server with 1,000 tools."""
    text = {"type": "string"}
    schema = {"type": "object", "properties": {"nonce": text, "pad": text}}
    tools = [
        {"name": f"echo{number}", "description": "Echo the nonce", "inputSchema": schema}
        for number in range(TOOLS)
    ]
    server: dict[str, object] = {
        "name": "measure",
        "transport": "http",
        "era": "legacy",
        "revision": "2025-11-25",
        "environment": None,
        "labels": {},
        "deadline_ms": 60000,
        "completions": False,
        "instructions": "",
        "firewall": {"arguments": "strict", "results": "observe", "secrets": "off"},
        "exceptions": [],
        "held": [],
        "cleared": [],
        "tools": tools,
        "prompts": [],
        "resources": [],
        "templates": [],
    }
    document = {
        "format": 1,
        "generation": 1,
        "gateway": {"name": "mcpgate", "version": "0", "instructions": ""},
        "prefix": "always",
        "page_entries": 2000,
        "session_s": 86400,
        "depth": 64,
        "owners": [],
        "servers": [server],
    }
    return json.dumps(document).encode()


@final
class Stage:
    """The gate as the exchange uses it."""

    def __init__(self) -> None:
        self.gate = Gate(KEY, None, KEY, "bench")
        self.gate.swap(snapshot())
        self.gate.align(time.time_ns(), time.monotonic_ns())
        self.modern = self.gate.new_caller("anonymous", True)
        self.legacy = self.open_session()

    def open_session(self) -> Caller:
        """Initialize as a client would and return the caller of its session."""
        fresh = self.gate.new_caller("anonymous", False)
        opened = self.gate.inspect(INITIALIZE, fresh, None, time.monotonic_ns())
        caller = self.gate.find_caller(opened.session, "anonymous", time.monotonic_ns())
        if caller is None:
            raise BenchError(f"initialize opened no session: {opened.body!r}")
        return caller

    def inspect(self, raw: bytes) -> Verdict:
        """Inspect a message of the legacy session."""
        return self.gate.inspect(raw, self.legacy, None, time.monotonic_ns())

    def forward(self, raw: bytes) -> Ticket:
        """Inspect a message that must be forwarded; return its ticket."""
        verdict = self.inspect(raw)
        if verdict.outcome != FORWARD or verdict.ticket is None:
            raise BenchError(f"not forwarded: {verdict.reason} {verdict.body!r}")
        return verdict.ticket

    def reply(self, name: str, ticket: Ticket) -> bytes:
        """Make the server's reply to an open exchange."""
        return read_input(name).replace(b'"id":0', b'"id":%d' % ticket.upstream_id, 1)

    def finish(self, ticket: Ticket) -> None:
        """Close an exchange and forget its events."""
        self.gate.close(ticket, DONE, time.monotonic_ns())
        self.gate.drain()
