"""A scripted server over WebSocket that makes its own frames, right or wrong."""

import asyncio
import base64
import hashlib
import json
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Self, final

import msgspec

from mcpgate.config.model import Server
from tests.support.http_server import CAPABILITIES
from tests.support.serving import Serving

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
ACCEPT_KEY: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of RFC 6455
META: Final = "io.modelcontextprotocol/"


def make_frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True) -> bytes:
    """Make a frame as a server sends it: without a mask."""
    first = (0x80 if fin else 0) | opcode
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", first, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


@final
@dataclass
class Asked:
    """One message of the gateway."""

    message: dict[str, object]

    @property
    def id(self) -> object:
        return self.message.get("id")

    @property
    def method(self) -> str:
        return str(self.message.get("method", ""))

    @property
    def tool(self) -> str:
        params = self.message.get("params")
        return str(params.get("name", "")) if isinstance(params, dict) else ""

    def reply(self, result: object) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "id": self.id, "result": result}).encode()


@final
class Socket:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.pings: list[bytes] = []
        self.pongs: list[bytes] = []
        self.closed_with = 0

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def bytewise(self, data: bytes) -> None:
        """Write so that each byte arrives by itself."""
        for at in range(len(data)):
            await self.raw(data[at : at + 1])
            await asyncio.sleep(0)

    async def say(self, message: object) -> None:
        await self.raw(make_frame(json.dumps(message).encode()))

    async def tell(self, method: str, **params: object) -> None:
        await self.say({"jsonrpc": "2.0", "method": method, "params": params})

    async def result(self, asked: Asked, result: object) -> None:
        await self.raw(make_frame(asked.reply(result)))

    async def error(self, asked: Asked, code: int) -> None:
        error = {"code": code, "message": "scripted"}
        await self.say({"jsonrpc": "2.0", "id": asked.id, "error": error})

    async def receive(self) -> Asked | None:
        """Return the next message, None at the end; answer pings, note what comes between."""
        while True:
            opcode, payload = await self._receive_frame()
            if opcode == TEXT:
                return Asked(json.loads(payload))
            if opcode == PONG:
                self.pongs.append(payload)
            elif opcode == PING:
                self.pings.append(payload)
                await self.raw(make_frame(payload, PONG))
            else:
                self.closed_with = int.from_bytes(payload[:2], "big")
                await self.raw(make_frame(payload, CLOSE))
                return None

    def cut(self) -> None:
        self._writer.close()

    async def _receive_frame(self) -> tuple[int, bytes]:
        first, second = await self._reader.readexactly(2)
        assert second & 0x80, "a client masks"
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
        mask = await self._reader.readexactly(4)
        payload = await self._reader.readexactly(size)
        return first & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


Tools = Callable[[Asked, Socket], Awaitable[None]]


@final
@dataclass
class WsServer:
    """Serve a script on a free port; note heads, messages and connections."""

    tools: Tools
    era: str = "legacy"
    refusal: bytes = b""
    protocol: str = "mcp"
    revision: str = "2025-11-25"
    at: int = 0
    tls: ssl.SSLContext | None = None
    heads: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    sockets: list[Socket] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._serving = Serving(self._talk)
        port = await self._serving.open(tls=self.tls, at=self.at)
        self.url = f"{'wss' if self.tls else 'ws'}://127.0.0.1:{port}/ws?a=b"
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self._serving.close()

    async def wait(self, ready: Callable[[], bool]) -> None:
        """Wait until what was noted is as the test expects."""
        await self._serving.wait(ready)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.heads.append(head)
        socket = Socket(reader, writer)
        if self.refusal:
            await socket.raw(self.refusal)
            return
        await socket.raw(self._accept(head))
        self.sockets.append(socket)
        while (asked := await socket.receive()) is not None:
            self.asked.append(asked)
            await self._serving.note()
            await self._answer(asked, socket)

    def _accept(self, head: str) -> bytes:
        lines = (line.partition(": ") for line in head.split("\r\n"))
        fields = {name.lower(): value for name, _, value in lines}
        key = fields["sec-websocket-key"].encode()
        digest = base64.b64encode(hashlib.sha1(key + ACCEPT_KEY).digest()).decode()
        chosen = f"sec-websocket-protocol: {self.protocol}\r\n" if self.protocol else ""
        return (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            f"sec-websocket-accept: {digest}\r\n{chosen}\r\n"
        ).encode()

    async def _answer(self, asked: Asked, socket: Socket) -> None:
        info = {"name": "scripted", "version": "1"}
        if asked.method == "server/discover" and self.era == "dies":
            socket.cut()
        elif asked.method == "server/discover" and self.era == "modern":
            found = {"supportedVersions": ["2026-07-28"], "capabilities": CAPABILITIES}
            await socket.result(asked, {**found, "_meta": {f"{META}serverInfo": info}})
        elif asked.method == "server/discover":
            await socket.error(asked, -32601)
        elif asked.method == "initialize":
            hello = {"protocolVersion": self.revision, "capabilities": CAPABILITIES}
            await socket.result(asked, {**hello, "serverInfo": info})
        elif asked.id is not None and asked.method:
            await self.tools(asked, socket)


def ws_server(url: str, **more: object) -> Server:
    """Describe a server that is reached over WebSocket."""
    return msgspec.convert({"name": "s", "transport": "websocket", "url": url, **more}, Server)
