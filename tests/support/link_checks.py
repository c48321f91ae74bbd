"""What holds for a link whatever its transport, checked against a scripted server."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault
from mcpgate.links.call import OpenCall
from mcpgate.links.open import open_wire
from mcpgate.links.setup import Setup
from mcpgate.model import Link
from tests.support.link_world import call_tool, expect_fault, finish, until


async def check_many_calls(setup: Setup, link: Link, count: int) -> None:
    """Each of many calls at once gets its own reply from a server that echoes names."""
    calls = [call_tool(setup, link, f"t{number}")[0] for number in range(count)]
    replies = [await finish(call) for call in reversed(calls)]
    assert [one["result"] for one in reversed(replies)] == [f"t{n}" for n in range(count)]


async def check_progress(setup: Setup, link: Link, tool: str, result: str) -> None:
    """Progress reaches its call, and a changed list the listener."""
    noticed: list[int] = []
    link.listen(noticed.append)
    call, _ = call_tool(setup, link, tool)
    steps = [json.loads(await call.receive())["params"]["progress"] for _ in range(3)]
    assert steps == [0, 1, 2]
    assert (await finish(call))["result"] == result
    assert noticed == [1]


async def check_slow_reader(setup: Setup, flooded: OpenCall) -> None:
    """Nobody read while 2,000 steps came: some are there, and the reply."""
    await until(lambda: flooded.answered, setup.wheel)
    count = 1
    while "result" not in json.loads(await flooded.receive()):
        count += 1
    flooded.close()
    assert 200 < count < 300


async def check_deadline(setup: Setup, link: Link, tool: str) -> None:
    """A call that nobody answers ends at its deadline and is cancelled."""
    call, _ = call_tool(setup, link, tool, deadline_s=0.1)
    with pytest.raises(LinkFault) as caught:
        await call.receive()
    assert caught.value.reason == "deadline"
    call.cancel(b'{"jsonrpc":"2.0","method":"notifications/cancelled"}')
    call.close()


async def check_end(setup: Setup, link: Link, how: str, text: str | None = None) -> None:
    """What ends the server's wire ends every call and the link."""
    waiting, _ = call_tool(setup, link, "silent")
    call, _ = call_tool(setup, link, how)
    for one in (waiting, call):
        await expect_fault(one, "lost", text)
    async with asyncio.timeout(5):
        assert await link.wait_lost()
    late, _ = call_tool(setup, link, "x")
    await expect_fault(late, "unavailable")


async def check_certificate(setup: Setup, server: Server, folder: Path) -> None:
    """A server is called only if its certificate, of `make_context`, is trusted."""
    trusted = msgspec.structs.replace(server, ca_file=str(folder / "cert.pem"))
    link, _ = await open_wire(trusted, setup)
    call, _ = call_tool(setup, link, "x")
    assert (await finish(call))["result"] == "x"
    await link.close()
    with pytest.raises(LinkFault, match=r"(?i)certificate.*ca_file$"):
        await open_wire(server, setup)
