"""Clients that are there for a while, over WebSocket or over HTTP+SSE, behind one face."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol, cast, final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.support.gateways import Answer, Client, Wire, hello, legacy, notification

TALKS = ("sse-granian", "sse-native", "websocket")


class Way(Protocol):
    """How messages go and come."""

    async def put(self, message: bytes) -> bool: ...

    async def get(self) -> bytes: ...

    async def leave(self) -> None: ...

    def stall(self) -> None: ...

    def read_on(self) -> None: ...


@final
@dataclass
class SocketWay:
    """One WebSocket."""

    socket: ClientConnection

    async def put(self, message: bytes) -> bool:
        """Send a message; say False where it is not taken."""
        try:
            await self.socket.send(message.decode())
        except ConnectionClosed:
            return False
        return True

    async def get(self) -> bytes:
        """Return the next message, empty at the end."""
        try:
            found = await self.socket.recv()
        except ConnectionClosed:
            return b""
        assert isinstance(found, str)
        return found.encode()

    async def leave(self) -> None:
        self.socket.transport.abort()

    def stall(self) -> None:
        self.socket.transport.pause_reading()

    def read_on(self) -> None:
        self.socket.transport.resume_reading()


@final
@dataclass
class StreamWay:
    """One stream, and where its client posts."""

    client: Client
    stream: Wire
    address: str

    async def post(self, message: bytes) -> Answer:
        headers = self.client.headers(without=("accept",))
        return await self.client.ask(f"POST {self.address}", headers, message)

    async def put(self, message: bytes) -> bool:
        """Post a message; say False where it is not taken."""
        answer = await self.post(message)
        assert (answer.status, answer.body) == (202, b"") or answer.reason == "session_unknown"
        return answer.status == 202

    async def get(self) -> bytes:
        """Return the next message, empty at the end."""
        try:
            return await self.stream.read_event() or b""
        except (ValueError, EOFError, ConnectionError):
            return b""

    async def leave(self) -> None:
        self.stream.writer.transport.abort()

    def stall(self) -> None:
        reading(self.stream.writer).pause_reading()

    def read_on(self) -> None:
        reading(self.stream.writer).resume_reading()


@final
@dataclass
class Talk:
    """One client."""

    way: Way

    async def send(self, *messages: bytes) -> None:
        for message in messages:
            assert await self.way.put(message)

    async def receive_raw(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.way.get()

    async def receive(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(await self.receive_raw())
        return found

    async def ask(self, message: bytes) -> dict[str, object]:
        await self.send(message)
        return await self.receive()

    async def open_session(self, revision: str = "2025-11-25") -> dict[str, object]:
        answer = await self.ask(legacy("initialize", hello(revision)))
        await self.send(notification("notifications/initialized"))
        return answer

    async def is_over(self) -> bool:
        return await self.receive_raw() == b""


async def open_stream(client: Client, path: str = "/sse") -> StreamWay:
    """Open a stream and read where to post."""
    wire = await client.connect()
    wire.send(f"GET {path}", client.headers(("accept", "text/event-stream")), None)
    head = await wire.read_head()
    assert (head.status, head.headers["content-type"]) == (200, "text/event-stream")
    kind, address = (await wire.read_chunk()).decode().rstrip("\n").split("\n")
    assert kind == "event: endpoint"
    return StreamWay(client, wire, address.removeprefix("data: "))


@asynccontextmanager
async def websocket(port: int, path: str = "/mcp") -> AsyncIterator[Talk]:
    """Talk over a WebSocket until the block ends."""
    offered = [Subprotocol("mcp")]
    url = f"ws://127.0.0.1:{port}{path}"
    async with connect(url, subprotocols=offered, max_size=None, max_queue=None) as socket:
        yield Talk(SocketWay(socket))


@asynccontextmanager
async def talking(kind: str, port: int) -> AsyncIterator[Talk]:
    """Talk in one of the TALKS until the block ends."""
    if kind == "websocket":
        async with websocket(port) as talk:
            yield talk
        return
    way = await open_stream(Client(port))
    try:
        yield Talk(way)
    finally:
        with suppress(ConnectionError):
            await way.stream.close()


def reading(writer: asyncio.StreamWriter) -> asyncio.ReadTransport:
    """Return the transport of a connection as one that can pause; uvloop's have no such class."""
    return cast("asyncio.ReadTransport", writer.transport)


def reason_of(message: dict[str, object]) -> str:
    """Return the reason of an error."""
    error = message["error"]
    assert isinstance(error, dict)
    return str(error["data"]["reason"])
