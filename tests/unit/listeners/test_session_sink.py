"""The reply to a session: whole as long as it can be, and never lost with its connection."""

import asyncio

import pytest

from mcpgate.listeners.session_sink import PRIME_NS, SessionSink, SessionSinks
from mcpgate.listeners.sink import HttpSink, Replies
from tests.support.exchanges import ManualClock, make_gate, open_session
from tests.support.replays import KeptPipe
from tests.support.replies import FakeReply

pytestmark = pytest.mark.requirement("R-RESUME")


class Scene:
    """One request of one session."""

    def __init__(self, revision: str = "2025-11-25") -> None:
        self.clock = ManualClock()
        self.sinks = SessionSinks(self.clock)
        self.caller = open_session(make_gate(self.clock), self.clock, revision)
        self.reply = FakeReply()
        self.gone = 0
        self.sink = SessionSink(self.reply, Replies(closing=False), self.sinks, self.caller)

    def leave(self) -> None:
        self.gone += 1

    def watch(self) -> None:
        self.sink.watch(self.leave)

    def pass_time(self, passed_ns: int) -> None:
        self.clock.at += passed_ns
        self.sinks.sweep()

    def fetch(self, event: str) -> KeptPipe:
        """Come back after an event."""
        found = self.sinks.replays.find(self.caller.session, event)
        assert found is not None
        pipe = KeptPipe()
        found[0].attach(pipe, found[1])
        return pipe


def test_single_reply_is_sent_whole_and_kept_nowhere() -> None:
    scene = Scene()
    scene.sink.send(200, b"{}")
    assert scene.reply.whole == [(200, [("content-type", "application/json")], b"{}")]
    assert len(scene.sinks.replays) == 0


def test_reply_after_a_moment_is_sent_whole_too() -> None:
    scene = Scene()
    scene.watch()
    scene.pass_time(PRIME_NS - 1)
    scene.sink.unwatch()
    scene.pass_time(PRIME_NS)
    scene.sink.send(200, b"{}")
    assert (len(scene.reply.whole), scene.reply.streams) == (1, [])
    assert scene.reply.watcher.cancelled


def test_several_messages_are_a_named_stream() -> None:
    scene = Scene()
    assert scene.sink.write(b"1")
    scene.watch()
    scene.pass_time(PRIME_NS)  # a client that has heard of it needs no first event
    scene.sink.unwatch()
    scene.sink.send(200, b"2")
    nonce = b"01010101"
    assert scene.reply.transport.sent == [
        b"event: message\nid: %b-1-1\ndata: 1\n\n" % nonce,
        b"event: message\nid: %b-1-2\ndata: 2\n\n" % nonce,
    ]
    assert not scene.sinks.live


def test_silent_call_begins_with_a_name() -> None:
    scene = Scene()
    scene.watch()
    scene.pass_time(PRIME_NS)
    assert scene.reply.transport.sent == [b"id: 01010101-1-0\nretry: 500\ndata: \n\n"]
    assert len(scene.sinks.live) == 1
    assert scene.fetch("01010101-1-0").messages == []


def test_older_client_is_told_nothing_before_its_reply() -> None:
    scene = Scene("2025-06-18")
    scene.watch()
    scene.pass_time(PRIME_NS * 9)
    scene.sink.unwatch()
    scene.sink.send(200, b"{}")
    assert (len(scene.reply.whole), scene.reply.streams) == (1, [])


def test_leaving_ends_the_connection_and_nothing_else() -> None:
    scene = Scene()
    scene.sink.write(b"1")
    scene.watch()
    scene.reply.watcher.leave()
    assert (scene.gone, scene.sinks.live) == (1, set())
    assert scene.sink.write(b"2")
    scene.sink.unwatch()
    scene.sink.send(200, b"3")
    assert len(scene.reply.transport.sent) == 1
    assert scene.fetch("01010101-1-1").messages == [b"2", b"3"]


def test_who_left_before_any_event_is_sent_and_kept_nothing() -> None:
    scene = Scene()
    scene.watch()
    scene.reply.watcher.leave()
    scene.pass_time(PRIME_NS)
    assert scene.sink.write(b"1")
    scene.sink.send(200, b"2")
    scene.sink.end()
    assert (scene.gone, scene.reply.whole, scene.reply.streams) == (1, [], [])
    assert len(scene.sinks.replays) == 0


def test_connection_that_is_taken_over_is_let_go() -> None:
    scene = Scene()
    scene.sink.write(b"1")
    scene.watch()
    pipe = scene.fetch("01010101-1-0")
    assert (scene.gone, scene.sinks.live) == (1, set())
    scene.sink.send(200, b"2")
    assert (pipe.messages, pipe.ended) == ([b"1", b"2"], 1)


def test_connection_that_was_over_before_it_was_watched_is_let_go() -> None:
    scene = Scene()
    scene.sink.write(b"1")
    scene.fetch("01010101-1-0")
    scene.watch()
    scene.watch()
    assert scene.gone == 2


@pytest.mark.parametrize("begun", [True, False])
def test_end_without_a_reply(begun: bool) -> None:
    scene = Scene()
    if begun:
        scene.sink.write(b"1")
    scene.sink.end()
    assert len(scene.reply.streams) == 1
    assert not scene.sinks.live
    if begun:
        assert scene.sinks.replays.find(scene.caller.session, "01010101-1-1") is None


async def test_reading_on_lasts_until_the_stream_is_over() -> None:
    scene = Scene()
    scene.sink.write(b"1")
    found = scene.sinks.replays.find(scene.caller.session, "01010101-1-0")
    assert found is not None
    reply = FakeReply()
    sink = HttpSink(reply, Replies(closing=False), scene.sinks.live)
    reading = asyncio.create_task(scene.sinks.read(sink, *found, scene.caller))
    await asyncio.sleep(0)
    scene.sink.send(200, b"2")
    await reading
    assert not found[0].unread
    assert [sent[-5:] for sent in reply.transport.sent] == [
        b"open\n\n"[-5:],
        b": 1\n\n",
        b": 2\n\n",
    ]


@pytest.mark.parametrize(("revision", "primed"), [("2025-11-25", 1), ("2025-06-18", 0)])
async def test_own_stream_goes_on_unread(revision: str, primed: int) -> None:
    scene = Scene(revision)
    found = scene.sinks.replays.find(scene.caller.session, "")
    assert found is not None
    reply = FakeReply()
    sink = HttpSink(reply, Replies(closing=False), scene.sinks.live)
    reading = asyncio.create_task(scene.sinks.read(sink, *found, scene.caller))
    await asyncio.sleep(0)
    assert len(reply.transport.sent) == 1 + primed
    reply.watcher.leave()
    await reading
    assert found[0].unread
    assert found[0].write(b"1")
