"""Calls over http: every way an answer can come, or fail to come."""

import asyncio
import json

import pytest

from mcpgate.links.open import open_http
from tests.support.http_server import Answer, HttpServer, Request, Script, speak_legacy
from tests.support.link_world import a_setup, call_tool, expect_fault, finish, http_server, until

OK = {"content": [{"type": "text", "text": "ok"}]}


async def plain(request: Request, answer: Answer) -> None:
    await answer.result(OK)


async def streamed(request: Request, answer: Answer) -> None:
    params = {"progressToken": request.token, "progress": 1}
    await answer.stream()
    await answer.chunk(b": hello\nid: 1\ndata:\n\n")
    await answer.event({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
    log = {"level": "info", "data": "x"}
    await answer.event({"jsonrpc": "2.0", "method": "notifications/message", "params": log})
    await answer.event({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
    await answer.event({"jsonrpc": "2.0", "id": 99, "method": "ping"})
    await answer.event({"jsonrpc": "2.0", "id": request.id, "result": OK})
    await answer.end()


async def bytewise(request: Request, answer: Answer) -> None:
    reply = json.dumps({"jsonrpc": "2.0", "id": request.id, "result": OK}).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    for byte in head % len(reply) + reply:
        await answer.raw(bytes([byte]))
        await asyncio.sleep(0)


async def error_400(request: Request, answer: Answer) -> None:
    await answer.error(-32602, 400)


@pytest.mark.requirement("R-LINK-HTTP")
@pytest.mark.parametrize("tools", [plain, bytewise], ids=["whole", "bytewise"])
async def test_json_replies_come_over_one_warm_connection(tools: Script) -> None:
    async with HttpServer(speak_legacy(tools)) as server, a_setup() as setup:
        link, peer = await open_http(http_server(server.url, authorization="Bearer k"), setup)
        assert (peer.era, peer.revision, peer.name) == ("legacy", "2025-11-25", "scripted")
        for _ in range(5):
            call, upstream_id = call_tool(setup, link, "x")
            assert await finish(call) == {"jsonrpc": "2.0", "id": upstream_id, "result": OK}
        assert server.connections == 1
        fields = server.named("tools/call")[0].fields
        assert fields["mcp-session-id"] == "s-1"
        assert fields["mcp-protocol-version"] == "2025-11-25"
        assert fields["accept"] == "application/json, text/event-stream"
        assert fields["accept-encoding"] == "identity"
        assert fields["authorization"] == "Bearer k"
        assert fields["user-agent"] == "mcpgate/0.0"
        assert fields["host"] == f"127.0.0.1:{server.port}"
        await link.close()
        assert server.requests[-1].verb == "DELETE"


@pytest.mark.requirement("R-SSE")
async def test_a_stream_is_cut_and_its_messages_find_their_readers() -> None:
    async with HttpServer(speak_legacy(streamed)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        noticed: list[int] = []
        link.listen(noticed.append)
        for _ in range(2):
            call, upstream_id = call_tool(setup, link, "x")
            got = [json.loads(await call.receive()) for _ in range(3)]
            call.close()
            methods = [one.get("method") for one in got]
            assert methods == ["notifications/progress", "notifications/message", None]
            assert got[2]["id"] == upstream_id
        assert noticed == [1, 1]
        answers = [one for one in server.requests if one.message.get("id") == 99]
        await server.wait(lambda: len([x for x in server.requests if x.body[-3:] == b"{}}"]) == 2)
        answers = [one for one in server.requests if one.verb == "POST" and one.id == 99]
        assert [one.message["result"] for one in answers] == [{}, {}]
        assert server.connections <= 3
        await link.close()


@pytest.mark.requirement("R-ERRORS")
async def test_an_error_status_with_our_id_is_the_reply() -> None:
    async with HttpServer(speak_legacy(error_400)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        call, upstream_id = call_tool(setup, link, "x")
        reply = await finish(call)
        assert reply["id"] == upstream_id
        assert "error" in reply
        await link.close()


async def redirect(request: Request, answer: Answer) -> None:
    await answer.send(307, location="http://169.254.169.254/")


async def html(request: Request, answer: Answer) -> None:
    await answer.send(200, b"<html>", "text/html")


async def nothing(request: Request, answer: Answer) -> None:
    await answer.send(202)


async def unavailable(request: Request, answer: Answer) -> None:
    await answer.send(503)


async def forbidden(request: Request, answer: Answer) -> None:
    await answer.send(403, b"no", "text/plain")


async def broken(request: Request, answer: Answer) -> None:
    await answer.send(500, b"Internal Server Error", "text/plain")


async def garbage(request: Request, answer: Answer) -> None:
    await answer.raw(b"\x00\xff no http at all\r\n\r\n")


async def half(request: Request, answer: Answer) -> None:
    await answer.raw(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"
    )
    answer.close()


async def mute(request: Request, answer: Answer) -> None:
    answer.close()


async def huge(request: Request, answer: Answer) -> None:
    await answer.raw(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n{"
    )
    await answer.hold()


async def huge_chunks(request: Request, answer: Answer) -> None:
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    await answer.raw(head)
    while True:
        await answer.chunk(bytes(10_000))


async def huge_event(request: Request, answer: Answer) -> None:
    await answer.stream()
    while True:
        await answer.chunk(b"data: " + b"x" * 10_000 + b"\n")


async def huge_head(request: Request, answer: Answer) -> None:
    await answer.raw(b"HTTP/1.1 200 OK\r\n")
    while True:
        await answer.raw(b"x-more: " + b"x" * 5_000 + b"\r\n")


async def rubbish_event(request: Request, answer: Answer) -> None:
    await answer.stream()
    await answer.chunk(b"data: no message\n\n")
    await answer.hold()


async def short_stream(request: Request, answer: Answer) -> None:
    await answer.stream()
    await answer.end()


async def zipped(request: Request, answer: Answer) -> None:
    await answer.send(200, b"\x1f\x8b", "application/json", content_encoding="gzip")


async def silent(request: Request, answer: Answer) -> None:
    await answer.hold()


BROKEN = [
    (redirect, "unreadable", "307"),
    (html, "unreadable", "text/html"),
    (nothing, "unreadable", "202"),
    (unavailable, "unavailable", "503"),
    (forbidden, "unavailable", "403 and no reply; it may want a credential in headers"),
    (broken, "unreadable", "500"),
    (garbage, "unreadable", "HTTP"),
    (half, "lost", "in the middle"),
    (mute, "lost", "without an answer"),
    (huge, "reply_too_large", "50000 bytes"),
    (huge_chunks, "reply_too_large", "50000 bytes"),
    (huge_event, "reply_too_large", "50000 bytes"),
    (huge_head, "reply_too_large", "head"),
    (rubbish_event, "unreadable", "no message"),
    (short_stream, "lost", "without a reply"),
    (zipped, "unreadable", "compressed"),
    (silent, "deadline", "in time"),
]


@pytest.mark.requirement("R-ERRORS")
@pytest.mark.parametrize(("tools", "reason", "text"), BROKEN, ids=[x[0].__name__ for x in BROKEN])
async def test_each_fault_ends_its_call_alone(tools: Script, reason: str, text: str) -> None:
    async def script(request: Request, answer: Answer) -> None:
        await (tools if request.tool == "bad" else plain)(request, answer)

    async with HttpServer(speak_legacy(script)) as server, a_setup(reply_bytes=50_000) as setup:
        link, _ = await open_http(http_server(server.url), setup)
        bad, _ = call_tool(setup, link, "bad", deadline_s=0.3 if reason == "deadline" else 10)
        good, upstream_id = call_tool(setup, link, "good")
        assert (await finish(good))["id"] == upstream_id
        await expect_fault(bad, reason, text)
        again, upstream_id = call_tool(setup, link, "good")
        assert (await finish(again))["id"] == upstream_id
        assert len([one for one in server.requests if one.tool == "bad"]) == 1
        await link.close()
        await server.wait(lambda: server.open == 0)


@pytest.mark.requirement("R-LINK-HTTP")
async def test_calls_over_the_bound_wait_their_turn_until_their_deadline() -> None:
    gates = {"a": asyncio.Event(), "b": asyncio.Event()}

    async def held(request: Request, answer: Answer) -> None:
        if request.tool in gates:
            await gates[request.tool].wait()
        await answer.result(OK)

    serving, living = HttpServer(speak_legacy(held)), a_setup(connections_per_server=2)
    async with serving as server, living as setup:
        link, _ = await open_http(http_server(server.url), setup)
        calls = [call_tool(setup, link, tool)[0] for tool in ("a", "b", "c", "d")]
        late, _ = call_tool(setup, link, "late", deadline_s=0.1)
        await expect_fault(late, "deadline")
        assert server.connections == 2
        gates["a"].set()
        for call in (calls[0], calls[2], calls[3]):
            assert "result" in await finish(call)
        gates["b"].set()
        assert "result" in await finish(calls[1])
        tools = [one.tool for one in server.named("tools/call")]
        assert sorted(tools[:2]) == ["a", "b"]
        assert tools[2:] == ["c", "d"]
        assert server.connections == 2
        await link.close()


@pytest.mark.requirement("R-CANCEL")
async def test_a_legacy_server_hears_of_a_cancel_in_words() -> None:
    async with HttpServer(speak_legacy(silent)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        call, _ = call_tool(setup, link, "x")
        await server.wait(lambda: bool(server.named("tools/call")))
        call.cancel(b'{"jsonrpc":"2.0","method":"notifications/cancelled"}')
        call.close()
        await server.wait(lambda: bool(server.named("notifications/cancelled")))
        await link.close()


@pytest.mark.requirement("R-SSE")
async def test_a_slow_reader_stops_the_stream_and_loses_nothing() -> None:
    total = 4000
    pad = "x" * 4000

    async def flood(request: Request, answer: Answer) -> None:
        await answer.stream()
        for step in range(total):
            params = {"progressToken": request.token, "progress": step, "message": pad}
            message = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
            await answer.event(message)
            sent.append(step)
        await answer.event({"jsonrpc": "2.0", "id": request.id, "result": OK})
        await answer.end()

    sent: list[int] = []
    async with HttpServer(speak_legacy(flood)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        call, _ = call_tool(setup, link, "x", deadline_s=25)
        seen = -1

        def stuck() -> bool:
            nonlocal seen
            before, seen = seen, len(sent)
            return before == seen > 0

        await until(stuck, setup.wheel)
        assert len(sent) < total
        steps = [json.loads(await call.receive())["params"]["progress"] for _ in range(total)]
        assert steps == list(range(total))
        assert "result" in await finish(call)
        await link.close()


@pytest.mark.requirement("R-SSE")
async def test_a_broken_stream_with_event_ids_is_asked_for_its_rest() -> None:
    async def script(request: Request, answer: Answer) -> None:
        if request.verb == "GET" and "last-event-id" in request.fields:
            await answer.stream()
            await answer.event({"jsonrpc": "2.0", "id": asked[0].id, "result": OK}, id="8")
            await answer.end()
        elif request.method == "tools/call":
            asked.append(request)
            await answer.stream()
            await answer.chunk(b"id: 7\nretry: 100\ndata:\n\n")
            await answer.end()
        else:
            await legacy(request, answer)

    asked: list[Request] = []
    legacy = speak_legacy(plain)
    async with HttpServer(script) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        call, upstream_id = call_tool(setup, link, "x")
        assert (await finish(call))["id"] == upstream_id
        (resumed,) = [one for one in server.requests if one.verb == "GET"]
        assert resumed.fields["last-event-id"] == "7"
        assert len(asked) == 1
        await link.close()


@pytest.mark.requirement("R-ERRORS")
async def test_the_rest_of_a_stream_that_cannot_be_had_is_lost_and_not_unrun() -> None:
    async def ending(request: Request, answer: Answer) -> None:
        await answer.stream()
        await answer.chunk(b"id: 7\ndata:\n\n")
        await answer.end()

    async with HttpServer(speak_legacy(ending)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        call, _ = call_tool(setup, link, "x")
        await expect_fault(call, "lost", "405")
        await link.close()


@pytest.mark.requirement("R-ERRORS")
async def test_calls_that_wait_for_our_answers_do_not_block_them() -> None:
    asked = asyncio.Event()

    async def asking(request: Request, answer: Answer) -> None:
        await answer.stream()
        await answer.event({"jsonrpc": "2.0", "id": "q", "method": "ping"})
        await asked.wait()
        await answer.event({"jsonrpc": "2.0", "id": request.id, "result": OK})
        await answer.end()

    legacy = speak_legacy(asking)

    async def script(request: Request, answer: Answer) -> None:
        if request.id == "q":
            answered.append(request)
            if len(answered) == 2:
                asked.set()
        await legacy(request, answer)

    answered: list[Request] = []
    async with HttpServer(script) as server, a_setup(connections_per_server=2) as setup:
        link, _ = await open_http(http_server(server.url), setup)
        calls = [call_tool(setup, link, "x")[0] for _ in range(2)]
        later, _ = call_tool(setup, link, "later")
        for call in (*calls, later):
            assert "result" in await finish(call)
        assert {one.message["id"] for one in answered} == {"q"}
        async with asyncio.timeout(2):
            await until(lambda: link.connections <= 2, setup.wheel)
        await link.close()


@pytest.mark.requirement("R-ERRORS")
async def test_a_404_that_carries_our_id_is_a_reply_and_no_lost_session() -> None:
    async def missing(request: Request, answer: Answer) -> None:
        if request.tool == "x":
            await answer.error(-32601, 404)
        else:
            await answer.result(OK)

    async with HttpServer(speak_legacy(missing)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        call, _ = call_tool(setup, link, "x")
        assert "error" in await finish(call)
        call, _ = call_tool(setup, link, "y")
        assert "result" in await finish(call)
        await link.close()
