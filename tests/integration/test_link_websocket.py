"""Links over WebSocket to a server that frames rightly, wrongly, slowly and not at all."""

import asyncio
import itertools
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.errors import LinkFault
from mcpgate.links.open import open_link, open_wire
from mcpgate.links.setup import Setup
from mcpgate.links.wire import WireLink
from mcpgate.model import Era
from tests.support.certificates import make_context
from tests.support.link_checks import (
    check_certificate,
    check_deadline,
    check_end,
    check_many_calls,
    check_progress,
    check_slow_reader,
)
from tests.support.link_world import a_setup, call_tool, expect_fault, finish, until
from tests.support.ws_server import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    TEXT,
    Asked,
    Socket,
    Tools,
    WsServer,
    make_frame,
    ws_server,
)


@asynccontextmanager
async def a_link(
    tools: Tools, hint: Era | None = "legacy", **limits: int | float
) -> AsyncIterator[tuple[WireLink, Setup, WsServer]]:
    async with WsServer(tools) as server, a_setup(**limits) as setup:
        link, _ = await open_wire(ws_server(server.url), setup, hint)
        try:
            yield link, setup, server
        finally:
            await link.close()


async def echo(asked: Asked, socket: Socket) -> None:
    await socket.result(asked, asked.tool)


@pytest.mark.requirement("R-LINK-WS")
async def test_many_calls_share_the_connection_and_find_their_replies() -> None:
    async with WsServer(echo) as server, a_setup() as setup:
        described = ws_server(server.url, headers={"Authorization": "Bearer k"})
        link, peer = await open_wire(described, setup)
        assert (peer.era, peer.revision, peer.name) == ("legacy", "2025-11-25", "scripted")
        await check_many_calls(setup, link, 50)
        (head,) = server.heads
        first, *lines = head.strip().lower().split("\r\n")
        assert first == "get /ws?a=b http/1.1"
        assert {"authorization: bearer k", "sec-websocket-protocol: mcp"} <= set(lines)
        assert "sec-websocket-extensions" not in head.lower()
        assert "origin" not in head.lower()
        await link.close()
        assert server.sockets[0].closed_with == 1000
        assert await link.wait_lost() == "closed"


@pytest.mark.requirement("R-ERA")
@pytest.mark.requirement("R-LINK-WS")
@pytest.mark.parametrize(
    ("form", "hint", "era", "connections"),
    [
        ("legacy", None, "legacy", 1),
        ("legacy", "legacy", "legacy", 1),
        ("modern", None, "modern", 1),
        ("dies", None, "legacy", 2),
    ],
)
async def test_the_era_is_found(form: str, hint: Era | None, era: str, connections: int) -> None:
    async with WsServer(echo, era=form) as server, a_setup() as setup:
        link, peer = await open_wire(ws_server(server.url), setup, hint)
        assert peer.era == era
        call, upstream_id = call_tool(setup, link, "ok")
        assert await finish(call) == {"jsonrpc": "2.0", "id": upstream_id, "result": "ok"}
        assert len(server.heads) == connections
        await link.close()


async def bytewise(asked: Asked, socket: Socket) -> None:
    await socket.bytewise(make_frame(asked.reply("ü")))


async def fragments(asked: Asked, socket: Socket) -> None:
    reply = asked.reply("ü")
    await socket.raw(make_frame(reply[:7], TEXT, fin=False) + make_frame(b"a", PING))
    for byte in reply[7:]:
        await socket.raw(make_frame(bytes([byte]), CONT, fin=False))
    await socket.raw(make_frame(b"", CONT))


async def empty_first(asked: Asked, socket: Socket) -> None:
    await socket.raw(make_frame(b"", TEXT, fin=False) + make_frame(asked.reply("ü"), CONT))


async def in_one_chunk(asked: Asked, socket: Socket) -> None:
    notice = b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
    frames = (make_frame(b"", PING), make_frame(notice), make_frame(asked.reply("ü")))
    await socket.raw(b"".join(frames) + make_frame(notice))


@pytest.mark.requirement("R-LINK-WS")
@pytest.mark.parametrize("tools", [bytewise, fragments, empty_first, in_one_chunk])
async def test_a_reply_is_found_however_it_is_framed(tools: Tools) -> None:
    async with a_link(tools) as (link, setup, server):
        for _ in range(3):
            call, upstream_id = call_tool(setup, link, "x")
            assert await finish(call) == {"jsonrpc": "2.0", "id": upstream_id, "result": "ü"}
        if tools is fragments:
            link.tell(b'{"jsonrpc":"2.0","method":"notifications/x"}')
            await server.wait(lambda: server.asked[-1].method == "notifications/x")
            assert server.sockets[0].pongs == [b"a"] * 3


async def busy(asked: Asked, socket: Socket) -> None:
    params = asked.message["params"]
    assert isinstance(params, dict)
    for step in range(2000 if asked.tool == "flood" else 3):
        token = params["_meta"]["progressToken"]
        await socket.tell("notifications/progress", progressToken=token, progress=step)
    await socket.say({"jsonrpc": "2.0", "id": "ask-1", "method": "ping"})
    await socket.tell("notifications/tools/list_changed")
    await socket.tell("notifications/message", level="info", data="x")
    await socket.result(asked, "done")


@pytest.mark.requirement("R-LINK-WS")
async def test_progress_notices_and_requests_find_their_ways() -> None:
    async with a_link(busy) as (link, setup, server):
        await check_progress(setup, link, "x", "done")
        await server.wait(lambda: any("result" in one.message for one in server.asked))
        (pong,) = [one.message for one in server.asked if "result" in one.message]
        assert pong == {"jsonrpc": "2.0", "id": "ask-1", "result": {}}


@pytest.mark.requirement("R-LINK-WS")
async def test_a_slow_reader_misses_progress_but_never_the_reply() -> None:
    async with a_link(busy) as (link, setup, _):
        flooded, _ = call_tool(setup, link, "flood")
        await check_slow_reader(setup, flooded)


async def broken(asked: Asked, socket: Socket) -> None:
    if asked.tool == "binary":
        await socket.raw(make_frame(asked.reply("x"), BINARY))
    elif asked.tool == "twofold":
        await socket.raw(make_frame(asked.reply("x").replace(b'"x"', b'{"a":1,"a":2}')))
    elif asked.tool == "rubbish":
        await socket.raw(make_frame(b"\xff\xfe no text") + make_frame(b""))
        await socket.result(asked, "after")
    elif asked.tool != "silent":
        await socket.result(asked, "ok")


@pytest.mark.requirement("R-LINK-WS")
async def test_what_cannot_be_read_ends_its_own_call_only() -> None:
    async with a_link(broken) as (link, setup, _):
        other, _ = call_tool(setup, link, "silent")
        for tool in ("binary", "twofold"):
            call, _ = call_tool(setup, link, tool, deadline_s=60)
            await expect_fault(call, "unreadable")
        call, _ = call_tool(setup, link, "rubbish")
        assert (await finish(call))["result"] == "after"
        assert link.unreadable == 4
        assert not other.ended
        other.close()


async def too_big(asked: Asked, socket: Socket) -> None:
    if asked.tool == "whole":
        await socket.raw(make_frame(asked.reply("x" * 200_000)))
    elif asked.tool == "pieces":
        await socket.raw(make_frame(asked.reply("x" * 70_000), TEXT, fin=False))
        await socket.raw(make_frame(b"x" * 70_000, CONT, fin=False))
    elif asked.tool == "unknown":
        await socket.raw(make_frame(b"x" * 200_000))


@pytest.mark.requirement("R-LINK-WS")
@pytest.mark.parametrize(
    ("tool", "reason"),
    [("whole", "reply_too_large"), ("pieces", "reply_too_large"), ("unknown", "lost")],
)
async def test_a_message_over_the_limit_ends_the_link(tool: str, reason: str) -> None:
    async with a_link(too_big, reply_bytes=100_000) as (link, setup, server):
        other, _ = call_tool(setup, link, "silent")
        call, _ = call_tool(setup, link, tool)
        for one, expected in ((call, reason), (other, "lost")):
            await expect_fault(one, expected, "over 100000 bytes")
        assert "over 100000 bytes" in await link.wait_lost()
        await server.wait(lambda: server.sockets[0].closed_with == 1009)


def close_frame(code: int, reason: str) -> bytes:
    return make_frame(struct.pack("!H", code) + reason.encode(), CLOSE)


ENDS = {
    "normal": (close_frame(1000, ""), "code 1000$"),
    "away": (close_frame(1001, "restart\n"), r"code 1001 \('restart\\n'\)$"),
    "error": (close_frame(1011, "oops"), r"code 1011 \('oops'\)$"),
    "empty": (make_frame(b"", CLOSE), "code 1005$"),
    "masked": (b"\x81\x81abcdx", "broke the WebSocket protocol"),
    "opcode": (make_frame(b"x", 3), "broke the WebSocket protocol"),
    "reserved": (b"\xc1\x00", "broke the WebSocket protocol"),
    "orphan": (make_frame(b"x", CONT), "broke the WebSocket protocol"),
    "nested": (make_frame(b"x", fin=False) + make_frame(b"y"), "broke the WebSocket protocol"),
    "cut": (b"", "without goodbye"),
}


async def end(asked: Asked, socket: Socket) -> None:
    if asked.tool in ENDS:
        await socket.raw(ENDS[asked.tool][0])
    if asked.tool == "cut":
        socket.cut()


@pytest.mark.requirement("R-LINK-WS")
@pytest.mark.parametrize("how", ENDS)
async def test_the_end_of_the_connection_ends_every_call_and_the_link(how: str) -> None:
    async with a_link(end) as (link, setup, _):
        await check_end(setup, link, how, ENDS[how][1])


@pytest.mark.requirement("R-LINK-WS")
async def test_a_silent_server_is_pinged_and_a_deaf_one_is_left() -> None:
    async def tools(asked: Asked, socket: Socket) -> None:
        if asked.tool == "deaf":
            await asyncio.get_running_loop().create_future()

    async with a_link(tools, ping_s=0.2) as (link, setup, server):
        await until(lambda: len(server.sockets[0].pings) >= 2, setup.wheel)
        assert not link.lost
        call, _ = call_tool(setup, link, "deaf")
        await expect_fault(call, "lost", "answers no ping")


@pytest.mark.requirement("R-CANCEL")
@pytest.mark.requirement("R-LINK-WS")
async def test_deadline_and_cancel() -> None:
    async with a_link(broken) as (link, setup, server):
        await check_deadline(setup, link, "silent")
        await server.wait(lambda: server.asked[-1].method == "notifications/cancelled")
        call, _ = call_tool(setup, link, "ok")
        assert (await finish(call))["result"] == "ok"


@pytest.mark.requirement("R-LINK-WS")
async def test_a_server_that_does_not_read_refuses_calls_as_surely_not_run() -> None:
    async def tools(asked: Asked, socket: Socket) -> None:
        await socket.result(asked, "deaf")
        await asyncio.get_running_loop().create_future()

    async with a_link(tools, write_bytes=100_000) as (link, setup, _):
        call, _ = call_tool(setup, link, "x")
        await finish(call)
        pad = b'{"jsonrpc":"2.0","method":"notifications/x","params":{"pad":"%b"}}'
        link.tell(pad % (b"x" * (16 << 20)))
        call, _ = call_tool(setup, link, "x")
        await expect_fault(call, "unavailable", "does not read")


@pytest.mark.requirement("R-LINK-WS")
@pytest.mark.parametrize(
    ("answer", "reason", "text"),
    [
        ("HTTP/1.1 401 X\r\ncontent-length: 0\r\n\r\n", "unavailable", "credential in headers"),
        ("HTTP/1.1 404 X\r\ncontent-length: 2\r\n\r\nno", "unavailable", "status 404"),
        ("HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n", "unavailable", "status 500"),
        (
            "HTTP/1.1 301 X\r\nlocation: ws://b.test/\r\ncontent-length: 0\r\n\r\n",
            "unreadable",
            "b.test.*final address",
        ),
        ("HTTP/1.1 101 X\r\nupgrade: websocket\r\n\r\n", "unavailable", "does not speak"),
        ("220 mail.test ready\r\n\r\n", "unavailable", "does not speak WebSocket"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "unavailable", "status 200"),
    ],
)
async def test_what_is_no_websocket_is_named(answer: str, reason: str, text: str) -> None:
    async with WsServer(echo, refusal=answer.encode()) as server, a_setup() as setup:
        with pytest.raises(LinkFault, match=text) as caught:
            await open_link(ws_server(server.url), setup, "legacy")
        assert caught.value.reason == reason
        assert len(server.heads) == 1


@pytest.mark.requirement("R-LINK-WS")
@pytest.mark.parametrize("protocol", ["", "graphql-ws"])
async def test_the_subprotocol_is_agreed(protocol: str) -> None:
    async with WsServer(echo, protocol=protocol) as server, a_setup() as setup:
        with pytest.raises(LinkFault, match="subprotocol"):
            await open_link(ws_server(server.url), setup, "legacy")


@pytest.mark.requirement("R-LINK-WS")
async def test_an_address_that_nobody_answers_is_named() -> None:
    async with WsServer(echo) as server:
        pass
    async with a_setup() as setup:
        with pytest.raises(LinkFault, match="cannot be reached") as caught:
            await open_link(ws_server(server.url), setup)
        assert caught.value.reason == "unavailable"


@pytest.mark.requirement("R-TLS")
@pytest.mark.requirement("R-LINK-WS")
async def test_the_certificate_is_checked(tmp_path: Path) -> None:
    async with WsServer(echo, tls=make_context(tmp_path)) as server, a_setup() as setup:
        await check_certificate(setup, ws_server(server.url), tmp_path)


@pytest.mark.requirement("R-LINK-WS")
@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 400), max_size=6), st.lists(st.integers(0, 600), max_size=6), st.text()
)
def test_fragments_and_chunks_do_not_matter(
    fragments: list[int], chunks: list[int], text: str
) -> None:
    async def tools(asked: Asked, socket: Socket) -> None:
        reply = asked.reply(text)
        places = [0, *sorted(min(at, len(reply)) for at in fragments), len(reply)]
        frames = b""
        for at, (start, stop) in enumerate(itertools.pairwise(places)):
            last = at == len(places) - 2
            frames += make_frame(reply[start:stop], CONT if at else TEXT, fin=last)
        for start, stop in zip([0, *sorted(chunks)], [*sorted(chunks), len(frames)], strict=True):
            await socket.raw(frames[start:stop])
            await asyncio.sleep(0)

    async def check() -> None:
        async with a_link(tools) as (link, setup, _):
            call, _ = call_tool(setup, link, "x")
            assert (await finish(call))["result"] == text

    asyncio.run(check())
