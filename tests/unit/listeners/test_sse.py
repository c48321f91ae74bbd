"""HTTP+SSE without a socket: the stream, and the ids that posts name."""

import asyncio
import json
from collections.abc import Coroutine
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.gate import SseCutter
from mcpgate.listeners.framing import encode_endpoint
from mcpgate.listeners.native_head import Fields, Head
from mcpgate.listeners.room import Room
from mcpgate.listeners.rsgi import HttpProtocol
from mcpgate.listeners.sink import HttpSink, Replies
from mcpgate.listeners.sse import SseRoom, SseStream
from tests.support.conversing import World, settle
from tests.support.replies import FakeReply

pytestmark = pytest.mark.requirement("R-LISTEN-SSE")
SPACES = st.text(alphabet=" \t\r\n", max_size=4)


@given(
    values=st.lists(st.text(max_size=100), max_size=6),
    spaces=st.lists(SPACES, min_size=6, max_size=6),
    ends=st.lists(st.integers(min_value=0, max_value=2000), max_size=10),
)
def test_messages_survive_any_cut(values: list[str], spaces: list[str], ends: list[int]) -> None:
    reply = FakeReply()
    sink = HttpSink(reply, Replies(closing=False), set())
    stream = SseStream(sink)
    sink.open(encode_endpoint("/messages?session=x"))
    for value, space in zip(values, spaces, strict=False):
        text = json.dumps({"a": value}, separators=(",", f":{space}"))
        assert stream.write(f"{space}{text}{space}".encode())
        sink.beat()
    sent = b"".join(reply.transport.sent)
    cutter, found = SseCutter(10_000), []
    edges = sorted(min(end, len(sent)) for end in ends)
    for start, end in zip([0, *edges], [*edges, len(sent)], strict=True):
        found += cutter.feed(sent[start:end])
    assert len(found) == len(values)
    for value, message in zip(values, found, strict=True):
        assert json.loads(message) == {"a": value}
    stream.close()
    assert not stream.write(b"{}")


def test_the_endpoint_is_the_first_event() -> None:
    assert encode_endpoint("/m?session=a") == b"event: endpoint\ndata: /m?session=a\n\n"


@pytest.mark.parametrize(
    ("path", "stream", "post"),
    [
        ("/mcp", "/sse", "/messages"),
        ("/", "/sse", "/messages"),
        ("/a/b/mcp", "/a/b/sse", "/a/b/messages"),
        ("/a/", "/a/sse", "/a/messages"),
    ],
)
def test_paths(path: str, stream: str, post: str) -> None:
    world = World()
    room = SseRoom(Room(world.parts, "x", 1), path, world.clock.random, unread_is_bounded=True)
    assert (room.stream_path, room.post_path) == (stream, post)
    assert len(room) == 0


class Desk:
    """Keep what is refused."""

    def __init__(self) -> None:
        self.replies = Replies(closing=False)
        self.refused: list[tuple[str, int]] = []

    def refuse_request(
        self, protocol: HttpProtocol, reason: str, *more: tuple[str, str], status: int = 0
    ) -> None:
        self.refused.append((reason, status))


async def test_one_stream_too_many_is_refused() -> None:
    world, desk, reply = World(limit=0), Desk(), FakeReply()
    room = SseRoom(world.room, "/mcp", world.clock.random, unread_is_bounded=True)
    work = room.answer(Head("GET", "/sse", Fields([])), cast("HttpProtocol", reply), desk)
    assert work is not None
    await work
    assert (desk.refused, reply.streams) == ([("overloaded", 503)], [])


@pytest.mark.parametrize("bounded", [False, True])
async def test_a_stream_has_a_budget_where_nobody_knows_what_was_read(bounded: bool) -> None:
    world, desk, reply = World(), Desk(), FakeReply()
    room = SseRoom(world.room, "/mcp", world.clock.random, unread_is_bounded=bounded)
    work = room.answer(Head("GET", "/sse", Fields([])), cast("HttpProtocol", reply), desk)
    assert work is not None
    stream = asyncio.create_task(_finish(work))
    await settle()
    (sink,) = world.parts.live
    message = b"x" * (1 << 20)
    passed = [sink.write(message) for _ in range(65)]
    assert passed == [True] * (65 if bounded else 63) + [False] * (0 if bounded else 2)
    sink.end()
    await stream
    assert (len(room), len(world.room)) == (0, 0)


async def _finish(work: Coroutine[object, None, None]) -> None:
    await work
