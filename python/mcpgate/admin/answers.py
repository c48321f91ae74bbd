"""Small answers of the control socket, made of what the parts of the gateway say."""

from collections.abc import Sequence

import msgspec

from mcpgate.admin.wire import CallRequest
from mcpgate.errors import GatewayFault
from mcpgate.model import Mark, ServerStatus
from mcpgate.publisher import PublisherStatus


def build_call(line: bytes) -> bytes:
    """Make the message of a call by hand."""
    try:
        asked = msgspec.json.decode(line, type=CallRequest)
    except msgspec.DecodeError as fault:
        raise GatewayFault("params", f"call takes name and arguments: {fault}") from fault
    params = {"name": asked.name, "arguments": asked.arguments}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return msgspec.json.encode(message)


def list_problems(published: PublisherStatus) -> tuple[str, ...]:
    """Say what is wrong with what is published, and with what was asked for."""
    return (
        *published.left_out,
        *published.unlisted,
        *published.last_error,
        *published.reload_error,
        *(f"{name}: changed; restart to apply" for name in published.restart_for),
    )


def count_entries(marks: Sequence[Mark]) -> tuple[int, int]:
    """Count the entries that are quarantined, and those that are only flagged."""
    entries = [mark for mark in marks if mark.kind != "instructions"]
    held = {(mark.server, mark.kind, mark.name) for mark in entries if mark.quarantined}
    seen = {(mark.server, mark.kind, mark.name) for mark in entries}
    return len(held), len(seen - held)


def add_faults(servers: Sequence[ServerStatus], faults: bytes) -> list[ServerStatus]:
    """Put into each server's detail how many of its replies could not be passed on."""
    counts = msgspec.json.decode(faults, type=dict[str, int])
    return [_add(server, counts.get(server.name, 0)) for server in servers]


def _add(server: ServerStatus, count: int) -> ServerStatus:
    if not count:
        return server
    text = f"{count} unreadable {'reply' if count == 1 else 'replies'}"
    detail = f"{server.detail}; {text}" if server.detail else text
    return msgspec.structs.replace(server, detail=detail)
