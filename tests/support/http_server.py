"""A scripted MCP server over real sockets: good and broken answers in a few lines."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Self, final

from tests.support.serving import Serving

Fields = dict[str, str]
Message = dict[str, object]

CAPABILITIES: Final = {"tools": {"listChanged": True}}
META: Final = "io.modelcontextprotocol/"


@final
@dataclass
class Request:
    """One request as it arrived."""

    verb: str
    path: str
    fields: Fields
    body: bytes
    connection: int

    @property
    def message(self) -> Message:
        decoded: Message = json.loads(self.body) if self.body else {}
        return decoded

    @property
    def method(self) -> str:
        return str(self.message.get("method", ""))

    @property
    def id(self) -> object:
        return self.message.get("id")

    @property
    def tool(self) -> str:
        params = self.message.get("params")
        return str(params.get("name", "")) if isinstance(params, dict) else ""

    @property
    def token(self) -> object:
        params = self.message.get("params")
        return params["_meta"]["progressToken"] if isinstance(params, dict) else None


@final
class Answer:
    """Write one answer, as right or as wrong as the test wants it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._request = request
        self.closed = False

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def send(self, status: int, body: bytes = b"", kind: str = "", **fields: str) -> None:
        head = {"content-length": str(len(body))}
        if kind:
            head["content-type"] = kind
        head |= {name.replace("_", "-"): value for name, value in fields.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        await self.raw(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)

    async def json(self, message: object, status: int = 200, **fields: str) -> None:
        await self.send(status, json.dumps(message).encode(), "application/json", **fields)

    async def result(self, result: object, **fields: str) -> None:
        await self.json({"jsonrpc": "2.0", "id": self._request.id, "result": result}, 200, **fields)

    async def error(self, code: int, status: int = 200, ident: object = None) -> None:
        ident = self._request.id if ident is None else ident
        error = {"code": code, "message": "scripted"}
        await self.json({"jsonrpc": "2.0", "id": ident, "error": error}, status)

    async def stream(self) -> None:
        await self.raw(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )

    async def chunk(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def event(self, message: object, **fields: str) -> None:
        lines = "".join(f"{name}: {value}\n" for name, value in fields.items())
        await self.chunk(f"{lines}data: {json.dumps(message)}\n\n".encode())

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")

    async def hold(self) -> None:
        """Say nothing more until the gateway closes the connection."""
        await self._reader.read()
        self.closed = True

    def close(self) -> None:
        self.closed = True
        self._writer.close()


Script = Callable[[Request, Answer], Awaitable[None]]


@final
@dataclass
class HttpServer:
    """Serve a script on a free port, or `at` one; note every request and connection."""

    script: Script
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    at: int = 0

    async def __aenter__(self) -> Self:
        self._serving = Serving(self._talk)
        self.port = await self._serving.open(self.host, self.tls, self.at)
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self._serving.close()

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/mcp"

    def named(self, method: str) -> list[Request]:
        return [one for one in self.requests if one.verb == "POST" and one.method == method]

    async def wait(self, ready: Callable[[], bool]) -> None:
        """Wait until requests or connections are as the test expects."""
        await self._serving.wait(ready)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            await self._serving.note()
            await self._answer(reader, writer, self.connections)
        finally:
            self.open -= 1

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            fields = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
            body = await reader.readexactly(int(fields.get("content-length", "0")))
            verb, path, _ = first.split(" ")
            request = Request(verb, path, fields, body, connection)
            self.requests.append(request)
            await self._serving.note()
            answer = Answer(reader, writer, request)
            await self.script(request, answer)
            if answer.closed:
                return


def speak_legacy(tools: Script, session: str = "s-1", revision: str = "2025-11-25") -> Script:
    """Script a legacy server: handshake, session, no stream; everything else goes to `tools`."""

    async def script(request: Request, answer: Answer) -> None:
        if request.verb == "DELETE":
            await answer.send(204)
        elif request.verb == "GET":
            await answer.send(405, allow="POST")
        elif request.method == "initialize":
            result = {
                "protocolVersion": revision,
                "capabilities": CAPABILITIES,
                "serverInfo": {"name": "scripted", "version": "1"},
            }
            await answer.result(result, **({"mcp_session_id": session} if session else {}))
        elif request.method == "server/discover":
            await answer.error(-32000, 400)
        elif request.id is None or not request.method:
            await answer.send(202)
        else:
            await tools(request, answer)

    return script


def speak_modern(tools: Script, capabilities: Message | None = None) -> Script:
    """Script a modern server: discovery; everything else goes to `tools`."""

    async def script(request: Request, answer: Answer) -> None:
        if request.method == "server/discover":
            result = {
                "resultType": "complete",
                "supportedVersions": ["2026-07-28"],
                "capabilities": CAPABILITIES if capabilities is None else capabilities,
                "_meta": {f"{META}serverInfo": {"name": "scripted", "version": "1"}},
            }
            await answer.result(result)
        elif request.method == "initialize":
            await answer.error(-32601, 404)
        else:
            await tools(request, answer)

    return script
