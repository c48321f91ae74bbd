"""Calls through a native listener, which has no task for them: they end as any other does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from mcpgate.app import Gateway
from mcpgate.listeners.native import NativeServer
from tests.support.exchanges import read_events
from tests.support.gateways import (
    Client,
    http_server,
    legacy,
    legacy_call,
    running,
    wait_for_entries,
    wait_until,
)
from tests.support.native import native_beside
from tests.support.recording_server import TOOLS as NAMES
from tests.support.recording_server import RecordingServer


class Scene:
    """A gateway with a native listener, a server and a client with a session."""

    def __init__(self, gateway: Gateway, native: NativeServer, server: RecordingServer) -> None:
        self.gateway = gateway
        self.native = native
        self.server = server
        self.client = Client(0)

    def endings(self) -> list[object]:
        """List how the exchanges ended, as the trail says."""
        files = sorted(Path(self.gateway.state_dir, "events").glob("*.jsonl"))
        events = [event for file in files for event in read_events(file.read_bytes())]
        return [event["outcome"] for event in events if event["kind"] == "end"]

    async def wait_idle(self) -> None:
        """Wait until no call is open."""
        await wait_until(self.gateway, lambda core: not len(core.exchange.open))


@pytest.fixture
async def scene(free_port: Callable[[], int]) -> AsyncIterator[Scene]:
    port = free_port()
    async with (
        RecordingServer(modern=False) as server,
        running(free_port(), [http_server("s", server.url, deadline_s=2)]) as gateway,
        native_beside(gateway, port) as native,
    ):
        await wait_for_entries(gateway, len(NAMES))
        made = Scene(gateway, native, server)
        made.client = Client(port)
        await made.client.open_session()
        yield made


@pytest.mark.requirement("R-CANCEL")
async def test_legacy_client_that_left_has_its_call_ended_by_the_server(scene: Scene) -> None:
    wire = await scene.client.connect()
    wire.send("POST /mcp", scene.client.headers(), legacy_call("s__slow"))
    await scene.server.wait_for("tools/call", "slow")
    await wire.close()
    assert (await scene.client.call("s__echo")).status == 200
    scene.server.released.set()
    await scene.wait_idle()
    assert scene.endings() == ["done", "done"]
    assert not scene.server.find("notifications/cancelled")


@pytest.mark.requirement("R-CANCEL")
async def test_call_over_its_deadline_is_answered(scene: Scene) -> None:
    answer = await scene.client.call("s__hang")
    assert (answer.status, answer.reason) == (200, "deadline")
    await scene.server.wait_for("notifications/cancelled")
    assert scene.endings() == ["deadline"]


@pytest.mark.requirement("R-RUN")
async def test_call_that_is_late_at_the_end_is_abandoned(scene: Scene) -> None:
    calling = asyncio.create_task(scene.client.call("s__hang"))
    await scene.server.wait_for("tools/call", "hang")
    assert not await scene.native.stop(0.05)
    assert not calling.done()
    await scene.native.stop(0.05)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await calling
    assert scene.endings() == ["abandoned"]
    await scene.server.wait_for("notifications/cancelled")
    assert await scene.native.stop(1)


@pytest.mark.requirement("R-RUN")
async def test_drain_answers_the_open_call_and_ends_its_connection(scene: Scene) -> None:
    wire = await scene.client.connect()
    wire.send("POST /mcp", scene.client.headers(), legacy_call("s__hang"))
    await scene.server.wait_for("tools/call", "hang")
    stopping = asyncio.create_task(scene.native.stop(5))
    await asyncio.sleep(0)
    core = scene.gateway.core
    assert core is not None
    core.exchange.open.stop_all()
    answer = await wire.read()
    assert (answer.status, answer.reason) == (503, "draining")
    assert answer.headers["connection"] == "close"
    await wire.close()
    assert await stopping
    assert scene.endings() == ["abandoned"]


@pytest.mark.requirement("R-SESSION")
async def test_an_equal_head_does_not_keep_a_session_alive(scene: Scene) -> None:
    wire = await scene.client.connect()
    headers = scene.client.headers()
    wire.send("POST /mcp", headers, legacy("ping", None, 1))
    assert (await wire.read()).status == 200
    other = await scene.client.connect()
    other.send("DELETE /mcp", headers, None)
    assert (await other.read()).status == 204
    wire.send("POST /mcp", headers, legacy("ping", None, 2))
    answer = await wire.read()
    assert (answer.status, answer.reason) == (404, "session_unknown")
    await wire.close()
    await other.close()


@pytest.mark.requirement("R-PATH")
async def test_pipelined_calls_are_answered_in_their_order(scene: Scene) -> None:
    wire = await scene.client.connect()
    for number in range(30):
        name = "s__slow" if number == 0 else "s__echo"
        wire.send("POST /mcp", scene.client.headers(), legacy_call(name, b"{}", number))
    await scene.server.wait_for("tools/call", "slow")
    assert not scene.server.find("tools/call", "echo")
    scene.server.released.set()
    assert [(await wire.read()).message["id"] for _ in range(30)] == list(range(30))
    await wire.close()
