"""A whole gateway in this process, and a client that speaks raw HTTP to it."""

import asyncio
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mcpgate.app import Core, Gateway
from mcpgate.config.load import ConfigSource
from mcpgate.gate import SseCutter

ACCEPT = "application/json, text/event-stream"
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass
class Answer:
    """One HTTP answer, complete."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def streamed(self) -> bool:
        return self.headers.get("content-type") == "text/event-stream"

    @property
    def message(self) -> dict[str, object]:
        """The reply: the whole body, or the last event of a stream."""
        found: dict[str, object] = json.loads(self.events[-1] if self.streamed else self.body)
        return found

    @property
    def error(self) -> dict[str, object]:
        found = self.message["error"]
        assert isinstance(found, dict)
        return found

    @property
    def reason(self) -> str:
        data = self.error["data"]
        assert isinstance(data, dict)
        return str(data["reason"])

    @property
    def events(self) -> list[bytes]:
        return SseCutter(1 << 24).feed(self.body)


@dataclass
class Wire:
    """One connection to the gateway."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    cutter: SseCutter = field(default_factory=lambda: SseCutter(1 << 24))
    waiting: list[bytes] = field(default_factory=list)

    def send(self, method: str, headers: Sequence[tuple[str, str]], body: bytes | None) -> None:
        lines = [f"{method} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        if body is not None and not any(name.lower() == "content-length" for name, _ in headers):
            lines.append(f"content-length: {len(body)}")
        self.writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))

    async def read_head(self) -> Answer:
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
        line, *rest = head.decode("latin-1").split("\r\n")
        pairs = [
            (name, value) for name, _, value in (each.partition(": ") for each in rest if each)
        ]
        return Answer(int(line.split()[1]), dict(pairs), b"")

    async def read(self) -> Answer:
        answer = await self.read_head()
        if answer.headers.get("transfer-encoding") == "chunked":
            while chunk := await self.read_chunk():
                answer.body += chunk
        else:
            length = int(answer.headers.get("content-length", "0"))
            async with asyncio.timeout(10):
                answer.body = await self.reader.readexactly(length)
        return answer

    async def read_chunk(self) -> bytes:
        async with asyncio.timeout(10):
            size = int(await self.reader.readline(), 16)
            return (await self.reader.readexactly(size + 2))[:-2]

    async def read_event(self) -> bytes | None:
        """Return the next event of a stream, None at its end."""
        while not self.waiting:
            chunk = await self.read_chunk()
            if not chunk:
                return None
            self.waiting += self.cutter.feed(chunk)
        return self.waiting.pop(0)

    async def is_over(self) -> bool:
        async with asyncio.timeout(10):
            return await self.reader.read(1) == b""

    async def close(self) -> None:
        self.writer.close()


@dataclass
class Client:
    """Ask one gateway, each time on a connection of its own."""

    port: int
    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    session: str = ""
    path: str = "/mcp"

    def headers(self, *more: tuple[str, str], without: Sequence[str] = ()) -> list[tuple[str, str]]:
        named = f"[{self.host}]" if ":" in self.host else self.host
        base = {
            "host": f"{named}:{self.port}",
            "content-type": "application/json",
            "accept": ACCEPT,
        }
        if self.session:
            base["mcp-session-id"] = self.session
        replaced = {name for name, _ in more} | set(without)
        return [*((name, value) for name, value in base.items() if name not in replaced), *more]

    async def connect(self) -> Wire:
        return Wire(*await asyncio.open_connection(self.host, self.port, ssl=self.tls))

    async def ask(
        self, method: str, headers: Sequence[tuple[str, str]], body: bytes | None = None
    ) -> Answer:
        wire = await self.connect()
        try:
            wire.send(method, headers, body)
            return await wire.read()
        finally:
            await wire.close()

    async def post(
        self, body: bytes, *more: tuple[str, str], without: Sequence[str] = ()
    ) -> Answer:
        return await self.ask(f"POST {self.path}", self.headers(*more, without=without), body)

    async def call(self, name: str, arguments: bytes = b"{}", request_id: object = 1) -> Answer:
        return await self.post(legacy_call(name, arguments, request_id))

    async def call_modern(self, name: str, request_id: object = 1) -> Answer:
        body = modern("tools/call", {"name": name, "arguments": {}}, request_id)
        return await self.post(body, *modern_headers("tools/call", name))

    async def open_session(self, revision: str = "2025-11-25") -> Answer:
        """Do the handshake; the session id goes with every later request."""
        answer = await self.post(legacy("initialize", hello(revision)))
        self.session = answer.headers["mcp-session-id"]
        assert (await self.post(notification("notifications/initialized"))).status == 202
        return answer

    async def open_stream(self) -> Wire:
        """Open the session's own stream."""
        wire = await self.connect()
        wire.send(f"GET {self.path}", self.headers(without=("content-type",)), None)
        assert (await wire.read_head()).status == 200
        return wire

    async def listen(self, notifications: dict[str, object], request_id: object = 1) -> Wire:
        """Open a modern stream; its acknowledgement is not read yet."""
        body = modern("subscriptions/listen", {"notifications": notifications}, request_id)
        wire = await self.connect()
        wire.send("POST /mcp", self.headers(*modern_headers("subscriptions/listen")), body)
        assert (await wire.read_head()).status == 200
        return wire


def hello(revision: str) -> dict[str, object]:
    info = {"name": "test", "version": "1"}
    return {"protocolVersion": revision, "capabilities": {}, "clientInfo": info}


def legacy(method: str, params: object = None, request_id: object = 1) -> bytes:
    message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params or {}}
    return json.dumps(message).encode()


def legacy_call(name: str, arguments: bytes = b"{}", request_id: object = 1) -> bytes:
    head = (
        b'{"jsonrpc":"2.0","id":%b,"method":"tools/call","params":'
        % json.dumps(request_id).encode()
    )
    return head + b'{"name":%b,"arguments":%b}}' % (json.dumps(name).encode(), arguments)


def notification(method: str, params: object = None) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params or {}}).encode()


def modern(method: str, params: dict[str, object] | None = None, request_id: object = 1) -> bytes:
    return legacy(method, {**(params or {}), "_meta": META}, request_id)


def modern_headers(method: str, name: str = "") -> list[tuple[str, str]]:
    found = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)]
    return [*found, ("mcp-name", name)] if name else found


def http_server(name: str, url: str, **more: object) -> dict[str, object]:
    return {"name": name, "transport": "http", "url": url, "deadline_s": 5, **more}


class Kind:
    """Which kind of listener gateways get; the fixture `either_listener` changes it."""

    name = "granian"


KIND = Kind()


@asynccontextmanager
async def running(
    port: int, servers: Sequence[dict[str, object]] = (), **more: object
) -> AsyncIterator[Gateway]:
    """Run a gateway on this port until the block ends."""
    with tempfile.TemporaryDirectory(prefix="mcpgate-") as folder:
        settings: dict[str, object] = {
            "listeners": [{"address": f"127.0.0.1:{port}", "kind": KIND.name}],
            "state_dir": f"{folder}/state",
            "servers": list(servers),
            "prefix": "always",
            **more,
        }
        path = Path(folder) / "mcpgate.json"
        path.write_text(json.dumps(settings))
        source = ConfigSource(str(path))
        gateway = Gateway(source, source.load())
        task = asyncio.create_task(gateway.run())
        try:
            await _either(gateway.started, task)
            yield gateway
        finally:
            gateway.stop()
            async with asyncio.timeout(25):
                await task


async def _either(started: asyncio.Event, task: "asyncio.Task[None]") -> None:
    waiting = asyncio.create_task(started.wait())
    async with asyncio.timeout(10):
        await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        task.result()


async def wait_until(gateway: Gateway, condition: Callable[[Core], bool]) -> None:
    """Wait, at each turn of the wheel, until something is so of a gateway."""
    core, over = gateway.core, asyncio.Event()
    assert core is not None
    core.wheel.every(lambda: over.set() if condition(core) else None)
    async with asyncio.timeout(5):
        await over.wait()


async def wait_for_entries(gateway: Gateway, count: int) -> None:
    """Wait until the catalog has this many entries."""
    core, changed = gateway.core, asyncio.Event()
    assert core is not None
    core.publisher.subscribe(lambda _: changed.set())
    async with asyncio.timeout(10):
        while len(json.loads(core.gate.catalog())) < count:
            await changed.wait()
            changed.clear()
