"""A client of a session that lost its stream comes back and misses nothing."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mcpgate.app import Core, Gateway
from mcpgate.gate import TOOLS
from tests.support.gateways import Client, http_server, running, wait_for_entries, wait_until
from tests.support.resuming import Reading, Returning, Worker, begin, come_back, start, steps

pytestmark = [pytest.mark.requirement("R-RESUME"), pytest.mark.usefixtures("either_listener")]


@dataclass
class Scene:
    """A gateway before a server that cannot resume, and a client with a session."""

    gateway: Gateway
    worker: Worker
    client: Returning

    @property
    def core(self) -> Core:
        assert self.gateway.core is not None
        return self.gateway.core

    async def wait(self, holds: Callable[[Core], bool]) -> None:
        await wait_until(self.gateway, holds)


@pytest.fixture
async def scene(free_port: Callable[[], int]) -> AsyncIterator[Scene]:
    port = free_port()
    async with (
        Worker() as worker,
        running(port, [http_server("s", worker.server.url, deadline_s=20)]) as gateway,
    ):
        await wait_for_entries(gateway, 1)
        client = Returning(port)
        await client.open_session()
        yield Scene(gateway, worker, client)
        await client.close()


async def read_some(reading: Reading, count: int) -> list[tuple[str, bytes]]:
    """Read so many events, and then lose the connection."""
    found = [await reading.read() for _ in range(count)]
    await reading.wire.close()
    assert None not in found
    return [event for event in found if event is not None]


@pytest.mark.parametrize("read", [1, 2, 3])
@pytest.mark.parametrize("when", ["away", "back"])
async def test_cut_after_each_message(scene: Scene, read: int, when: str) -> None:
    """What is said while nobody is there, and what is said afterwards, comes once."""
    scene.worker.tell(1, 2, 3)
    before = await read_some(await start(scene.client), read)
    if when == "away":
        scene.worker.tell(4, 0)
        await scene.wait(lambda core: not len(core.exchange.open))
    again = await come_back(scene.client, before[-1][0])
    if when == "back":
        scene.worker.tell(4, 0)
    after = await again.read_all()
    assert steps(before + after) == [1, 2, 3, 4, 7]
    assert len({name for name, _ in before + after}) == 5
    assert scene.worker.cancelled == 0


async def test_silent_call_is_found_again_before_its_first_message(scene: Scene) -> None:
    ((name, data),) = await read_some(await start(scene.client), 1)
    assert (bool(name), data) == (True, b"")
    again = await come_back(scene.client, name)
    scene.worker.tell(1, 0)
    assert steps(await again.read_all()) == [1, 7]


async def test_lost_again_and_again(scene: Scene) -> None:
    scene.worker.tell(*range(1, 6))
    seen = await read_some(await start(scene.client), 1)
    for _ in range(4):
        seen += await read_some(await come_back(scene.client, seen[-1][0]), 1)
    scene.worker.tell(0)
    seen += await (await come_back(scene.client, seen[-1][0])).read_all()
    assert steps(seen) == [1, 2, 3, 4, 5, 7]
    # that connection may have been lost too, so the reply can be fetched once more
    assert steps(await (await come_back(scene.client, seen[-2][0])).read_all()) == [7]


async def test_who_comes_back_takes_over(scene: Scene) -> None:
    first = await start_with_one(scene)
    event = await first.read()
    assert event is not None
    second = await come_back(scene.client, event[0])
    assert await first.read() is None
    third = await come_back(scene.client, event[0])
    assert await second.read() is None
    scene.worker.tell(2, 0)
    assert steps(await third.read_all()) == [2, 7]
    # the connection that was taken over serves on
    first.wire.send("POST /mcp", scene.client.headers(), PING)
    assert (await first.wire.read()).status == 200


PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


async def start_with_one(scene: Scene) -> Reading:
    scene.worker.tell(1)
    return await start(scene.client)


async def test_streams_of_one_session_do_not_mix(scene: Scene) -> None:
    names = ["a", "b", "c"]
    for name in names:
        scene.worker.tell(1, 2, of=name)
    lost = {name: await read_some(await start(scene.client, name, of=name), 1) for name in names}
    for name in names:
        scene.worker.tell(3, 0, of=name)
    for name in reversed(names):
        again = await come_back(scene.client, lost[name][-1][0])
        assert steps(await again.read_all()) == [2, 3, name]


async def test_event_of_another_session_finds_nothing(scene: Scene) -> None:
    scene.worker.tell(1, 2, 0)
    mine = await read_some(await start(scene.client), 1)
    other = Client(scene.client.port)
    await other.open_session()
    headers = other.headers(("last-event-id", mine[-1][0]), without=("content-type",))
    refused = await other.ask("GET /mcp", headers)
    assert (refused.status, b"progress" in refused.body) == (400, False)
    assert steps(await (await come_back(scene.client, mine[-1][0])).read_all()) == [2, 7]


async def test_event_of_an_ended_session_finds_nothing(scene: Scene) -> None:
    scene.worker.tell(1, 2, 0)
    mine = await read_some(await start(scene.client), 1)
    headers = scene.client.headers(("last-event-id", mine[-1][0]), without=("content-type",))
    assert (await scene.client.ask("DELETE /mcp", headers)).status == 204
    assert (await scene.client.ask("GET /mcp", headers)).status == 404
    assert (len(scene.core.sessions.replays), scene.core.sessions.replays.size) == (0, 0)


@pytest.mark.parametrize("event", ["", "some-thing-else", "0" * 99])
async def test_event_that_is_none_of_ours_opens_the_session_s_stream(
    scene: Scene, event: str
) -> None:
    reading = await come_back(scene.client, event)
    scene.core.streams.announce(TOOLS)
    primed, told = await reading.read(), await reading.read()
    assert primed is not None
    assert told is not None
    assert (bool(primed[0]), primed[1]) == (True, b"")
    assert b"tools/list_changed" in told[1]
    await reading.wire.close()


async def test_session_s_own_stream_is_resumed(scene: Scene) -> None:
    first = Reading(await scene.client.open_stream())
    event = await first.read()
    assert event is not None
    await first.wire.close()
    await scene.wait(lambda core: not len(core.streams))
    scene.core.streams.announce(TOOLS)
    second = await come_back(scene.client, event[0])
    told = await second.read()
    assert told is not None
    assert json.loads(told[1])["method"] == "notifications/tools/list_changed"
    scene.core.streams.announce(TOOLS)
    while told is not None and not told[0].endswith("-2"):
        told = await second.read()
    assert told is not None
    assert len(scene.core.streams) == 1
    await second.wire.close()


async def test_call_of_a_client_that_left_runs_on(scene: Scene) -> None:
    """Trap 6: for a session, leaving is not cancelling; the reply waits for its client."""
    scene.worker.tell(1)
    mine = await read_some(await start(scene.client), 1)
    await scene.wait(lambda core: not core.sessions.live)
    assert len(scene.core.exchange.open) == 1
    scene.worker.tell(2, 0)
    await scene.wait(lambda core: not len(core.exchange.open))
    assert steps(await (await come_back(scene.client, mine[-1][0])).read_all()) == [2, 7]
    assert scene.worker.cancelled == 0


async def test_client_that_left_before_it_heard_anything_disturbs_no_one(scene: Scene) -> None:
    wire = await begin(scene.client)
    await scene.worker.started.wait()
    await wire.close()
    await scene.wait(lambda core: bool(core.wheel._old))
    scene.worker.tell(1, 2, 0)
    await scene.wait(lambda core: not len(core.exchange.open))
    assert scene.worker.cancelled == 0


@pytest.mark.parametrize("revision", ["2025-03-26", "2025-06-18"])
async def test_older_clients_get_no_event_without_a_message(scene: Scene, revision: str) -> None:
    """Trap 39: who reads only the first event finds a message in it."""
    await scene.client.open_session(revision)
    own = Reading(await scene.client.open_stream())
    wire = await begin(scene.client)
    await scene.worker.started.wait()
    calls: list[object] = []
    scene.core.wheel.every(lambda: calls.append(None))
    await scene.wait(lambda _: len(calls) > 13)
    scene.core.streams.announce(TOOLS)
    told = await own.read()
    assert told is not None
    assert b"tools/list_changed" in told[1]
    scene.worker.tell(0)
    answer = await wire.read()
    assert (answer.streamed, answer.message["id"]) == (False, 7)
    await own.wire.close()
    await wire.close()


async def test_silent_streams_are_kept_alive_by_comments(scene: Scene) -> None:
    """Trap 24: what keeps a stream alive is no event, on a primed and on a resumed stream."""
    reading = await start(scene.client)
    event = await reading.read()
    assert event is not None
    await hears_a_comment(scene, reading)
    again = await come_back(scene.client, event[0])
    assert await again.wire.read_chunk() == b": open\n\n"
    await hears_a_comment(scene, again)
    scene.worker.tell(0)
    assert steps(await again.read_all()) == [7]


async def hears_a_comment(scene: Scene, reading: Reading) -> None:
    for sink in tuple(scene.core.sessions.live):
        sink.beat()
    assert await reading.wire.read_chunk() == b": keep-alive\n\n"


async def test_quick_call_is_answered_whole_and_keeps_nothing(scene: Scene) -> None:
    scene.worker.tell(0)
    answer = await (await begin(scene.client)).read()
    assert (answer.streamed, answer.message["id"]) == (False, 7)
    assert len(scene.core.sessions.replays) == 0


async def test_cancelled_call_can_be_fetched_no_more(scene: Scene) -> None:
    scene.worker.tell(1)
    reading = await start(scene.client)
    event = await reading.read()
    assert event is not None
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}
    assert (await scene.client.post(json.dumps(body).encode())).status == 202
    assert await reading.read() is None
    headers = scene.client.headers(("last-event-id", event[0]), without=("content-type",))
    assert (await scene.client.ask("GET /mcp", headers)).status == 400
    async with asyncio.timeout(5):
        while not scene.worker.cancelled:
            await scene.client.post(PING)


async def test_reply_that_was_never_kept_is_refused_at_once(scene: Scene) -> None:
    """A client that waits for what is lost is told so, and not left waiting."""
    scene.worker.tell(1)
    mine = await read_some(await start(scene.client, size=9 << 20), 1)
    await scene.wait(lambda core: not core.sessions.live)
    scene.worker.tell(0)
    await scene.wait(lambda core: not len(core.exchange.open))
    headers = scene.client.headers(("last-event-id", mine[-1][0]), without=("content-type",))
    assert (await scene.client.ask("GET /mcp", headers)).status == 400
    assert scene.core.sessions.replays.size == 0


async def test_endless_stream_costs_flat_memory(scene: Scene) -> None:
    """Read or not, a call that never stops talking keeps one log's worth of messages."""
    scene.worker.tell(1)
    reading = await start(scene.client, size=10_000)
    last, before = await reading.read(), 0
    for turn in range(24):
        scene.worker.tell(*range(2 + turn * 100, 102 + turn * 100))
        await scene.wait(lambda core: scene.worker.told[None].empty())
        if turn < 12:
            for _ in range(100):
                last = await reading.read()
        if turn == 12:
            await reading.wire.close()
            before = read_resident()
        assert scene.core.sessions.replays.size <= 1 << 20
    assert read_resident() - before < 8 << 20
    scene.worker.tell(0)
    assert last is not None
    *rest, reply = steps(await (await come_back(scene.client, last[0])).read_all())
    assert reply == 7
    assert rest == list(range(2402 - len(rest), 2402))
    assert len(rest) > 90


def read_resident() -> int:
    """Return how many bytes this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_client_that_does_not_read_is_cut_and_slows_nobody(scene: Scene) -> None:
    scene.worker.tell(1)
    slow = await start(scene.client, size=1 << 20)
    first = await slow.read()
    assert first is not None
    scene.worker.tell(*range(2, 90), 0)
    while len(scene.core.exchange.open):
        assert (await scene.client.post(PING)).status == 200
    assert scene.worker.cancelled == 0
    await scene.wait(lambda core: not core.sessions.live)
    found = steps(await (await come_back(scene.client, first[0])).read_all())
    assert found[-1] == 7
