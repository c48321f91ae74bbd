"""A client that reads event names and comes back, and a server that says what a test wants."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Self

from tests.support.gateways import Client, Wire
from tests.support.http_server import Answer, HttpServer, Request, speak_legacy

SCHEMA = {"type": "object", "properties": {"of": {}, "size": {"type": "integer"}}}
TOOL = {"name": "work", "inputSchema": SCHEMA}


@dataclass
class Returning(Client):
    """A client that closes at the end what it opened."""

    wires: list[Wire] = field(default_factory=list)

    async def connect(self) -> Wire:
        self.wires.append(await super().connect())
        return self.wires[-1]

    async def close(self) -> None:
        for wire in self.wires:
            await wire.close()


@dataclass
class Reading:
    """One stream, event by event, each with its name."""

    wire: Wire
    _rest: bytes = b""

    async def read(self) -> tuple[str, bytes] | None:
        """Return the next event's name and data, None at the end of the stream."""
        while True:
            event, found, rest = self._rest.partition(b"\n\n")
            if not found:
                chunk = await self.wire.read_chunk()
                if not chunk:
                    return None
                self._rest += chunk
                continue
            self._rest = rest
            lines = [line.partition(b": ") for line in event.split(b"\n")]
            if any(name for name, _, _ in lines):
                names = [value for name, _, value in lines if name == b"id"]
                data = b"\n".join(value for name, _, value in lines if name == b"data")
                return "".join(map(bytes.decode, names)), data

    async def read_all(self) -> list[tuple[str, bytes]]:
        """Return every event until the stream ends."""
        found = []
        while (event := await self.read()) is not None:
            found.append(event)
        return found


async def begin(client: Client, request_id: object = 7, **arguments: object) -> Wire:
    """Call the tool and return the connection; nothing is read yet."""
    params = {"name": "s__work", "arguments": arguments, "_meta": {"progressToken": "t"}}
    body = {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}
    wire = await client.connect()
    wire.send("POST /mcp", client.headers(), json.dumps(body).encode())
    return wire


async def start(client: Client, request_id: object = 7, **arguments: object) -> Reading:
    """Call the tool and return its stream."""
    wire = await begin(client, request_id, **arguments)
    head = await wire.read_head()
    assert head.headers["content-type"] == "text/event-stream"
    return Reading(wire)


async def come_back(client: Client, event: str) -> Reading:
    """Resume the stream that an event is of."""
    wire = await client.connect()
    headers = client.headers(("last-event-id", event), without=("content-type",))
    wire.send("GET /mcp", headers, None)
    head = await wire.read_head()
    assert (head.status, head.headers["content-type"]) == (200, "text/event-stream")
    return Reading(wire)


def steps(events: list[tuple[str, bytes]]) -> list[object]:
    """Read what a call's events say: how far it is, or the id of its reply."""
    found: list[object] = []
    for _, data in events:
        if data:
            message = json.loads(data)
            found.append(message["id"] if "id" in message else message["params"]["progress"])
    return found


@dataclass
class Worker:
    """A server whose calls go on when a test says so; it cannot resume anything."""

    told: dict[object, "asyncio.Queue[int]"] = field(default_factory=dict)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self.server = HttpServer(speak_legacy(self._answer))
        await self.server.__aenter__()
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self.server.__aexit__(None, None, None)

    @property
    def cancelled(self) -> int:
        return len(self.server.named("notifications/cancelled"))

    def tell(self, *amounts: int, of: object = None) -> None:
        """Have a call report progress; 0 ends it."""
        for amount in amounts:
            self.told.setdefault(of, asyncio.Queue()).put_nowait(amount)

    async def _answer(self, request: Request, answer: Answer) -> None:
        if request.method == "tools/list":
            await answer.result({"tools": [TOOL]})
        else:
            await self._work(request, answer)

    async def _work(self, request: Request, answer: Answer) -> None:
        params = request.message["params"]
        assert isinstance(params, dict)
        arguments = params["arguments"]
        queue = self.told.setdefault(arguments.get("of"), asyncio.Queue())
        text = "x" * arguments.get("size", 0)
        await answer.stream()
        self.started.set()
        while amount := await queue.get():
            said = {"progressToken": request.token, "progress": amount, "message": text}
            notice = {"jsonrpc": "2.0", "method": "notifications/progress", "params": said}
            await answer.event(notice)
        result = {"content": [{"type": "text", "text": text}]}
        await answer.event({"jsonrpc": "2.0", "id": request.id, "result": result})
        await answer.end()
