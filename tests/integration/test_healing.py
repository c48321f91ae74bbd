"""Servers that restart or forget: no client has to notice, and nothing is run twice."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mcpgate.app import Core, Gateway
from mcpgate.links.waiting import WaitingLink
from tests.support.forgetful_server import TOOL, Forgetful
from tests.support.gateways import (
    Answer,
    Client,
    http_server,
    notification,
    running,
    wait_for_entries,
    wait_until,
)
from tests.support.http_server import HttpServer
from tests.support.http_server import Request as HttpRequest
from tests.support.link_world import until
from tests.support.links import settle
from tests.support.sse_server import SseScript, Stream
from tests.support.ws_server import Asked, Socket, WsServer

pytestmark = pytest.mark.requirement("R-HEAL")

CHILD = Path(__file__).resolve().parents[1] / "support/stdio_child.py"
MANY = 50


@dataclass
class Scene:
    """A gateway in front of one server that can be stopped and started again."""

    gateway: Gateway
    client: Client
    script: Forgetful
    port: int
    server: AsyncExitStack

    @property
    def core(self) -> Core:
        assert self.gateway.core is not None
        return self.gateway.core

    async def stop(self) -> None:
        """Stop the server; the gateway has noticed that its connections are gone."""
        await self.server.aclose()
        self.script.forget()
        await settle()

    async def start(self) -> HttpServer:
        return await self.server.enter_async_context(HttpServer(self.script, at=self.port))

    async def call(self, number: int = 1, **more: object) -> Answer:
        arguments = json.dumps({"n": number, **more}).encode()
        return await self.client.call("s__run", arguments, number)

    def call_many(self) -> list[asyncio.Task[Answer]]:
        return [asyncio.create_task(self.call(number)) for number in range(MANY)]

    async def wait_open(self, count: int) -> None:
        """Wait until this many calls are on their way, or wait for a link."""
        await wait_until(self.gateway, lambda core: len(core.exchange.open) == count)


@asynccontextmanager
async def a_scene(script: Forgetful, free_port: Callable[[], int]) -> AsyncIterator[Scene]:
    port = free_port()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(HttpServer(script))
        servers = [http_server("s", server.url, deadline_s=10)]
        async with running(port, servers) as gateway:
            await wait_for_entries(gateway, 1)
            await wait_until(gateway, lambda core: core.keepers.list_status()[0].state == "up")
            client = Client(port)
            await client.open_session()
            yield Scene(gateway, client, script, server.port, stack)


@pytest.fixture
async def scene(free_port: Callable[[], int]) -> AsyncIterator[Scene]:
    async with a_scene(Forgetful(), free_port) as made:
        yield made


def text(answer: Answer) -> str:
    """Return what a call brought."""
    result = answer.message["result"]
    assert isinstance(result, dict)
    return str(result["content"][0]["text"])


@pytest.mark.parametrize("how", ["404", "own id", "400"])
async def test_trap_3_a_forgotten_session_is_opened_again_within_the_call(
    how: str, free_port: Callable[[], int]
) -> None:
    async with a_scene(Forgetful(how), free_port) as scene:
        for number in range(1, 4):
            assert text(await scene.call(number)) == str(number)
            assert len(scene.script.hellos) == number
            scene.script.forget()
        assert text(await scene.call(9)) == "9"
        assert scene.script.runs == {1: 1, 2: 1, 3: 1, 9: 1}


async def test_trap_4_a_404_without_a_session_is_no_forgotten_one(
    free_port: Callable[[], int],
) -> None:
    async with a_scene(Forgetful("sessionless"), free_port) as scene:
        answer = await scene.call(1, gone=True)
        assert answer.reason == "unavailable"
        assert (scene.script.runs, len(scene.script.hellos)) == ({1: 1}, 1)
        assert text(await scene.call(2)) == "2"


@pytest.mark.parametrize("how", ["404", "own id", "400"])
async def test_many_calls_of_a_forgotten_session_share_one_handshake(
    how: str, free_port: Callable[[], int]
) -> None:
    async with a_scene(Forgetful(how), free_port) as scene:
        await asyncio.gather(*scene.call_many())
        scene.script.runs.clear()
        scene.script.forget()
        answers = await asyncio.gather(*scene.call_many())
        assert [text(answer) for answer in answers] == [str(number) for number in range(MANY)]
        assert scene.script.runs == dict.fromkeys(range(MANY), 1)
        assert len(scene.script.hellos) == 2


async def test_calls_during_a_restart_are_run_exactly_once(scene: Scene) -> None:
    await scene.call()
    scene.script.runs.clear()
    await scene.stop()
    calls = scene.call_many()
    await scene.wait_open(MANY)
    await scene.start()
    answers = await asyncio.gather(*calls)
    assert [text(answer) for answer in answers] == [str(number) for number in range(MANY)]
    assert scene.script.runs == dict.fromkeys(range(MANY), 1)
    assert len(scene.script.hellos) == 2


async def test_a_call_that_may_have_run_is_never_sent_again(scene: Scene) -> None:
    running_one = asyncio.create_task(scene.call(1, hold=True))
    await scene.script.arrived.wait()
    await scene.stop()
    other = asyncio.create_task(scene.call(2))
    answer = await running_one
    assert answer.reason == "lost"
    assert isinstance(answer.error["data"], dict)
    assert "retryable" in answer.error["data"]
    await scene.start()
    assert text(await other) == "2"
    assert scene.script.runs == {1: 1, 2: 1}


async def test_a_restart_in_the_midst_of_calls_loses_only_what_may_have_run(scene: Scene) -> None:
    caught = [asyncio.create_task(scene.call(n, hold=True)) for n in range(MANY // 2)]
    await wait_until(scene.gateway, lambda _: len(scene.script.runs) == MANY // 2)
    await scene.stop()
    later = [asyncio.create_task(scene.call(n)) for n in range(MANY // 2, MANY)]
    assert {(await call).reason for call in caught} == {"lost"}
    await scene.wait_open(MANY // 2)
    await scene.start()
    answers = await asyncio.gather(*later)
    assert [text(answer) for answer in answers] == [str(n) for n in range(MANY // 2, MANY)]
    assert scene.script.runs == dict.fromkeys(range(MANY), 1)


async def test_calls_that_a_forgetting_server_still_works_on_are_answered(scene: Scene) -> None:
    long = asyncio.create_task(scene.call(1, hold=True))
    await scene.script.arrived.wait()
    scene.script.forget()
    assert text(await scene.call(2)) == "2"
    scene.script.held.set()
    assert text(await long) == "1"
    assert scene.script.runs == {1: 1, 2: 1}


async def test_a_call_that_comes_while_the_server_is_away_waits_for_it(scene: Scene) -> None:
    await scene.stop()
    first = asyncio.create_task(scene.call(1))
    await wait_until(scene.gateway, lambda core: core.keepers.list_status()[0].state == "down")
    assert isinstance(scene.core.pool.find("s"), WaitingLink)
    second = asyncio.create_task(scene.call(2))
    await scene.wait_open(2)
    await scene.start()
    assert {text(await first), text(await second)} == {"1", "2"}
    assert scene.script.runs == {1: 1, 2: 1}


async def test_a_server_that_stays_away_is_unavailable_and_left_alone(scene: Scene) -> None:
    await scene.stop()
    assert (await scene.call(1)).reason == "unavailable"
    assert scene.core.pool.find("s") is None
    assert (await scene.call(2)).reason == "unavailable"
    assert len(scene.core.wheel) == 0


@pytest.mark.requirement("R-CANCEL")
async def test_who_waits_for_a_server_can_cancel(scene: Scene) -> None:
    await scene.stop()
    call = asyncio.create_task(scene.call(7))
    await scene.wait_open(1)
    await scene.client.post(notification("notifications/cancelled", {"requestId": 7}))
    assert (await call).body == b""
    await scene.start()
    assert text(await scene.call(8)) == "8"
    assert scene.script.runs == {8: 1}


@pytest.mark.requirement("R-RUN")
async def test_who_waits_for_a_server_is_told_when_the_gateway_stops(scene: Scene) -> None:
    await scene.stop()
    call = asyncio.create_task(scene.call(7))
    await scene.wait_open(1)
    scene.gateway.stop()
    scene.gateway.stop()
    assert (await call).reason in {"draining", "unavailable"}


async def test_a_child_that_was_killed_between_calls_is_started_again(
    free_port: Callable[[], int],
) -> None:
    command = [sys.executable, "-I", "-S", str(CHILD), "listing"]
    servers: list[dict[str, object]] = [{"name": "s", "transport": "stdio", "command": command}]
    port = free_port()
    async with running(port, servers) as gateway:
        await wait_for_entries(gateway, 1)
        client = Client(port)
        await client.open_session()
        pids = [await read_pid(client)]
        for _ in range(3):
            os.kill(pids[-1], signal.SIGKILL)
            await wait_gone(gateway, pids[-1])
            pids.append(await read_pid(client))
        assert len(set(pids)) == 4


async def read_pid(client: Client) -> int:
    result = (await client.call("s__describe")).message["result"]
    assert isinstance(result, dict)
    return int(result["pid"])


async def wait_gone(gateway: Gateway, pid: int) -> None:
    assert gateway.core is not None
    await until(lambda: not Path(f"/proc/{pid}").exists(), gateway.core.wheel)


async def echo_sse(request: HttpRequest, answer: object, stream: Stream) -> None:
    assert hasattr(answer, "send")
    await answer.send(202)
    content = {"content": [{"type": "text", "text": "here"}]}
    await stream.result(request, {"tools": [TOOL]} if request.method == "tools/list" else content)


async def echo_ws(asked: Asked, socket: Socket) -> None:
    content = {"content": [{"type": "text", "text": "here"}]}
    await socket.result(asked, {"tools": [TOOL]} if asked.method == "tools/list" else content)


@pytest.mark.parametrize("transport", ["sse", "websocket"])
async def test_a_wire_that_broke_is_opened_again_for_the_next_call(
    transport: str, free_port: Callable[[], int]
) -> None:
    at, port = free_port(), free_port()

    def serve() -> HttpServer | WsServer:
        if transport == "sse":
            return HttpServer(SseScript(echo_sse), at=at)
        return WsServer(echo_ws, at=at)

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serve())
        scheme = "ws" if transport == "websocket" else "http"
        url = f"{scheme}://127.0.0.1:{at}/mcp"
        servers: list[dict[str, object]] = [{"name": "s", "transport": transport, "url": url}]
        async with running(port, servers) as gateway:
            await wait_for_entries(gateway, 1)
            client = Client(port)
            await client.open_session()
            assert text(await client.call("s__run")) == "here"
            await stack.aclose()
            await wait_until(gateway, lambda core: core.keepers.list_status()[0].state == "down")
            calls = [asyncio.create_task(client.call("s__run")) for _ in range(MANY)]
            await wait_until(gateway, lambda core: len(core.exchange.open) == MANY)
            await stack.enter_async_context(serve())
            assert {text(await call) for call in calls} == {"here"}
