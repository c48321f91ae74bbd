"""A reply goes out whole or as a stream, within its budget."""

import asyncio

import pytest

from mcpgate.listeners.sink import HttpSink, Replies, clamp_status
from tests.support.replies import FakeReply


def open_sink() -> tuple[FakeReply, HttpSink, set[HttpSink]]:
    reply = FakeReply()
    live: set[HttpSink] = set()
    return reply, HttpSink(reply, Replies(closing=False), live), live


@pytest.mark.requirement("R-STATUS")
@pytest.mark.parametrize(
    ("status", "sent"),
    [(200, 200), (599, 599), (199, 500), (99, 500), (0, 500), (600, 500), (-1, 500), (1000, 500)],
)
def test_status_that_would_kill_the_worker_is_500(status: int, sent: int) -> None:
    assert clamp_status(status) == sent
    reply, sink, _ = open_sink()
    sink.send(status, b"{}")
    assert reply.whole[0][0] == sent


@pytest.mark.requirement("R-FRONT")
def test_whole_reply() -> None:
    reply, sink, live = open_sink()
    sink.send(200, b"{}")
    assert reply.whole == [(200, [("content-type", "application/json")], b"{}")]
    assert not live


@pytest.mark.requirement("R-SESSION")
def test_session_id_is_a_header() -> None:
    reply, sink, _ = open_sink()
    sink.send(200, b"{}", "abc")
    assert ("mcp-session-id", "abc") in reply.whole[0][1]


@pytest.mark.requirement("R-STATUS")
def test_reply_without_body_has_no_content_type() -> None:
    reply, sink, _ = open_sink()
    sink.send(202, b"")
    assert reply.whole == [(202, [], b"")]


@pytest.mark.requirement("R-SSE")
def test_first_of_several_messages_begins_a_stream() -> None:
    reply, sink, live = open_sink()
    assert sink.write(b"1")
    assert sink in live
    sink.send(500, b"2")
    assert reply.transport.sent == [b"event: message\ndata: 1\n\n", b"event: message\ndata: 2\n\n"]
    assert reply.streams == [
        [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-store, no-transform"),
            ("x-accel-buffering", "no"),
        ]
    ]
    assert not live
    assert not reply.whole


@pytest.mark.requirement("R-SSE")
def test_ending_without_a_message_is_an_empty_stream() -> None:
    reply, sink, _ = open_sink()
    sink.end()
    sink.end()
    assert len(reply.streams) == 1
    assert not sink.write(b"late")
    assert reply.transport.sent == []


@pytest.mark.requirement("R-SSE")
def test_stream_over_its_budget_is_cut() -> None:
    reply, sink, live = open_sink()
    sink.limit(64)
    assert sink.write(b"x" * 20)
    assert not sink.write(b"x" * 20)
    assert not sink.write(b"")
    assert len(reply.transport.sent) == 1
    assert not live


@pytest.mark.requirement("R-RESUME")
def test_named_messages_and_the_one_that_is_only_a_name() -> None:
    reply, sink, _ = open_sink()
    assert sink.put("a-1-0", b"")
    assert sink.put("a-1-1", b"{}")
    assert reply.transport.sent == [
        b"id: a-1-0\nretry: 500\ndata: \n\n",
        b"event: message\nid: a-1-1\ndata: {}\n\n",
    ]
    sink.end()
    assert not sink.put("a-1-2", b"{}")


@pytest.mark.requirement("R-RESUME")
@pytest.mark.parametrize("leaves", [True, False])
def test_who_stays_is_told_once_that_it_is_over(leaves: bool) -> None:
    reply, sink, live = open_sink()
    over: list[int] = []
    sink.open()
    sink.stay(lambda: over.append(1))
    for _ in range(2):
        if leaves:
            reply.watcher.leave()
        else:
            sink.end()
    assert (over, live) == ([1], set())
    sink.stay(lambda: over.append(2))
    assert over == [1, 2]


@pytest.mark.requirement("R-SSE")
async def test_hold_ends_when_the_client_leaves() -> None:
    reply, sink, live = open_sink()
    sink.open()
    holding = asyncio.create_task(sink.hold())
    await asyncio.sleep(0)
    assert not holding.done()
    reply.watcher.leave()
    await holding
    assert not live


@pytest.mark.requirement("R-SSE")
async def test_hold_ends_when_the_stream_is_ended() -> None:
    reply, sink, _ = open_sink()
    sink.open()
    holding = asyncio.create_task(sink.hold())
    await asyncio.sleep(0)
    sink.end()
    await holding
    assert reply.watcher.cancelled
    await sink.hold()


@pytest.mark.requirement("R-CANCEL")
def test_leaving_is_told_once_and_only_while_watched() -> None:
    reply, sink, _ = open_sink()
    left: list[int] = []
    sink.watch(lambda: left.append(1))
    reply.watcher.leave()
    reply.watcher.leave()
    assert left == [1]
    sink.watch(lambda: left.append(2))
    sink.unwatch()
    assert left == [1]
    assert reply.watcher.cancelled


@pytest.mark.requirement("R-TLS")
def test_retiring_server_ends_connections() -> None:
    replies = Replies(closing=True)
    for headers in (replies.empty, replies.json, replies.sse):
        assert ("connection", "close") in headers
