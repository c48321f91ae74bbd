"""Streams that stay open: the session's own and modern listen requests."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from mcpgate.app import Gateway
from mcpgate.gate import PROMPTS, TOOLS
from mcpgate.sessions.streams import Streams
from tests.support.gateways import Client, Wire, running, wait_until

pytestmark = pytest.mark.usefixtures("either_listener")

ID = "io.modelcontextprotocol/subscriptionId"


@dataclass
class Scene:
    """A gateway without servers."""

    gateway: Gateway
    client: Client

    @property
    def streams(self) -> Streams:
        assert self.gateway.core is not None
        return self.gateway.core.streams


@pytest.fixture
async def scene(free_port: Callable[[], int]) -> AsyncIterator[Scene]:
    port = free_port()
    async with running(port) as gateway:
        yield Scene(gateway, Client(port))


async def read_message(wire: Wire) -> dict[str, object]:
    raw = await wire.read_event()
    assert raw is not None
    found: dict[str, object] = json.loads(raw)
    return found


@pytest.mark.requirement("R-CHANGED")
async def test_session_stream_hears_of_changes(scene: Scene) -> None:
    await scene.client.open_session()
    wire = await scene.client.open_stream()
    await wire.read_chunk()  # the stream is open
    scene.streams.announce(TOOLS | PROMPTS)
    assert (await read_message(wire))["method"] == "notifications/tools/list_changed"
    assert (await read_message(wire))["method"] == "notifications/prompts/list_changed"
    await wire.close()


@pytest.mark.requirement("R-SESSION")
async def test_newer_stream_replaces_the_older(scene: Scene) -> None:
    await scene.client.open_session()
    older = await scene.client.open_stream()
    await older.read_chunk()
    newer = await scene.client.open_stream()
    await newer.read_chunk()
    assert await older.read_event() is None
    scene.streams.announce(TOOLS)
    assert (await read_message(newer))["method"] == "notifications/tools/list_changed"
    assert len(scene.streams) == 1
    await older.close()
    await newer.close()


@pytest.mark.requirement("R-SESSION")
async def test_end_of_the_session_ends_its_stream(scene: Scene) -> None:
    await scene.client.open_session()
    wire = await scene.client.open_stream()
    await wire.read_chunk()
    assert (await scene.client.ask("DELETE /mcp", scene.client.headers())).status == 204
    assert await wire.read_event() is None
    await wire.close()


@pytest.mark.requirement("R-CHANGED")
@pytest.mark.parametrize("request_id", [7, "seven", 12345678901234567890])
async def test_listen(scene: Scene, request_id: object) -> None:
    wire = await scene.client.listen({"toolsListChanged": True}, request_id)
    ack = await read_message(wire)
    assert ack["method"] == "notifications/subscriptions/acknowledged"
    scene.streams.announce(PROMPTS)
    scene.streams.announce(TOOLS)
    told = await read_message(wire)
    assert told["method"] == "notifications/tools/list_changed"
    assert told["params"] == {"_meta": {ID: request_id}}
    await wire.close()


@pytest.mark.requirement("R-CHANGED")
async def test_several_listens_side_by_side(scene: Scene) -> None:
    wires = [await scene.client.listen({"toolsListChanged": True}, number) for number in range(5)]
    for wire in wires:
        await read_message(wire)
    scene.streams.announce(TOOLS)
    for number, wire in enumerate(wires):
        assert (await read_message(wire))["params"] == {"_meta": {ID: number}}
        await wire.close()


@pytest.mark.requirement("R-CHANGED")
async def test_listen_for_nothing_stays_open(scene: Scene) -> None:
    wire = await scene.client.listen({}, 1)
    assert (await read_message(wire))["method"] == "notifications/subscriptions/acknowledged"
    assert len(scene.streams) == 1
    await wire.close()


@pytest.mark.requirement("R-LEAK")
async def test_stream_of_a_client_that_left_is_forgotten(scene: Scene) -> None:
    await scene.client.open_session()
    wires = [await scene.client.open_stream(), await scene.client.listen({}, 1)]
    for wire in wires:
        await wire.read_chunk()
    assert len(scene.streams) == 2
    core = scene.gateway.core
    assert core is not None
    for wire in wires:
        await wire.close()
    await no_streams(scene)
    assert not core.sessions.live


async def no_streams(scene: Scene) -> None:
    """Wait, at each turn of the wheel, until no stream is open."""
    await wait_until(scene.gateway, lambda _: len(scene.streams) == 0)


@pytest.mark.requirement("R-CHANGED")
async def test_open_streams_are_kept_alive(scene: Scene) -> None:
    await scene.client.open_session()
    wire = await scene.client.open_stream()
    await wire.read_chunk()
    core = scene.gateway.core
    assert core is not None
    for sink in tuple(core.sessions.live):
        sink.beat()
    while await wire.read_chunk() != b": keep-alive\n\n":
        pass
    await wire.close()


@pytest.mark.requirement("R-CHANGED")
async def test_too_many_streams_are_refused(scene: Scene) -> None:
    scene.streams._limit = 1
    first = await scene.client.listen({}, 1)
    await first.read_chunk()
    await scene.client.open_session()
    answer = await scene.client.ask("GET /mcp", scene.client.headers())
    assert answer.reason == "overloaded"
    await first.close()
