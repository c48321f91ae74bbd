"""A scripted server over HTTP+SSE: a stream that a test can break, POSTs that it can refuse."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, final

from tests.support.http_server import CAPABILITIES, Answer, Message, Request

ENDPOINT: Final = "/messages?session=a%20b"
HELLO: Final = {
    "protocolVersion": "2024-11-05",
    "capabilities": CAPABILITIES,
    "serverInfo": {"name": "scripted", "version": "1"},
}


@final
class Stream:
    """The open stream, to put events on."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def raw(self, data: bytes) -> None:
        await self._answer.chunk(data)

    async def say(self, message: object) -> None:
        await self.raw(b"event: message\r\ndata: %b\r\n\r\n" % json.dumps(message).encode())

    async def result(self, request: Request, result: object) -> None:
        await self.say({"jsonrpc": "2.0", "id": request.id, "result": result})

    async def tell(self, method: str, **params: object) -> None:
        await self.say({"jsonrpc": "2.0", "method": method, "params": params})

    async def end(self) -> None:
        await self._answer.end()

    def cut(self) -> None:
        self._answer.close()


Tools = Callable[[Request, Answer, Stream], Awaitable[None]]


@final
@dataclass
class SseScript:
    """Answer the GET with an endpoint, greet, and leave every other request to `tools`."""

    tools: Tools
    preface: bytes = f"event: endpoint\ndata: {ENDPOINT}\n\n".encode()
    open: Callable[[Answer], Awaitable[None]] | None = None
    revision: str = "2024-11-05"
    streams: list[Stream] = field(default_factory=list)

    async def __call__(self, request: Request, answer: Answer) -> None:
        if request.verb == "GET":
            await self._stream(answer)
            return
        stream = self.streams[-1]
        if request.method == "initialize":
            await answer.send(202, b"Accepted")
            await stream.result(request, {**HELLO, "protocolVersion": self.revision})
        elif request.id is None or not request.method:
            await answer.send(202)
        else:
            await self.tools(request, answer, stream)

    async def _stream(self, answer: Answer) -> None:
        if self.open is not None:
            await self.open(answer)
            return
        await answer.stream()
        self.streams.append(Stream(answer))
        if self.preface:
            await answer.chunk(self.preface)
        await answer.hold()


async def echo(request: Request, answer: Answer, stream: Stream) -> None:
    """Accept a call and answer it with its tool's name."""
    await answer.send(202)
    await stream.result(request, request.tool)


def progress(request: Request, step: int) -> Message:
    """Make a notice of progress."""
    params = {"progressToken": request.token, "progress": step}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
