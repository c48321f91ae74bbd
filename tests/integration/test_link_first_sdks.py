"""Links over HTTP+SSE and WebSocket to servers that nobody here wrote."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from mcpgate.config.model import Config, Server
from mcpgate.errors import LinkFault
from mcpgate.links.call import OpenCall
from mcpgate.links.open import open_wire
from mcpgate.links.setup import Setup
from mcpgate.links.wire import WireLink
from mcpgate.model import Call, TransportName
from tests.integration.test_link_real import EVERYTHING, a_process, list_tools
from tests.support.control_path import run_control_path
from tests.support.gateways import Client, running, wait_for_entries
from tests.support.link_world import SECOND, Sent, a_setup, finish

FIRST = "tests/support/sdk_1_server.py"
ADDRESSES: dict[TransportName, str] = {"sse": "http://{}/sse", "websocket": "ws://{}/ws"}


@asynccontextmanager
async def a_link(server: Server, **limits: int | float) -> AsyncIterator[tuple[WireLink, Setup]]:
    async with a_setup(**limits) as setup:
        async with asyncio.timeout(20):
            link, peer = await open_wire(server, setup)
        try:
            assert (peer.era, peer.revision) == ("legacy", "2025-11-25")
            yield link, setup
        finally:
            await link.close()


def describe(transport: TransportName, port: int) -> Server:
    url = ADDRESSES[transport].format(f"127.0.0.1:{port}")
    return Server(name="first", transport=transport, url=url)


def call_with(setup: Setup, link: WireLink, tool: str, **arguments: object) -> tuple[Call, bytes]:
    """Call a tool; return the call and what cancels it."""
    ident = setup.gate.issue_id()
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": ident}}
    message = {"jsonrpc": "2.0", "id": ident, "method": "tools/call", "params": params}
    goodbye = {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": ident},
    }
    call = link.call(Sent(message), ident, setup.clock.now() + 20 * SECOND)
    return call, json.dumps(goodbye).encode()


async def use(setup: Setup, link: WireLink, tool: str, **arguments: object) -> str:
    """Call a tool to its end; return its text."""
    call, _ = call_with(setup, link, tool, **arguments)
    result = (await finish(call))["result"]
    assert isinstance(result, dict)
    return str(result["content"][0]["text"])


async def take_progress(call: Call, last: float) -> None:
    """Read the progress of a call up to its last step, each larger than the one before."""
    assert isinstance(call, OpenCall)
    step, before = -1.0, -1.0
    while step < last:
        params = json.loads(await call.receive())["params"]
        before, step = step, params["progress"]
        assert step > before


@pytest.mark.requirement("R-CANCEL")
@pytest.mark.requirement("R-LINK-SSE", "R-LINK-WS")
@pytest.mark.parametrize("transport", ADDRESSES)
async def test_the_python_sdk(
    transport: TransportName, python_1: Path, root: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    serving = a_process(port, str(python_1), FIRST, str(port), cwd=root, PYTHONPATH="")
    async with serving, a_link(describe(transport, port)) as (link, setup):
        heard = asyncio.Event()
        link.listen(lambda bits: heard.set() if bits == 1 else None)
        assert {"echo", "count", "wait"} <= await list_tools(link)
        texts = [f"text {number} ü" for number in range(20)]
        found = await asyncio.gather(*(use(setup, link, "echo", text=text) for text in texts))
        assert found == texts
        counting, _ = call_with(setup, link, "count")
        await take_progress(counting, 2)
        assert "counted" in str(await finish(counting))
        waiting, goodbye = call_with(setup, link, "wait")
        await take_progress(waiting, 1)
        waiting.cancel(goodbye)
        waiting.close()
        async with asyncio.timeout(10):
            while await use(setup, link, "tell_ended") != "1":
                pass
        assert await use(setup, link, "grow") == "grown"
        async with asyncio.timeout(10):
            await heard.wait()
        assert "grown" in await list_tools(link)
        assert link.unreadable == 0


@pytest.mark.requirement("R-LINK-SSE", "R-LINK-WS")
@pytest.mark.parametrize("transport", ADDRESSES)
async def test_a_reply_of_the_python_sdk_that_is_too_large(
    transport: TransportName, python_1: Path, root: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    serving = a_process(port, str(python_1), FIRST, str(port), cwd=root, PYTHONPATH="")
    async with serving, a_link(describe(transport, port), reply_bytes=1 << 20) as (link, setup):
        waiting, _ = call_with(setup, link, "wait")
        assert len(await use(setup, link, "large", size=1_000_000 // 2)) == 500_000
        with pytest.raises(LinkFault) as caught:
            await use(setup, link, "large", size=2_000_000)
        assert caught.value.reason == "reply_too_large"
        assert bool(link.lost) == (transport == "websocket")
        waiting.close()


@pytest.mark.requirement("R-LINK-SSE", "R-LINK-WS")
@pytest.mark.parametrize("transport", ADDRESSES)
async def test_a_server_that_comes_back_is_reached_again(
    transport: TransportName,
    python_1: Path,
    root: Path,
    free_port: Callable[[], int],
    tmp_path: Path,
) -> None:
    port = free_port()
    config = Config(servers=(describe(transport, port),), state_dir=str(tmp_path / "state"))

    def serving() -> AbstractAsyncContextManager[str]:
        return a_process(port, str(python_1), FIRST, str(port), cwd=root, PYTHONPATH="")

    async with serving(), run_control_path(config) as path:
        await path.expect(lambda: "echo" in path.names("first"))
        with pytest.raises(LinkFault) as caught:
            await path.call("first", "leave")
        assert caught.value.reason == "lost"
        await path.expect(lambda: path.pool.find("first") is None)
        async with serving():
            await path.expect(lambda: path.pool.find("first") is not None)
            (status,) = path.keepers.list_status()
            assert status.transport == transport
            assert b"hello" in await path.call("first", "echo")


@pytest.mark.requirement("R-LINK-SSE")
async def test_server_everything_over_sse(
    node: Path, npm_parts: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    command = (str(node), str(npm_parts / EVERYTHING), "sse")
    serving = a_process(port, *command, cwd=npm_parts, PORT=str(port))
    async with serving, a_link(describe("sse", port)) as (link, setup):
        link.listen(lambda _: None)
        assert "echo" in await list_tools(link)
        assert "hello ü" in await use(setup, link, "echo", message="hello ü")
        slow, _ = call_with(setup, link, "trigger-long-running-operation", duration=0.2, steps=2)
        await take_progress(slow, 2)
        assert "completed" in str(await finish(slow))
        assert link.unreadable == 0


@pytest.mark.requirement("R-LINK-SSE", "R-LINK-WS")
async def test_clients_of_both_eras_reach_them_through_a_gateway(
    python_1: Path, root: Path, free_port: Callable[[], int]
) -> None:
    port, front = free_port(), free_port()
    address = f"127.0.0.1:{port}"
    servers: list[dict[str, object]] = [
        {"name": transport, "transport": transport, "url": url.format(address)}
        for transport, url in ADDRESSES.items()
    ]
    serving = a_process(port, str(python_1), FIRST, str(port), cwd=root, PYTHONPATH="")
    async with serving, running(front, servers) as gateway:
        await wait_for_entries(gateway, 14)
        client = Client(front)
        for transport in ADDRESSES:
            modern = await client.call_modern(f"{transport}__echo")
            assert b"hello" in modern.body
            await client.open_session()
            legacy = await client.call(f"{transport}__echo", b'{"text":"again"}')
            assert b"again" in legacy.body
