"""Links over HTTP+SSE to a server that answers rightly, wrongly, late and never."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault
from mcpgate.links.open import open_link, open_wire
from mcpgate.links.setup import Setup
from mcpgate.links.wire import WireLink
from tests.support.certificates import make_context
from tests.support.http_server import Answer, HttpServer, Request
from tests.support.link_checks import (
    check_certificate,
    check_deadline,
    check_end,
    check_many_calls,
    check_progress,
    check_slow_reader,
)
from tests.support.link_world import a_setup, call_tool, expect_fault, finish
from tests.support.sse_server import ENDPOINT, HELLO, SseScript, Stream, Tools, echo, progress


def sse_server(url: str, **fields: object) -> Server:
    return msgspec.convert({"name": "s", "transport": "sse", "url": url, **fields}, Server)


@asynccontextmanager
async def a_link(
    tools: Tools, preface: bytes | None = None, **limits: int | float
) -> AsyncIterator[tuple[WireLink, Setup, HttpServer, SseScript]]:
    script = SseScript(tools) if preface is None else SseScript(tools, preface)
    async with HttpServer(script) as server, a_setup(**limits) as setup:
        link, _ = await open_wire(sse_server(server.url), setup)
        try:
            yield link, setup, server, script
        finally:
            await link.close()


async def opening_fails(script: SseScript, text: str, **limits: int | float) -> LinkFault:
    """Open a link that must not open; return the fault."""
    async with HttpServer(script) as server, a_setup(**limits) as setup:
        with pytest.raises(LinkFault, match=text) as caught:
            await open_link(sse_server(server.url), setup)
        await server.wait(lambda: server.open == 0)
        return caught.value


@pytest.mark.requirement("R-LINK-SSE")
async def test_messages_go_up_by_post_and_come_down_the_stream() -> None:
    async with HttpServer(SseScript(echo)) as server, a_setup() as setup:
        link, peer = await open_wire(
            sse_server(server.url, headers={"Authorization": "Bearer k"}), setup
        )
        assert (peer.era, peer.revision, peer.name) == ("legacy", "2024-11-05", "scripted")
        await check_many_calls(setup, link, 20)
        (opening,) = [one for one in server.requests if one.verb == "GET"]
        assert opening.fields["accept"] == "text/event-stream"
        posts = [one for one in server.requests if one.verb == "POST"]
        assert {one.path for one in posts} == {ENDPOINT}
        assert {one.fields["content-type"] for one in posts} == {"application/json"}
        assert {one.fields["authorization"] for one in server.requests} == {"Bearer k"}
        assert [one.method for one in posts[:2]] == ["initialize", "notifications/initialized"]
        assert posts[2].fields["mcp-protocol-version"] == "2024-11-05"
        await link.close()
        await server.wait(lambda: server.open == 0)


async def bytewise(request: Request, answer: Answer, stream: Stream) -> None:
    reply = json.dumps({"jsonrpc": "2.0", "id": request.id, "result": "ü"}).encode()
    await answer.send(202)
    for byte in b": note\r\nretry: 10\r\nid: 3\r\nevent: message\r\ndata: " + reply + b"\r\n\r\n":
        await stream.raw(bytes([byte]))
        await asyncio.sleep(0)


async def in_one_chunk(request: Request, answer: Answer, stream: Stream) -> None:
    reply = json.dumps({"jsonrpc": "2.0", "id": request.id, "result": "ü"})
    notice = json.dumps({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
    foreign = "event: ping\ndata: x\n\nevent: endpoint\ndata: https://elsewhere/\n\n"
    events = f": a\n\n{foreign}data: {notice}\n\ndata: {reply}\n\ndata: {notice}\n\n"
    await answer.send(202)
    await stream.raw(events.encode())


async def before_accepting(request: Request, answer: Answer, stream: Stream) -> None:
    await stream.result(request, "ü")
    await answer.send(202)


async def with_a_body(request: Request, answer: Answer, stream: Stream) -> None:
    await answer.json({"jsonrpc": "2.0", "id": request.id, "result": "not this one"})
    await stream.result(request, "ü")


async def on_a_stream_of_its_own(request: Request, answer: Answer, stream: Stream) -> None:
    await answer.stream()
    await stream.result(request, "ü")


@pytest.mark.requirement("R-LINK-SSE")
@pytest.mark.parametrize(
    "tools", [bytewise, in_one_chunk, before_accepting, with_a_body, on_a_stream_of_its_own]
)
async def test_a_reply_is_found_however_it_comes(tools: Tools) -> None:
    async with a_link(tools) as (link, setup, _, _):
        for _ in range(3):
            call, upstream_id = call_tool(setup, link, "x")
            assert await finish(call) == {"jsonrpc": "2.0", "id": upstream_id, "result": "ü"}


async def busy(request: Request, answer: Answer, stream: Stream) -> None:
    await answer.send(202)
    for step in range(3):
        await stream.say(progress(request, step))
    await stream.say({"jsonrpc": "2.0", "id": "ask-1", "method": "ping"})
    await stream.tell("notifications/tools/list_changed")
    await stream.tell("notifications/message", level="info", data="x")
    await stream.result(request, "done")


@pytest.mark.requirement("R-LINK-SSE")
async def test_progress_notices_and_requests_find_their_ways() -> None:
    async with a_link(busy) as (link, setup, server, _):
        await check_progress(setup, link, "x", "done")
        await server.wait(lambda: any("result" in one.message for one in server.requests))
        (pong,) = [one.message for one in server.requests if "result" in one.message]
        assert pong == {"jsonrpc": "2.0", "id": "ask-1", "result": {}}


async def broken(request: Request, answer: Answer, stream: Stream) -> None:
    reply = json.dumps({"jsonrpc": "2.0", "id": request.id, "result": request.tool}).encode()
    await answer.send(202)
    if request.tool == "silent":
        return
    if request.tool == "big":
        reply = reply.replace(b"big", b"x" * 300_000)
    elif request.tool == "twofold":
        reply = reply.replace(b'"twofold"', b'{"a":1,"a":2}')
    await stream.raw(b"data: this is no message\n\ndata: " + reply + b"\n\n")


@pytest.mark.requirement("R-LINK-SSE")
async def test_what_cannot_be_read_ends_its_own_call_only() -> None:
    async with a_link(broken, reply_bytes=100_000) as (link, setup, _, _):
        other, _ = call_tool(setup, link, "silent")
        for tool, reason in (("big", "reply_too_large"), ("twofold", "unreadable")):
            call, _ = call_tool(setup, link, tool, deadline_s=60)
            await expect_fault(call, reason)
        call, _ = call_tool(setup, link, "ok")
        assert (await finish(call))["result"] == "ok"
        assert link.unreadable == 5
        assert not other.ended
        other.close()


def refuse(status: int, **fields: str) -> Tools:
    async def tools(request: Request, answer: Answer, stream: Stream) -> None:
        await answer.send(status, b"why", "text/plain", **fields)

    return tools


@pytest.mark.requirement("R-LINK-SSE")
@pytest.mark.parametrize(
    ("status", "reason", "text"),
    [
        (400, "unavailable", "status 400"),
        (401, "unavailable", "credential in headers"),
        (413, "unavailable", "status 413"),
        (500, "lost", "status 500"),
        (503, "unavailable", "status 503"),
        (307, "unreadable", "final address"),
    ],
)
async def test_a_refused_post_ends_its_call_only(status: int, reason: str, text: str) -> None:
    async with a_link(refuse(status, location="/other")) as (link, setup, _, _):
        call, _ = call_tool(setup, link, "x")
        await expect_fault(call, reason, text)
        assert not link.lost


@pytest.mark.requirement("R-LINK-SSE")
async def test_a_forgotten_session_ends_the_link() -> None:
    async with a_link(refuse(404)) as (link, setup, _, _):
        call, _ = call_tool(setup, link, "x")
        await expect_fault(call, "unavailable", "404")
        assert "404" in await link.wait_lost()


async def never_accepted(request: Request, answer: Answer, stream: Stream) -> None:
    if request.tool == "cut":
        answer.close()
    else:
        await answer.hold()


@pytest.mark.requirement("R-CANCEL")
@pytest.mark.requirement("R-LINK-SSE")
async def test_deadline_and_cancel() -> None:
    async with a_link(never_accepted) as (link, setup, server, _):
        await check_deadline(setup, link, "x")
        await server.wait(lambda: len(server.named("notifications/cancelled")) == 1)
        # The stream and what brought the cancel stay; the POST nobody answers is given up.
        await server.wait(lambda: server.open <= 2)
        call, _ = call_tool(setup, link, "cut")
        await expect_fault(call, "lost")


async def ends(request: Request, answer: Answer, stream: Stream) -> None:
    await answer.send(202)
    if request.tool == "end":
        await stream.end()
    elif request.tool == "cut":
        stream.cut()


@pytest.mark.requirement("R-LINK-SSE")
@pytest.mark.parametrize("how", ["end", "cut"])
async def test_the_end_of_the_stream_ends_every_call_and_the_link(how: str) -> None:
    async with a_link(ends) as (link, setup, _, _):
        await check_end(setup, link, how)


async def flood(request: Request, answer: Answer, stream: Stream) -> None:
    await answer.send(202)
    for step in range(2000 if request.tool == "flood" else 0):
        await stream.say(progress(request, step))
    await stream.result(request, "done")


@pytest.mark.requirement("R-LINK-SSE")
async def test_a_slow_reader_misses_progress_but_never_the_reply() -> None:
    async with a_link(flood) as (link, setup, _, _):
        flooded, _ = call_tool(setup, link, "flood")
        after, _ = call_tool(setup, link, "x")
        assert (await finish(after))["result"] == "done"
        await check_slow_reader(setup, flooded)


@pytest.mark.requirement("R-LINK-SSE")
@pytest.mark.parametrize(
    ("preface", "text"),
    [
        (b"event: endpoint\ndata: https://evil.test/m\n\n", "on another origin than 127"),
        (b"event: endpoint\ndata: //evil.test/m\n\n", "on another origin"),
        (b"event: endpoint\ndata: http://127.0.0.1:1/m\n\n", "on another origin"),
        (b"event: endpoint\ndata: http://u:p@127.0.0.1/m\n\n", "must not hold credentials"),
        (b"event: endpoint\ndata: ftp:/m\n\n", "cannot be used"),
        (b"event: endpoint\ndata: /a b\n\n", "is not a URI"),
        (b"event: endpoint\ndata: /a\ndata: /b\n\n", "is not a URI"),
        (b'data: {"jsonrpc":"2.0","method":"x"}\n\n', "does not begin with its endpoint"),
    ],
)
async def test_a_wrong_endpoint_is_named(preface: bytes, text: str) -> None:
    fault = await opening_fails(SseScript(echo, preface), text)
    assert fault.reason in {"unavailable", "unreadable"}


@pytest.mark.requirement("R-LINK-SSE")
@pytest.mark.parametrize("preface", [b"", b": waiting\n\nretry: 1\n\nevent: ping\ndata: x\n\n"])
async def test_an_endpoint_that_never_comes_is_waited_for_so_long(preface: bytes) -> None:
    fault = await opening_fails(SseScript(echo, preface), "no endpoint within 0.3 s", open_s=0.3)
    assert fault.reason == "unavailable"


@pytest.mark.requirement("R-LINK-SSE")
@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("messages?s=1", "/messages?s=1"),
        ("?s=1", "/mcp?s=1"),
        ("../m#part", "/m"),
        ("{origin}/m?a=b", "/m?a=b"),
    ],
)
async def test_an_endpoint_is_resolved_against_the_url(uri: str, path: str) -> None:
    script = SseScript(echo)
    async with HttpServer(script) as server, a_setup() as setup:
        origin = server.url.removesuffix("/mcp")
        script.preface = f"event: endpoint\ndata: {uri.format(origin=origin)}\n\n".encode()
        link, _ = await open_wire(sse_server(server.url), setup)
        await link.close()
        assert {one.path for one in server.requests if one.verb == "POST"} == {path}


async def no_stream(answer: Answer) -> None:
    await answer.json(HELLO)


async def not_found(answer: Answer) -> None:
    await answer.send(404)


async def moved(answer: Answer) -> None:
    await answer.send(302, location="https://elsewhere.test/sse")


async def ends_at_once(answer: Answer) -> None:
    await answer.stream()
    await answer.end()


@pytest.mark.requirement("R-LINK-SSE")
@pytest.mark.parametrize(
    ("answers", "text"),
    [
        (no_stream, "application/json"),
        (not_found, "status 404"),
        (moved, "elsewhere.test.*final address"),
        (ends_at_once, "ended its stream"),
    ],
)
async def test_what_is_no_stream_is_named(answers: object, text: str) -> None:
    await opening_fails(SseScript(echo, open=answers), text)  # type: ignore[arg-type] # of several


@pytest.mark.requirement("R-TLS")
@pytest.mark.requirement("R-LINK-SSE")
async def test_the_certificate_is_checked(tmp_path: Path) -> None:
    serving = HttpServer(SseScript(echo), tls=make_context(tmp_path))
    async with serving as server, a_setup() as setup:
        await check_certificate(setup, sse_server(server.url), tmp_path)


@pytest.mark.requirement("R-LINK-SSE", "R-HEAL")
async def test_what_still_waited_for_a_connection_was_surely_not_run() -> None:
    async def hang(_: Request, answer: Answer, __: Stream) -> None:
        await answer.hold()

    async with a_link(hang, connections_per_server=1) as (link, setup, server, script):
        sent, unsent = (call_tool(setup, link, name)[0] for name in ("sent", "unsent"))
        await server.wait(lambda: len(server.named("tools/call")) == 1)
        script.streams[0].cut()
        for call, reason in ((sent, "lost"), (unsent, "unavailable")):
            with pytest.raises(LinkFault) as caught:
                await finish(call)
            assert caught.value.reason == reason
