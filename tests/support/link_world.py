"""What a link needs to live in a test: a real gate, a turning wheel, the machine's clock."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, final

import pytest

from mcpgate.clock import SystemClock
from mcpgate.config.model import Revision, Server
from mcpgate.errors import LinkFault
from mcpgate.gate import Gate
from mcpgate.links.call import OpenCall
from mcpgate.links.guard import Guard
from mcpgate.links.setup import Setup
from mcpgate.links.wheel import Wheel
from mcpgate.model import Call, Link

SECOND: Final = 1_000_000_000


@final
class Sent:
    """A forward verdict of a test."""

    def __init__(self, message: object, head: bytes = b"") -> None:
        self.body = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.head = head


@asynccontextmanager
async def a_setup(**changes: int | float) -> AsyncIterator[Setup]:
    """Make a setup whose wheel turns."""
    clock = SystemClock()
    wheel = Wheel(clock)
    gate = Gate(bytes(range(32)), None, bytes(32), "test")
    guard = Guard()
    made = Setup(gate=gate, wheel=wheel, clock=clock, guard=guard, version="0.0")
    wheel.start()
    try:
        yield _change(made, changes)
        assert len(wheel) == 0, "something is still watched"
    finally:
        wheel.stop()
        guard.close()


def _change(setup: Setup, changes: dict[str, int | float]) -> Setup:
    fields = {name: getattr(setup, name) for name in setup.__struct_fields__}
    return Setup(**(fields | changes))


def http_server(url: str, revision: Revision = "auto", **headers: str) -> Server:
    """Describe an http server."""
    return Server(name="s", transport="http", url=url, revision=revision, headers=headers)


def call_tool(setup: Setup, link: Link, tool: str, deadline_s: float = 10) -> tuple[OpenCall, int]:
    """Call a tool, asking for progress, as a forward verdict would."""
    upstream_id = setup.gate.issue_id()
    params = {"name": tool, "arguments": {}, "_meta": {"progressToken": upstream_id}}
    message = {"jsonrpc": "2.0", "id": upstream_id, "method": "tools/call", "params": params}
    deadline_ns = setup.clock.now() + int(deadline_s * SECOND)
    call = link.call(Sent(message), upstream_id, deadline_ns)
    assert isinstance(call, OpenCall)
    return call, upstream_id


async def finish(call: Call) -> dict[str, object]:
    """Return the next message of a call that should be its last, and close it."""
    assert isinstance(call, OpenCall)
    try:
        async with asyncio.timeout(10):
            decoded: dict[str, object] = json.loads(await call.receive())
            return decoded
    finally:
        call.close()


async def expect_fault(call: Call, reason: str, text: str | None = None) -> None:
    """See a call end with a fault."""
    with pytest.raises(LinkFault, match=text) as caught:
        await finish(call)
    assert caught.value.reason == reason


async def until(condition: Callable[[], bool], wheel: Wheel) -> None:
    """Wait, sweep by sweep, until something is so."""
    turned = asyncio.Event()
    wheel.every(turned.set)
    try:
        async with asyncio.timeout(10):
            while not condition():
                turned.clear()
                await turned.wait()
    finally:
        wheel.never(turned.set)
