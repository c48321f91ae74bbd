"""What goes wrong behind the gateway has one clear answer in bounded time, and disturbs no one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from mcpgate.app import Gateway
from tests.support.gateways import Client, http_server, legacy, running, wait_for_entries
from tests.support.recording_server import TOOLS, RecordingServer

pytestmark = pytest.mark.usefixtures("either_listener")


@dataclass
class Scene:
    """A gateway with one server, and a client with a session."""

    gateway: Gateway
    client: Client
    server: RecordingServer


@pytest.fixture(params=[False, True], ids=["legacy server", "modern server"])
async def scene(
    free_port: Callable[[], int], request: pytest.FixtureRequest
) -> AsyncIterator[Scene]:
    async with RecordingServer(modern=request.param) as server:
        port = free_port()
        servers = [http_server("s", server.url, deadline_s=1)]
        limits = {"reply_bytes": 32 << 10}
        async with running(port, servers, limits=limits) as gateway:
            await wait_for_entries(gateway, len(TOOLS))
            client = Client(port)
            await client.open_session()
            yield Scene(gateway, client, server)


@pytest.mark.requirement("R-ERRORS")
@pytest.mark.parametrize(
    ("tool", "code", "reason"),
    [
        ("die", -31005, "lost"),
        ("rubbish", -31005, "unreadable"),
        ("hang", -31006, "deadline"),
        ("big", -31010, "reply_too_large"),
    ],
)
async def test_server_that_fails(scene: Scene, tool: str, code: int, reason: str) -> None:
    hanging = asyncio.create_task(scene.client.call(f"s__{tool}", b"{}", "mine"))
    await scene.server.wait_for("tools/call", tool)
    other = await scene.client.call("s__echo", b"{}", 2)
    assert "result" in other.message
    answer = await hanging
    assert (answer.status, answer.message["id"]) == (200, "mine")
    assert (answer.error["code"], answer.reason) == (code, reason)
    assert len(scene.server.find("tools/call", tool)) == 1  # never tried again
    assert "result" in (await scene.client.call("s__echo", b"{}", 3)).message


@pytest.mark.requirement("R-ERRORS")
async def test_server_that_dies_in_a_stream(scene: Scene) -> None:
    body = legacy(
        "tools/call", {"name": "s__stream_dies", "arguments": {}, "_meta": {"progressToken": "t"}}
    )
    answer = await scene.client.post(body)
    assert answer.headers["content-type"] == "text/event-stream"
    first, last = answer.events
    assert b'"progressToken":"t"' in first
    assert b'"reason":"lost"' in last
    assert len(scene.server.find("tools/call")) == 1


@pytest.mark.requirement("R-ERRORS")
async def test_modern_client_is_told_the_same(scene: Scene) -> None:
    answer = await scene.client.call_modern("s__die", "m")
    assert (answer.message["id"], answer.reason) == ("m", "lost")
    assert answer.status == 200


@pytest.mark.requirement("R-ERRORS")
async def test_deadline_tells_the_server(scene: Scene) -> None:
    answer = await scene.client.call("s__hang")
    assert answer.reason == "deadline"
    if not scene.server.modern:
        told = await scene.server.wait_for("notifications/cancelled")
        params = told.message["params"]
        assert isinstance(params, dict)
        called = scene.server.find("tools/call", "hang")[0]
        assert params["requestId"] == called.message["id"]


@pytest.mark.requirement("R-ERRORS")
async def test_dead_server_is_unavailable_and_its_entries_stay(scene: Scene) -> None:
    scene.server._server.close()
    for task in list(scene.server._tasks):
        task.cancel()
    await asyncio.gather(*scene.server._tasks, return_exceptions=True)
    reasons = set()
    for _ in range(6):
        reasons.add((await scene.client.call("s__echo")).reason)
    assert reasons <= {"unavailable", "lost"}
    assert (await scene.client.call("s__echo")).reason == "unavailable"
    assert b"s__echo" in (await scene.client.post(legacy("tools/list"))).body


@pytest.mark.requirement("R-CANCEL")
async def test_legacy_client_cancels(scene: Scene) -> None:
    hanging = asyncio.create_task(scene.client.call("s__hang", b"{}", "c1"))
    called = await scene.server.wait_for("tools/call", "hang")
    body = legacy("notifications/cancelled", {"requestId": "c1"}).replace(b'"id": 1, ', b"")
    assert (await scene.client.post(body)).status == 202
    answer = await hanging
    assert (answer.status, answer.body) == (200, b"")
    if not scene.server.modern:
        told = await scene.server.wait_for("notifications/cancelled")
        params = told.message["params"]
        assert isinstance(params, dict)
        assert params["requestId"] == called.message["id"]
    assert len(scene.server.find("tools/call", "hang")) == 1


@pytest.mark.requirement("R-CANCEL")
@pytest.mark.parametrize("early", [True, False], ids=["at once", "later"])
async def test_modern_client_that_leaves_cancels(scene: Scene, early: bool) -> None:
    hanging = asyncio.create_task(scene.client.call_modern("s__slow"))
    await scene.server.wait_for("tools/call", "slow")
    core = scene.gateway.core
    assert core is not None
    if not early:
        await wait_until(core.wheel.every, lambda: is_watched(scene))
    hanging.cancel()
    await wait_until(core.wheel.every, lambda: len(core.exchange.open) == 0)
    if not scene.server.modern:
        await scene.server.wait_for("notifications/cancelled")


def is_watched(scene: Scene) -> bool:
    """Say whether the call is old enough for its client to be watched."""
    core = scene.gateway.core
    assert core is not None
    return any(item.slow is not None for item in core.wheel._old)


async def wait_until(
    every: Callable[[Callable[[], None]], None], holds: Callable[[], bool]
) -> None:
    """Look at each turn of the wheel until something holds."""
    held = asyncio.Event()
    every(lambda: held.set() if holds() else None)
    async with asyncio.timeout(10):
        await held.wait()


@pytest.mark.requirement("R-CANCEL")
async def test_legacy_client_that_leaves_does_not_cancel(scene: Scene) -> None:
    hanging = asyncio.create_task(scene.client.call("s__slow"))
    await scene.server.wait_for("tools/call", "slow")
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    core = scene.gateway.core
    assert core is not None
    assert len(core.exchange.open) == 1
    scene.server.released.set()
    await wait_until(core.wheel.every, lambda: len(core.exchange.open) == 0)
    assert scene.server.find("notifications/cancelled") == []
