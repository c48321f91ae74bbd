"""Servers of 2025-03-26 that say several messages in one array, over every transport."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from mcpgate.config.model import Server
from mcpgate.gate import BATCH_MESSAGES
from mcpgate.links.http import HttpLink
from mcpgate.links.open import open_http, open_wire
from mcpgate.links.setup import Setup
from mcpgate.links.wire import WireLink
from tests.support.http_server import Answer, HttpServer, Request, speak_legacy
from tests.support.link_world import a_setup, call_tool, expect_fault, finish, http_server, until
from tests.support.sse_server import SseScript, Stream
from tests.support.ws_server import Asked, Socket, WsServer, ws_server

pytestmark = pytest.mark.requirement("R-BATCH")

CHILD = Path(__file__).resolve().parents[1] / "support/stdio_child.py"
BATCHED = "2025-03-26"
WAYS = ("body", "event", "sse", "websocket", "stdio")
CHANGED = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
IDENT = "IDENT"
REPLY = {"jsonrpc": "2.0", "id": IDENT, "result": "ok"}
STEP = {
    "jsonrpc": "2.0",
    "method": "notifications/progress",
    "params": {"progressToken": IDENT, "progress": 1},
}


def fill(said: object, request_id: object) -> object:
    """Write the id of a call into what is said to it."""
    return json.loads(json.dumps(said).replace(f'"{IDENT}"', json.dumps(request_id)))


@asynccontextmanager
async def http_link(
    said: object, setup: Setup, revision: str, *, streamed: bool
) -> AsyncIterator[HttpLink]:
    async def tools(request: Request, answer: Answer) -> None:
        if not streamed:
            await answer.json(fill(said, request.id))
            return
        await answer.stream()
        await answer.event(fill(said, request.id))
        await answer.end()

    async with HttpServer(speak_legacy(tools, revision=revision)) as server:
        link, _ = await open_http(http_server(server.url), setup)
        assert isinstance(link, HttpLink)
        yield link


def child(said: object, revision: str) -> Server:
    era = "batches" if revision == BATCHED else "legacy"
    command = (sys.executable, "-I", "-S", str(CHILD), era)
    env = {"SAID": json.dumps(said)}
    return Server(name="s", transport="stdio", command=command, env=env)


@asynccontextmanager
async def wire_link(way: str, said: object, setup: Setup, revision: str) -> AsyncIterator[WireLink]:
    async def by_event(request: Request, answer: Answer, stream: Stream) -> None:
        await answer.send(202)
        await stream.say(fill(said, request.id))

    async def by_socket(asked: Asked, socket: Socket) -> None:
        await socket.say(fill(said, asked.id))

    async with (
        HttpServer(SseScript(by_event, revision=revision)) as events,
        WsServer(by_socket, revision=revision) as sockets,
    ):
        servers = {
            "sse": msgspec.convert({"name": "s", "transport": "sse", "url": events.url}, Server),
            "websocket": ws_server(sockets.url),
            "stdio": child(said, revision),
        }
        link, _ = await open_wire(servers[way], setup, "legacy")
        yield link


@asynccontextmanager
async def a_link(
    way: str, said: object, revision: str = BATCHED
) -> AsyncIterator[tuple[HttpLink | WireLink, Setup]]:
    """Open a link to a server that says this to each call."""
    async with a_setup() as setup:
        if way in {"body", "event"}:
            made = http_link(said, setup, revision, streamed=way == "event")
            async with made as link:
                yield link, setup
                await link.close()
        else:
            async with wire_link(way, said, setup, revision) as wired:
                yield wired, setup
                await wired.close()


@pytest.mark.parametrize("way", WAYS)
async def test_each_message_is_taken_as_if_it_had_come_alone(way: str) -> None:
    async with a_link(way, [STEP, CHANGED, REPLY]) as (link, setup):
        noticed: list[int] = []
        link.listen(noticed.append)
        for _ in range(2):
            call, upstream_id = call_tool(setup, link, "batch")
            step = json.loads(await call.receive())
            assert (step["method"], step["params"]["progress"]) == ("notifications/progress", 1)
            assert await finish(call) == {"jsonrpc": "2.0", "id": upstream_id, "result": "ok"}
        assert noticed == [1, 1]


@pytest.mark.parametrize("way", WAYS)
async def test_as_many_as_a_batch_may_hold(way: str) -> None:
    steps = [STEP] * (BATCH_MESSAGES - 1)
    async with a_link(way, [*steps, REPLY]) as (link, setup):
        call, _ = call_tool(setup, link, "batch")
        for _ in steps:
            assert "method" in json.loads(await call.receive())
        assert (await finish(call))["result"] == "ok"


@pytest.mark.parametrize("way", ["body", "event"])
@pytest.mark.parametrize(
    "said",
    [
        [],
        [[REPLY]],
        [CHANGED, 1],
        [STEP] * BATCH_MESSAGES + [REPLY],
        [[CHANGED], [REPLY]],
    ],
)
async def test_what_is_no_batch_ends_the_call(way: str, said: object) -> None:
    async with a_link(way, said) as (link, setup):
        call, _ = call_tool(setup, link, "batch")
        await expect_fault(call, "unreadable")


@pytest.mark.parametrize("way", ["sse", "websocket", "stdio"])
@pytest.mark.parametrize("said", [[], [[REPLY]], [STEP] * BATCH_MESSAGES + [REPLY]])
async def test_what_is_no_batch_is_counted_and_the_link_lives_on(way: str, said: object) -> None:
    async with a_link(way, said) as (link, setup):
        assert isinstance(link, WireLink)
        call, _ = call_tool(setup, link, "batch")
        await until(lambda: link.unreadable == 1, setup.wheel)
        assert (call.answered, link.usable) == (False, True)
        call.close()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("revision", ["2025-06-18", "2025-11-25"])
async def test_other_revisions_have_none(way: str, revision: str) -> None:
    async with a_link(way, [CHANGED, REPLY], revision) as (link, setup):
        noticed: list[int] = []
        link.listen(noticed.append)
        call, _ = call_tool(setup, link, "batch")
        if way == "event":
            await expect_fault(call, "unreadable")
        elif way == "body":
            assert isinstance(json.loads(await call.receive()), list)
            call.close()
        else:
            assert isinstance(link, WireLink)
            await until(lambda: link.unreadable == 1, setup.wheel)
            call.close()
        assert noticed == []


async def test_request_of_a_server_is_answered_by_itself() -> None:
    asked = {"jsonrpc": "2.0", "id": "p", "method": "ping"}
    async with a_link("websocket", [asked, REPLY]) as (link, setup):
        call, _ = call_tool(setup, link, "batch")
        assert (await finish(call))["result"] == "ok"


@pytest.mark.parametrize("revision", [BATCHED, "2025-11-25"])
async def test_own_stream_of_a_server(revision: str) -> None:
    async def tools(request: Request, answer: Answer) -> None:
        await answer.result({})

    legacy = speak_legacy(tools, revision=revision)
    asked = {"jsonrpc": "2.0", "id": "ask", "method": "ping"}

    async def script(request: Request, answer: Answer) -> None:
        if request.verb != "GET":
            await legacy(request, answer)
            return
        await answer.stream()
        await answer.event([CHANGED, asked, [CHANGED], 1])
        await answer.event({**asked, "id": "last"})
        await answer.hold()

    async with HttpServer(script) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        noticed: list[int] = []
        link.listen(noticed.append)
        await server.wait(lambda: any(b'"last"' in one.body for one in server.requests))
        answered = [one for one in server.requests if b'"ask"' in one.body]
        batched = revision == BATCHED
        assert (noticed, len(answered)) == (([1], 1) if batched else ([], 0))
        await link.close()
