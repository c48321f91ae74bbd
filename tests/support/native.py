"""A native listener beside the one of a running gateway, or in front of what a test says."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import msgspec

from mcpgate.app import Gateway
from mcpgate.clock import SystemClock
from mcpgate.config.model import Listener
from mcpgate.links.wheel import Wheel
from mcpgate.listeners.asked import Asked
from mcpgate.listeners.choice import open_listener
from mcpgate.listeners.native import NativeServer
from mcpgate.listeners.rsgi import HttpProtocol, Scope
from tests.support.gateways import Client, http_server, running, wait_for_entries
from tests.support.recording_server import TOOLS, RecordingServer


@asynccontextmanager
async def native_beside(gateway: Gateway, port: int, **more: object) -> AsyncIterator[NativeServer]:
    """Serve the gateway's front natively on this port until the block ends."""
    core = gateway.core
    assert core is not None
    parts = core.list_parts(lambda: (True, b"{}"))
    settings = {"address": f"127.0.0.1:{port}", "kind": "native", **more}
    listener = msgspec.convert(settings, Listener)
    server = open_listener(listener, parts, core.wheel, core.clock, lambda: None)
    assert isinstance(server, NativeServer)
    await server.start()
    try:
        yield server
    finally:
        if not await server.stop(0.2):
            await server.stop(0)


@asynccontextmanager
async def a_native_gateway(
    port: int, own_port: int
) -> AsyncIterator[tuple[Gateway, RecordingServer, Client]]:
    """Serve one modern server natively on this port, to a client with a session."""
    async with (
        RecordingServer(modern=True) as server,
        running(own_port, [http_server("s", server.url)]) as gateway,
        native_beside(gateway, port),
    ):
        await wait_for_entries(gateway, len(TOOLS))
        client = Client(port)
        await client.open_session()
        yield gateway, server, client


class Recorder:
    """A front that reads whole bodies, keeps what came and answers what it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, bytes]] = []
        self.gone = 0
        self.released = asyncio.Event()
        self.entered = asyncio.Event()
        self.left = asyncio.Event()

    def weigh(self, scope: Scope) -> Asked:
        return Asked(scope)

    def answer(
        self, asked: Asked, protocol: HttpProtocol, body: bytes | None
    ) -> Coroutine[object, None, None]:
        del body
        return self.work(asked.scope, protocol)

    async def work(self, scope: Scope, protocol: HttpProtocol) -> None:
        body = await protocol()
        self.seen.append((scope.method, scope.path, body))
        self.entered.set()
        if scope.path == "/wait":
            protocol.client_disconnect().add_done_callback(self._leave)
            await self.released.wait()
        if scope.path == "/stream":
            await self._stream(protocol)
        elif scope.path != "/silent":
            protocol.response_bytes(200, [("content-type", "text/plain")], body or b"none")

    def refuse(self, status: int) -> bytes:
        return b"%d" % status

    def retire(self) -> None:
        pass

    def take_leave(self) -> None:
        pass

    async def _stream(self, protocol: HttpProtocol) -> None:
        stream = protocol.response_stream(200, [("content-type", "text/event-stream")])
        protocol.client_disconnect().add_done_callback(self._leave)
        for _ in range(100_000):
            if self.gone:
                break
            stream.send_bytes(b"x" * 65_536)
            await asyncio.sleep(0)

    def _leave(self, _: object) -> None:
        self.gone += 1
        self.left.set()


@asynccontextmanager
async def native_front(port: int, make: Callable[[], Recorder]) -> AsyncIterator[NativeServer]:
    """Serve a front of a test's own."""
    wheel = Wheel(SystemClock())
    wheel.start()
    server = NativeServer(Listener(address=f"127.0.0.1:{port}"), make, wheel, SystemClock())
    await server.start()
    try:
        yield server
    finally:
        if not await server.stop(0.2):
            await server.stop(0)
        wheel.stop()


async def exchange_bytes(port: int, *pieces: bytes) -> bytes:
    """Send pieces, each on its own, and return everything until the other side ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
