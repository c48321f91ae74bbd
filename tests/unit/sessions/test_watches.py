"""Watched resources: begun once at a server, told to everyone who asked, forgotten in the end."""

import asyncio
import json

import pytest

from mcpgate.gate import Watch
from mcpgate.sessions.streams import Follower
from tests.support.exchanges import KeptSink, encode, encode_modern, modern_head, open_session
from tests.support.path import Path

pytestmark = pytest.mark.requirement("R-WATCH")
OWN = "test://shared"
PLACE = ("time", OWN)


class World:
    """A path, its streams, and what servers were told to watch."""

    def __init__(self) -> None:
        self.path = Path()
        self.watches = self.path.watches
        self.changed: list[str] = []
        self.watches.changed = self.changed.append

    async def ask(self, method: str, uri: str = OWN) -> dict[str, object]:
        sink = KeptSink()
        await self.path.exchange.run(encode(method, {"uri": uri}), self.path.caller, None, sink)
        return sink.read()

    async def listen(self, *uris: str) -> tuple[dict[str, object], list[Watch]]:
        sink = KeptSink()
        raw = encode_modern(
            "subscriptions/listen", "L", notifications={"resourceSubscriptions": list(uris)}
        )
        head = modern_head("subscriptions/listen")
        verdict = await self.path.exchange.run(raw, self.path.modern, head, sink)
        assert verdict is not None
        return json.loads(verdict.body)["params"]["notifications"], verdict.watches


async def test_a_resource_is_watched_once_however_many_ask() -> None:
    world = World()
    assert (await world.ask("resources/subscribe"))["result"] == {}
    assert (await world.ask("resources/subscribe"))["result"] == {}
    first = world.path.caller
    world.path.caller = open_session(world.path.gate, world.path.clock)
    await world.ask("resources/subscribe")
    assert (world.changed, world.watches.list_wanted("time")) == (["time"], {OWN})
    assert {watcher for watcher, _ in world.watches.list_watchers(*PLACE)} == {
        first.session,
        world.path.caller.session,
    }
    await world.ask("resources/unsubscribe")
    assert world.watches.list_wanted("time") == {OWN}
    world.path.exchange.end_session(first.session)
    assert (world.changed, world.watches.list_wanted("time")) == (["time", "time"], frozenset())
    assert world.path.links.left == [first.session]


async def test_what_cannot_be_watched_is_refused() -> None:
    world = World()
    error = (await world.ask("resources/subscribe", "test://nowhere"))["error"]
    assert isinstance(error, dict)
    assert (error["code"], world.changed) == (-32002, [])
    honoured, watches = await world.listen("test://nowhere")
    assert (honoured, watches) == ({}, [])


async def test_who_watches_is_told_under_the_uri_that_it_used() -> None:
    world = World()
    streams = world.path.streams
    own = KeptSink()
    await world.ask("resources/subscribe")
    streams.add(Follower(own, 0, session=world.path.caller.session, subscription=b""))
    honoured, watches = await world.listen(OWN, OWN)
    assert honoured == {"resourceSubscriptions": [OWN, OWN]}
    listening = KeptSink()
    follower = Follower(listening, 0, session="", subscription=b'"L"')
    streams.add(follower, watches)
    streams.tell_updated(*PLACE)
    streams.tell_updated("every", OWN)
    (told,), (tagged,) = map(json.loads, own.messages), map(json.loads, listening.messages)
    assert told["params"] == {"uri": OWN}
    assert tagged["params"]["_meta"] == {"io.modelcontextprotocol/subscriptionId": "L"}
    streams.discard(follower)
    assert [watcher for watcher, _ in world.watches.list_watchers(*PLACE)] == [
        world.path.caller.session
    ]
    await asyncio.sleep(0)
