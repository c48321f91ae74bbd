"""The server's own stream over http, and what happens when it breaks, is refused, or resumes."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mcpgate.gate import LISTS
from mcpgate.links.open import open_http
from tests.support.http_server import (
    Answer,
    HttpServer,
    Request,
    Script,
    speak_legacy,
    speak_modern,
)
from tests.support.link_world import a_setup, call_tool, expect_fault, finish, http_server

CHANGED = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}


async def plain(request: Request, answer: Answer) -> None:
    await answer.result({})


class Notices:
    """Note which lists were announced, and wait for them."""

    def __init__(self) -> None:
        self.bits: list[int] = []
        self._event = asyncio.Event()

    def __call__(self, bits: int) -> None:
        self.bits.append(bits)
        self._event.set()

    async def wait(self, count: int) -> list[int]:
        async with asyncio.timeout(10):
            while len(self.bits) < count:
                self._event.clear()
                await self._event.wait()
        return self.bits


@pytest.mark.requirement("R-CHANGED")
async def test_a_legacy_stream_announces_and_resumes_where_it_broke() -> None:
    legacy = speak_legacy(plain)
    streams: list[Request] = []

    async def script(request: Request, answer: Answer) -> None:
        if request.verb != "GET":
            await legacy(request, answer)
            return
        streams.append(request)
        await answer.stream()
        if len(streams) == 1:
            await answer.chunk(b"retry: 100\nid: 5\ndata:\n\n")
            await answer.event(CHANGED, id="6")
            await answer.event({"jsonrpc": "2.0", "id": "ask", "method": "roots/list"}, id="7")
            answer.close()
        else:
            await answer.event(CHANGED, id="8")
            await answer.hold()

    async with HttpServer(script) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        notices = Notices()
        link.listen(notices)
        assert await notices.wait(2) == [1, 1]
        assert streams[0].fields["accept"] == "text/event-stream"
        assert streams[0].fields["mcp-session-id"] == "s-1"
        assert "content-type" not in streams[0].fields
        assert "last-event-id" not in streams[0].fields
        assert streams[1].fields["last-event-id"] == "7"
        await server.wait(lambda: any(b"-32601" in one.body for one in server.requests))
        await link.close()
        await server.wait(lambda: server.open == 0)


@pytest.mark.requirement("R-CHANGED")
@pytest.mark.parametrize("status", [405, 404, 400, 302])
async def test_a_refused_stream_is_never_asked_for_again(status: int) -> None:
    legacy = speak_legacy(plain)

    async def script(request: Request, answer: Answer) -> None:
        if request.verb == "GET":
            await answer.send(status, b"no session for GET")
        else:
            await legacy(request, answer)

    async with HttpServer(script) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        link.listen(Notices())
        await server.wait(lambda: any(one.verb == "GET" for one in server.requests))
        call, _ = call_tool(setup, link, "x")
        await finish(call)
        async with asyncio.timeout(5):
            await link.streams_ended()
        assert len([one for one in server.requests if one.verb == "GET"]) == 1
        await link.close()


def break_once(again: Callable[[Answer], Awaitable[None]]) -> Script:
    """Script a legacy server whose first stream breaks; `again` answers the next request for it."""
    legacy = speak_legacy(plain)
    count = 0

    async def script(request: Request, answer: Answer) -> None:
        nonlocal count
        if request.verb != "GET":
            await legacy(request, answer)
            return
        count += 1
        if count == 1:
            await answer.stream()
            await answer.chunk(b"retry: 100\n\n")
            answer.close()
        else:
            await again(answer)

    return script


@pytest.mark.requirement("R-CHANGED")
async def test_a_gap_without_event_ids_announces_every_list() -> None:
    async def again(answer: Answer) -> None:
        await answer.stream()
        await answer.hold()

    async with HttpServer(break_once(again)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        notices = Notices()
        link.listen(notices)
        assert await notices.wait(1) == [LISTS]
        await link.close()


@pytest.mark.requirement("R-SESSION")
async def test_a_session_that_is_gone_when_the_stream_returns_loses_the_link() -> None:
    async def again(answer: Answer) -> None:
        await answer.send(404)

    async with HttpServer(break_once(again)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        link.listen(Notices())
        async with asyncio.timeout(5):
            assert "session" in await link.wait_lost()
        await link.close()


@pytest.mark.requirement("R-CHANGED")
async def test_a_modern_server_is_asked_for_what_it_announces() -> None:
    async def tools(request: Request, answer: Answer) -> None:
        await answer.stream()
        ack = {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged"}
        await answer.event(ack)
        await answer.event(CHANGED)
        await answer.hold()

    announced = {"tools": {"listChanged": True}, "prompts": {}, "resources": {"listChanged": True}}
    async with HttpServer(speak_modern(tools, dict(announced))) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        notices = Notices()
        link.listen(notices)
        assert await notices.wait(1) == [1]
        (asked,) = server.named("subscriptions/listen")
        params = asked.message["params"]
        assert isinstance(params, dict)
        assert params["notifications"] == {"toolsListChanged": True, "resourcesListChanged": True}
        assert asked.fields["mcp-method"] == "subscriptions/listen"
        await link.close()


@pytest.mark.requirement("R-CHANGED")
@pytest.mark.parametrize("status", [200, 404])
async def test_a_modern_server_without_subscriptions_is_asked_once(status: int) -> None:
    async def tools(request: Request, answer: Answer) -> None:
        await answer.error(-32601, status)

    async with HttpServer(speak_modern(tools)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        link.listen(Notices())
        await server.wait(lambda: bool(server.named("subscriptions/listen")))
        async with asyncio.timeout(5):
            await link.streams_ended()
        assert len(server.named("subscriptions/listen")) == 1
        await link.close()


@pytest.mark.requirement("R-ERRORS")
async def test_a_closing_link_ends_its_calls_and_refuses_new_ones() -> None:
    async def held(request: Request, answer: Answer) -> None:
        await answer.hold()

    async with HttpServer(speak_legacy(held)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        call, _ = call_tool(setup, link, "x")
        await server.wait(lambda: bool(server.named("tools/call")))
        await link.close()
        await expect_fault(call, "lost")
        late, _ = call_tool(setup, link, "x")
        await expect_fault(late, "unavailable")
        await link.close()
        await server.wait(lambda: server.open == 0)
