"""What a server asks or logs during a call reaches the client whose call it surely belongs to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mcpgate.links.http import HttpLink
from mcpgate.links.open import open_link
from mcpgate.links.setup import Setup
from mcpgate.links.wire import WireLink
from mcpgate.model import Call, Link, Terms
from tests.support.http_server import Answer, HttpServer, Request, speak_legacy
from tests.support.link_pool import KeptTaker
from tests.support.link_world import a_setup, call_tool, http_server, until
from tests.support.ws_server import Asked, Socket, WsServer, ws_server

pytestmark = pytest.mark.requirement("R-ATTRIBUTION")

ASKS = {"jsonrpc": "2.0", "id": "q-1", "method": "sampling/createMessage", "params": {}}
LOGS = {
    "jsonrpc": "2.0",
    "method": "notifications/message",
    "params": {"level": "info", "data": "x"},
}


async def silent(_: Asked, __: Socket) -> None:
    """Answer nothing."""


class Wired:
    """A link over one wire to a server that says what a test wants."""

    def __init__(self, link: WireLink, setup: Setup, server: WsServer) -> None:
        self.link, self.setup, self.server = link, setup, server
        self.open: list[Call] = []

    def call(self) -> KeptTaker:
        call, _ = call_tool(self.setup, self.link, "x")
        taker = KeptTaker()
        call.attach(taker)
        self.open.append(call)
        return taker

    async def say(self, *messages: object) -> None:
        """Say something, and wait until all before it was read."""
        calls = len(self.open)
        await self.server.wait(lambda: self.heard("tools/call") >= calls)
        for message in messages:
            await self.server.sockets[0].say(message)
        marks: list[int] = []
        self.link.listen(marks.append)
        await self.server.sockets[0].tell("notifications/tools/list_changed")
        await until(lambda: bool(marks), self.setup.wheel)

    def heard(self, method: str) -> int:
        return sum(asked.method == method for asked in self.server.asked)

    @property
    def answered(self) -> int:
        return sum(asked.id == "q-1" for asked in self.server.asked)

    async def wait_answered(self, count: int) -> None:
        await self.server.wait(lambda: self.answered == count)


@asynccontextmanager
async def wired(*, owned: bool = False) -> AsyncIterator[Wired]:
    async with WsServer(silent) as server, a_setup() as setup:
        link, _ = await open_link(ws_server(server.url), setup, "legacy", Terms(owned=owned))
        assert isinstance(link, WireLink)
        made = Wired(link, setup, server)
        try:
            yield made
        finally:
            for call in made.open:
                call.close()
            await link.close()


def read(taker: KeptTaker) -> list[object]:
    return [json.loads(message) for message in taker.messages]


async def test_the_only_call_on_a_wire_is_asked() -> None:
    async with wired() as scene:
        taker = scene.call()
        await scene.say(ASKS, LOGS)
        assert read(taker) == [ASKS, LOGS]
        assert scene.answered == 0
        scene.open[0].close()
        await scene.say(ASKS, LOGS)
        await scene.wait_answered(1)
        assert len(taker.messages) == 2


async def test_of_two_calls_on_a_wire_neither_is_asked() -> None:
    async with wired() as scene:
        takers = [scene.call(), scene.call()]
        await scene.say(ASKS, LOGS)
        await scene.wait_answered(1)
        assert [taker.messages for taker in takers] == [[], []]


async def test_an_owners_newest_call_is_asked() -> None:
    async with wired(owned=True) as scene:
        takers = [scene.call(), scene.call(), scene.call()]
        await scene.say(ASKS)
        assert [read(taker) for taker in takers] == [[], [], [ASKS]]
        scene.open.pop().close()
        await scene.say(LOGS)
        assert [read(taker) for taker in takers] == [[], [LOGS], [ASKS]]
        assert scene.answered == 0


async def test_the_gateways_own_requests_are_never_asked() -> None:
    async with wired(owned=True) as scene:
        own = asyncio.create_task(scene.link.request("tools/list", b"", 10))
        await scene.server.wait(lambda: scene.heard("tools/list") == 1)
        await scene.say(ASKS)
        await scene.wait_answered(1)
        taker = scene.call()
        await scene.say(ASKS)
        assert read(taker) == [ASKS]
        own.cancel()
        await asyncio.gather(own, return_exceptions=True)


async def asks(request: Request, answer: Answer) -> None:
    await answer.stream()
    await answer.event(ASKS)
    await answer.event(LOGS)
    await answer.event({"jsonrpc": "2.0", "id": request.id, "result": "done"})
    await answer.end()


@pytest.mark.parametrize("client", [True, False], ids=["a client's call", "a call of ours"])
async def test_a_calls_own_stream_asks_its_client(client: bool) -> None:
    async with HttpServer(speak_legacy(asks)) as server, a_setup() as setup:
        link, _ = await open_link(http_server(server.url), setup, "legacy")
        if client:
            call, ident = call_tool(setup, link, "x")
            taker = KeptTaker()
            call.attach(taker)
            await until(lambda: len(taker.messages) == 3, setup.wheel)
            call.close()
            done = {"jsonrpc": "2.0", "id": ident, "result": "done"}
            assert read(taker) == [ASKS, LOGS, done]
        else:
            assert await link.request("tools/list", b"", 10) == b'"done"'
            await server.wait(lambda: bool(answers(server)))
        assert len(answers(server)) == (0 if client else 1)
        await link.close()


def answers(server: HttpServer) -> list[Request]:
    return [request for request in server.requests if request.body and request.id == "q-1"]


@pytest.mark.parametrize("owned", [True, False], ids=["owned", "shared"])
async def test_the_stream_of_an_owners_link_asks_its_newest_call(owned: bool) -> None:
    said = asyncio.Event()

    async def hang(request: Request, answer: Answer) -> None:
        await answer.hold()

    legacy = speak_legacy(hang)

    async def script(request: Request, answer: Answer) -> None:
        if request.verb != "GET":
            await legacy(request, answer)
            return
        await answer.stream()
        await said.wait()
        await answer.event(ASKS)
        await answer.hold()

    async with HttpServer(script) as server, a_setup() as setup:
        link: Link
        link, _ = await open_link(http_server(server.url), setup, "legacy", Terms(owned=owned))
        assert isinstance(link, HttpLink)
        link.listen(lambda _: None)
        calls = [call_tool(setup, link, "x")[0] for _ in range(2)]
        takers = [KeptTaker(), KeptTaker()]
        for call, taker in zip(calls, takers, strict=True):
            call.attach(taker)
        await server.wait(lambda: len(server.named("tools/call")) == 2)
        said.set()
        if owned:
            await until(lambda: bool(takers[1].messages), setup.wheel)
        else:
            await server.wait(lambda: bool(answers(server)))
        assert [read(taker) for taker in takers] == [[], [ASKS] if owned else []]
        assert len(answers(server)) == (0 if owned else 1)
        for call in calls:
            call.close()
        await link.close()
