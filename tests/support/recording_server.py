"""An MCP server of ours that keeps the exact bytes it got and answers with exact bytes.

It speaks raw HTTP, so that nothing between the wire and a test tidies anything up.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

TOOL = (
    b'{"inputSchema":{"type":"object","$defs":{"a":{"const":1e300}},"properties":{"n":{"$ref":"#/'
    b'$defs/a","x-odd":[1.0,1.00,-0]}},"unevaluatedProperties":false},"name":"%b","zz":12345678901'
    b'234567890123,"description":"caf\\u00e9","annotations":{"readOnlyHint":true,"other":null}}'
)
TOOLS = ("echo", "progress", "hang", "die", "rubbish", "big", "fault", "slow", "stream_dies")
RESULT = (
    b'{"zeta":1234567890123456789.10,"content":[{"type":"text","text":"\\u00e9 \\/","extra":1E+2}],'
    b'"alpha":{"b":1,"a":2},"_meta":{"k":"v"}%b}'
)


@dataclass
class Recorded:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.body) if self.body else {}
        return found

    @property
    def method(self) -> str:
        return str(self.message.get("method", ""))

    @property
    def tool(self) -> str:
        params = self.message.get("params")
        return str(params.get("name")) if isinstance(params, dict) else ""

    def raw_id(self) -> bytes:
        return json.dumps(self.message.get("id")).encode()


Behave = Callable[[Recorded, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RecordingServer:
    """Serve one era and keep what came."""

    modern: bool
    tools: list[bytes] = field(default_factory=lambda: [TOOL % name.encode() for name in TOOLS])
    results: dict[str, bytes] = field(default_factory=dict)
    """What a tool answers instead of the usual result."""
    requests: list[Recorded] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *fault: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def find(self, method: str, tool: str = "") -> list[Recorded]:
        found = [each for each in self.requests if each.method == method]
        return [each for each in found if not tool or each.tool == tool]

    async def wait_for(self, method: str, tool: str = "", count: int = 1) -> Recorded:
        """Wait until this many requests of a method have come; return the last of them."""
        async with asyncio.timeout(10), self.arrived:
            await self.arrived.wait_for(lambda: len(self.find(method, tool)) >= count)
        return self.find(method, tool)[count - 1]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                request = await read_request(reader)
                self.requests.append(request)
                async with self.arrived:
                    self.arrived.notify_all()
                await self._answer(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, request: Recorded, writer: asyncio.StreamWriter) -> None:
        if not request.line.startswith("POST"):
            write(writer, 405, b"")
        elif request.method == "tools/call":
            await self._call(request, writer)
        elif request.method == "subscriptions/listen":
            ack = {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged"}
            start_stream(writer)
            write_event(writer, json.dumps(ack).encode())
            await self.released.wait()
        elif "id" not in request.message:
            write(writer, 202, b"")
        else:
            self._answer_own(request, writer)

    def _answer_own(self, request: Recorded, writer: asyncio.StreamWriter) -> None:
        cache = b',"resultType":"complete","ttlMs":0,"cacheScope":"private"' if self.modern else b""
        offers = b'"capabilities":{"tools":{"listChanged":true}}'
        if request.method == "server/discover" and self.modern:
            result = b'{"supportedVersions":["2026-07-28"],%b%b}' % (offers, cache)
        elif request.method == "initialize" and not self.modern:
            result = (
                b'{"protocolVersion":"2025-11-25",%b,"serverInfo":{"name":"r","version":"1"}}'
                % offers
            )
        elif request.method == "tools/list":
            result = b'{"tools":[%b]%b}' % (b",".join(self.tools), cache)
        else:
            error = b'{"jsonrpc":"2.0","id":%b,"error":{"code":-32601,"message":"no"}}'
            write(writer, 404 if self.modern else 200, error % request.raw_id())
            return
        write(writer, 200, reply(request, result))

    async def _call(self, request: Recorded, writer: asyncio.StreamWriter) -> None:
        behave: dict[str, Behave] = {
            "progress": self._progress,
            "hang": self._hang,
            "slow": self._slow,
            "die": _die,
            "rubbish": _rubbish,
            "big": _big,
            "fault": _fault,
            "stream_dies": self._stream_dies,
        }
        if request.tool in self.results:
            write(writer, 200, reply(request, self.results[request.tool]))
        elif request.tool in behave:
            await behave[request.tool](request, writer)
        else:
            write(writer, 200, reply(request, self.result()))

    def result(self) -> bytes:
        return RESULT % (b',"resultType":"complete"' if self.modern else b"")

    async def _progress(self, request: Recorded, writer: asyncio.StreamWriter) -> None:
        start_stream(writer)
        write_event(writer, progress(request, b"1"))
        await self.released.wait()
        write_event(writer, progress(request, b"2"))
        write_event(writer, reply(request, self.result()))
        writer.write(b"0\r\n\r\n")

    async def _hang(self, request: Recorded, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def _slow(self, request: Recorded, writer: asyncio.StreamWriter) -> None:
        await self.released.wait()
        write(writer, 200, reply(request, self.result()))

    async def _stream_dies(self, request: Recorded, writer: asyncio.StreamWriter) -> None:
        start_stream(writer)
        write_event(writer, progress(request, b"1"))
        await writer.drain()
        writer.close()


async def _die(_: Recorded, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _rubbish(_: Recorded, writer: asyncio.StreamWriter) -> None:
    write(writer, 200, b"<html>no</html>")


async def _big(request: Recorded, writer: asyncio.StreamWriter) -> None:
    text = b'{"content":[{"type":"text","text":"%b"}]}' % (b"x" * (64 << 10))
    write(writer, 200, reply(request, text))


async def _fault(request: Recorded, writer: asyncio.StreamWriter) -> None:
    body = b'{"jsonrpc":"2.0","id":%b,"error":{"code":-32000,"message":"own","data":{"z":1,"a":2}}}'
    write(writer, 200, body % request.raw_id())


async def read_request(reader: asyncio.StreamReader) -> Recorded:
    head = await reader.readuntil(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").split("\r\n")
    pairs = (each.split(":", 1) for each in rest if each)
    headers = {name.lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Recorded(line, headers, body)


def reply(request: Recorded, result: bytes) -> bytes:
    return b'{"result":%b,"jsonrpc":"2.0","id":%b}' % (result, request.raw_id())


def progress(request: Recorded, amount: bytes) -> bytes:
    params = request.message["params"]
    assert isinstance(params, dict)
    token = json.dumps(params["_meta"]["progressToken"]).encode()
    return (
        b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%b,'
        b'"progress":%b,"odd":[1.0]}}' % (token, amount)
    )


def write(writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
    kind = b"content-type: application/json\r\n" if body else b""
    writer.write(b"HTTP/1.1 %d X\r\n%bcontent-length: %d\r\n\r\n" % (status, kind, len(body)))
    writer.write(body)


def start_stream(writer: asyncio.StreamWriter) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )


def write_event(writer: asyncio.StreamWriter, message: bytes) -> None:
    event = b"event: message\ndata: " + message + b"\n\n"
    writer.write(b"%x\r\n%b\r\n" % (len(event), event))
