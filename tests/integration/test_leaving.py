"""A client that leaves is noticed within a second, and its revision says what that means."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from mcpgate.app import Gateway
from tests.support.gateways import (
    Wire,
    http_server,
    legacy_call,
    modern,
    modern_headers,
    running,
    wait_for_entries,
)
from tests.support.http_server import Answer, HttpServer, Request, speak_legacy, speak_modern
from tests.support.resuming import TOOL, Returning

pytestmark = [pytest.mark.requirement("R-CANCEL"), pytest.mark.usefixtures("either_listener")]


@dataclass
class Silent:
    """A server whose calls never end, and what it knows of who waits for them."""

    modern: bool
    called: asyncio.Event = field(default_factory=asyncio.Event)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: Request, answer: Answer) -> None:
        if request.method == "tools/list":
            cache = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
            await answer.result({"tools": [TOOL], **(cache if self.modern else {})})
            return
        await answer.stream()
        self.called.set()
        await answer.hold()
        self.told.set()  # the stream was closed, which is how a modern server is told

    async def script(self, request: Request, answer: Answer) -> None:
        if request.verb == "POST" and request.method == "notifications/cancelled":
            self.told.set()
        await (speak_modern if self.modern else speak_legacy)(self.answer)(request, answer)


@dataclass
class Scene:
    gateway: Gateway
    server: Silent
    client: Returning


@pytest.fixture(params=[False, True], ids=["legacy server", "modern server"])
async def scene(
    request: pytest.FixtureRequest, free_port: Callable[[], int]
) -> AsyncIterator[Scene]:
    port, silent = free_port(), Silent(request.param)
    async with (
        HttpServer(silent.script) as server,
        running(port, [http_server("s", server.url, deadline_s=20)]) as gateway,
    ):
        await wait_for_entries(gateway, 1)
        client = Returning(port)
        await client.open_session()
        yield Scene(gateway, silent, client)
        await client.close()
        if gateway.core is not None:
            gateway.core.exchange.open.stop_all()


async def call_modern(scene: Scene) -> Wire:
    body = modern("tools/call", {"name": "s__work", "arguments": {}}, 5)
    wire = await scene.client.connect()
    headers = scene.client.headers(*modern_headers("tools/call", "s__work"))
    wire.send("POST /mcp", headers, body)
    async with asyncio.timeout(5):
        await scene.server.called.wait()
    return wire


async def turn(gateway: Gateway, times: int) -> None:
    """Wait for so many turns of the wheel."""
    core, left, over = gateway.core, [times], asyncio.Event()
    assert core is not None

    def count() -> None:
        left[0] -= 1
        if left[0] <= 0:
            over.set()

    core.wheel.every(count)
    await over.wait()
    core.wheel.never(count)


@pytest.mark.parametrize("turns", [0, 5], ids=["at once", "later"])
async def test_modern_client_cancels_by_leaving(scene: Scene, turns: int) -> None:
    """Trap 6: without a session, leaving is cancelling."""
    wire = await call_modern(scene)
    await turn(scene.gateway, turns)
    await wire.close()
    async with asyncio.timeout(1):
        await scene.server.told.wait()


@pytest.mark.parametrize("turns", [0, 5, 13], ids=["at once", "later", "primed"])
async def test_client_of_a_session_cancels_nothing_by_leaving(scene: Scene, turns: int) -> None:
    """Trap 6: with a session, it is not."""
    core = scene.gateway.core
    assert core is not None
    wire = await scene.client.connect()
    wire.send("POST /mcp", scene.client.headers(), legacy_call("s__work"))
    await scene.server.called.wait()
    await turn(scene.gateway, turns)
    await wire.close()
    await turn(scene.gateway, 10)
    assert len(core.exchange.open) == 1
    assert not core.sessions.live
    assert not scene.server.told.is_set()
