"""Clients of 2025-03-26 that send several messages in one array, over every transport."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mcpgate.app import Core, Gateway
from mcpgate.gate import BATCH_MESSAGES
from tests.support.exchanges import read_events
from tests.support.gateways import (
    Answer,
    Client,
    Wire,
    hello,
    http_server,
    legacy,
    legacy_call,
    notification,
    running,
    wait_for_entries,
    wait_until,
)
from tests.support.lines import connected
from tests.support.recording_server import TOOLS, RecordingServer
from tests.support.resuming import Reading, Returning, come_back
from tests.support.talk_scene import talk_scene
from tests.support.talks import TALKS

pytestmark = pytest.mark.requirement("R-BATCH")

BATCHED = "2025-03-26"
PING = legacy("ping", {}, "ping")


@dataclass
class Scene:
    """A gateway in front of a legacy and a modern server, and a client with a session."""

    gateway: Gateway
    client: Returning
    old: RecordingServer

    @property
    def core(self) -> Core:
        assert self.gateway.core is not None
        return self.gateway.core

    @property
    def events(self) -> list[dict[str, object]]:
        folder = Path(self.gateway.state_dir) / "events"
        return read_events(b"".join(path.read_bytes() for path in sorted(folder.iterdir())))

    async def send(self, *messages: bytes) -> Wire:
        """Post a batch; nothing is read yet."""
        wire = await self.client.connect()
        wire.send("POST /mcp", self.client.headers(), pack(*messages))
        return wire


@asynccontextmanager
async def scene_of(port: int) -> AsyncIterator[Scene]:
    async with RecordingServer(modern=False) as old, RecordingServer(modern=True) as new:
        servers = [http_server("old", old.url), http_server("new", new.url)]
        async with running(port, servers) as gateway:
            await wait_for_entries(gateway, 2 * len(TOOLS))
            client = Returning(port)
            await client.open_session(BATCHED)
            yield Scene(gateway, client, old)
            await client.close()


@pytest.fixture
async def scene(free_port: Callable[[], int], either_listener: str) -> AsyncIterator[Scene]:
    del either_listener
    async with scene_of(free_port()) as made:
        yield made


def pack(*messages: bytes) -> bytes:
    return b"[%b]" % b",".join(messages)


def call(name: str, request_id: object) -> bytes:
    params = {"name": name, "arguments": {}, "_meta": {"progressToken": request_id}}
    return legacy("tools/call", params, request_id)


def ids(messages: Sequence[dict[str, object]]) -> list[object]:
    return [message["id"] for message in messages]


def replies(answer: Answer) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/json"
    return found


def whys(messages: Sequence[dict[str, object]]) -> list[object]:
    found: list[object] = []
    for message in messages:
        error = message.get("error")
        found.append(error["data"]["reason"] if isinstance(error, dict) else "")
    return found


async def test_replies_come_as_one_array_in_the_order_of_requests(scene: Scene) -> None:
    cancelled = notification("notifications/cancelled", {"requestId": "nothing"})
    wire = await scene.send(call("old__slow", "s"), call("new__echo", 2), cancelled, PING)
    await scene.old.wait_for("tools/call", "slow")
    scene.old.released.set()
    answer = await wire.read()
    assert (answer.status, ids(replies(answer))) == (200, ["s", 2, "ping"])
    assert whys(replies(answer)) == [""] * 3
    assert len([one for one in scene.events if one["kind"] == "end"]) == 2
    assert [one["method"] for one in scene.events if one["kind"] == "verdict"][-4:] == [
        "tools/call",
        "tools/call",
        "notifications/cancelled",
        "ping",
    ]
    # the connection serves on
    wire.send("POST /mcp", scene.client.headers(), pack(PING))
    assert ids(replies(await wire.read())) == ["ping"]


async def test_nothing_but_notifications_is_accepted_without_a_body(scene: Scene) -> None:
    cancelled = notification("notifications/cancelled", {"requestId": "nothing"})
    answer = await scene.client.post(pack(*[cancelled] * BATCH_MESSAGES))
    assert (answer.status, answer.body) == (202, b"")


async def test_progress_makes_it_a_stream_of_single_messages(scene: Scene) -> None:
    wire = await scene.send(PING, call("old__progress", "p"), call("old__echo", "e"))
    reading = await read_stream(wire)
    seen = [await read_one(reading) for _ in range(2)]
    assert (seen[0]["id"], seen[1]["method"]) == ("ping", "notifications/progress")
    scene.old.released.set()
    rest = [json.loads(data) for _, data in await reading.read_all()]
    assert {one.get("id") for one in rest} >= {"p"}
    everything = [*seen, *rest]
    assert sorted(str(one["id"]) for one in everything if "id" in one) == ["e", "p", "ping"]


async def read_stream(wire: Wire) -> Reading:
    head = await wire.read_head()
    assert (head.status, head.headers["content-type"]) == (200, "text/event-stream")
    return Reading(wire)


async def read_one(reading: Reading) -> dict[str, object]:
    event = await reading.read()
    assert event is not None
    found: dict[str, object] = json.loads(event[1])
    return found


@pytest.mark.requirement("R-RESUME")
async def test_lost_stream_of_a_batch_is_resumed_as_one(scene: Scene) -> None:
    wire = await scene.send(PING, call("old__progress", "p"), call("old__slow", "s"))
    reading = await read_stream(wire)
    first = await reading.read()
    assert first is not None
    await wire.close()
    scene.old.released.set()
    await wait_until(scene.gateway, lambda core: not len(core.exchange.open))
    again = await come_back(scene.client, first[0])
    rest = [json.loads(data) for _, data in await again.read_all()]
    assert sorted(str(one["id"]) for one in rest if "id" in one) == ["p", "s"]
    assert not scene.old.find("notifications/cancelled")


@pytest.mark.requirement("R-CANCEL")
async def test_client_that_leaves_cancels_nothing(scene: Scene) -> None:
    wire = await scene.send(call("old__slow", 1), call("old__slow", 2))
    await scene.old.wait_for("tools/call", "slow", 2)
    await wire.close()
    assert (await scene.client.post(PING)).status == 200
    scene.old.released.set()
    await wait_until(scene.gateway, lambda core: not len(core.exchange.open))
    assert [one["outcome"] for one in scene.events if one["kind"] == "end"] == ["done"] * 2


@pytest.mark.requirement("R-CANCEL")
async def test_one_request_of_a_batch_is_cancelled(scene: Scene) -> None:
    wire = await scene.send(call("old__hang", "h"), call("old__slow", "s"))
    await scene.old.wait_for("tools/call", "hang")
    await scene.old.wait_for("tools/call", "slow")
    cancel = notification("notifications/cancelled", {"requestId": "h"})
    assert (await scene.client.post(pack(cancel))).status == 202
    await scene.old.wait_for("notifications/cancelled")
    scene.old.released.set()
    assert ids(replies(await wire.read())) == ["s"]


async def test_what_is_refused(scene: Scene) -> None:
    for body in (b"[]", pack(*[PING] * (BATCH_MESSAGES + 1))):
        answer = await scene.client.post(body)
        assert (answer.status, answer.reason) == (400, "batch")
        assert "1 to 50" in str(answer.error["message"])
    shaken = legacy("initialize", hello(BATCHED), "h")
    mixed = await scene.client.post(pack(shaken, pack(PING), legacy_call("none__x"), PING))
    assert mixed.status == 200
    assert "mcp-session-id" not in mixed.headers
    assert whys(replies(mixed)) == ["batch", "batch", "unknown_tool", ""]
    assert ids(replies(mixed)) == ["h", None, 1, "ping"]
    alone = await scene.client.post(pack(shaken))
    assert (alone.status, whys(replies(alone))) == (400, ["batch"])


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-06-18", "2025-11-25", ""])
async def test_other_revisions_have_none(scene: Scene, revision: str) -> None:
    client = Client(scene.client.port)
    if revision:
        await client.open_session(revision)
    answer = await client.post(pack(PING))
    assert (answer.status, answer.reason) == (400, "batch")


@pytest.mark.parametrize("kind", TALKS)
async def test_conversations(kind: str, free_port: Callable[[], int]) -> None:
    async with talk_scene(kind, free_port()) as made, made.talking() as talk:
        await talk.open_session(BATCHED)
        await talk.send(pack(call("new__echo", 1), notification("notifications/x"), PING))
        assert ids(json.loads(await talk.receive_raw())) == [1, "ping"]
        await talk.send(pack(PING, call("old__progress", "p")))
        seen = [await talk.receive() for _ in range(2)]
        assert (seen[0]["id"], seen[1]["method"]) == ("ping", "notifications/progress")
        made.old.released.set()
        assert (await talk.receive())["method"] == "notifications/progress"
        assert (await talk.receive())["id"] == "p"
        await talk.send(b"[]", pack(notification("notifications/x")))
        assert whys([await talk.receive()]) == ["batch"]
        await talk.send(PING)
        assert (await talk.receive())["id"] == "ping"
        await talk.send(pack(call("old__hang", 1), call("old__hang", 2)))
        await made.old.wait_for("tools/call", "hang", 2)
        await talk.send(pack(notification("notifications/cancelled", {"requestId": 1})))
        await made.old.wait_for("notifications/cancelled")
        await talk.way.leave()
        await made.old.wait_for("notifications/cancelled", count=2)


async def test_lines(free_port: Callable[[], int]) -> None:
    async with scene_of(free_port()) as made, connected(made.gateway) as line:
        await line.open_session(BATCHED)
        line.send(pack(call("new__echo", 1), notification("notifications/x"), PING))
        assert ids(json.loads(await line.receive_raw())) == [1, "ping"]
        line.send(pack(PING, call("old__progress", "p")))
        seen = [await line.receive() for _ in range(2)]
        assert (seen[0]["id"], seen[1]["method"]) == ("ping", "notifications/progress")
        made.old.released.set()
        assert (await line.receive())["method"] == "notifications/progress"
        assert (await line.receive())["id"] == "p"
        line.send(pack(call("old__hang", 1), call("old__hang", 2)))
        await made.old.wait_for("tools/call", "hang", 2)
        line.writer.close()
        await made.old.wait_for("notifications/cancelled", count=2)
