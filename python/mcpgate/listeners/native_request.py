"""One request of a native connection: its body on the way in, its reply on the way out.

Strategy: it has the interface that the front knows from granian, and no rule of its own; a reply
that was begun ends with the front's coroutine.
Rules: one reply; a reply that is sent before the body has come ends the connection. What is not
consumed of a body is bounded by not reading on. A client that leaves raises ProtocolClosed where
the body is awaited, and resolves every watcher at once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Generator
from typing import Final, Protocol, final

from mcpgate.listeners.native_chunks import Chunks
from mcpgate.listeners.native_head import Head
from mcpgate.listeners.native_reply import CLOSE, CONTINUE, LAST_CHUNK, encode_chunk, encode_head
from mcpgate.listeners.rsgi import HeaderList, ProtocolClosed

COLLECTED_BYTES: Final = 256 << 10


class Wire(Protocol):
    """What a request needs of its connection."""

    loop: asyncio.AbstractEventLoop

    @property
    def date(self) -> bytes:
        """The date field of a reply."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes, or nothing once the client has left."""
        ...

    def write_piece(self, data: bytes) -> None:
        """Send a piece of a stream; cut it if its client does not read."""
        ...

    def hold(self) -> None:
        """Read no further."""
        ...

    def proceed(self) -> None:
        """Read on."""
        ...


@final
class _Sent:
    """What a piece's sender may await: nothing is waited for."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


SENT: Final = _Sent()


@final
class NativeStream:
    """A started stream."""

    __slots__ = ("_request",)

    def __init__(self, request: "NativeRequest") -> None:
        """Take the request that it answers."""
        self._request = request

    def send_bytes(self, data: bytes) -> Awaitable[None]:
        """Queue a piece."""
        self._request.send_piece(data)
        return SENT


@final
class NativeRequest:
    """What the front is given as granian's protocol."""

    __slots__ = (
        "_chunks",
        "_collected",
        "_expects",
        "_lost",
        "_missing",
        "_pieces",
        "_replied",
        "_streaming",
        "_waiter",
        "_watchers",
        "_whole",
        "_wire",
        "complete",
        "head",
        "keep",
    )

    def __init__(self, wire: Wire, head: Head) -> None:
        """Take the connection and the head."""
        self._wire = wire
        self.head = head
        self.keep = head.keep
        self._chunks = Chunks() if head.chunked else None
        self._missing = head.length
        self._expects = head.expects
        self.complete = not (head.chunked or head.length)
        self._pieces: list[bytes] = []
        self._collected = 0
        self._whole = self._lost = self._replied = self._streaming = False
        self._waiter: asyncio.Future[None] | None = None
        self._watchers: list[asyncio.Future[None]] | None = None

    # The body, as the front reads it.

    async def __call__(self) -> bytes:
        """Return the whole body."""
        self._whole = True
        while not self.complete:
            await self._wait()
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return what has come, or wait for more."""
        while not self._pieces:
            if self.complete:
                raise StopAsyncIteration
            await self._wait()
        pieces, self._pieces = self._pieces, []
        self._collected = 0
        self._wire.proceed()
        return b"".join(pieces)

    async def _wait(self) -> None:
        if self._lost:
            raise ProtocolClosed("the client left in its body")
        if self._expects:
            self._expects = False
            self._wire.write(CONTINUE)
        self._waiter = self._wire.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # The body, as the connection brings it.

    def fill(self, body: bytes) -> None:
        """Take the whole body, which came with its head."""
        self._pieces = [body]
        self._expects = False
        self.complete = True

    def feed(self, data: bytes) -> bytes:
        """Take what belongs to the body and return the rest; raise ValueError if it is broken."""
        self._expects = False
        if self._chunks is not None:
            found, rest = self._chunks.feed(data), b""
            self.complete = self._chunks.complete
            if self._chunks.surplus:
                self.keep = False
        else:
            missing = self._missing
            found, rest = [data[:missing]], data[missing:]
            self._missing = missing - len(found[0])
            self.complete = not self._missing
        self._pieces += found
        self._collected += sum(map(len, found))
        if self._collected > COLLECTED_BYTES and not (self._whole or self.complete):
            self._wire.hold()
        if found or self.complete:
            self._wake()
        return rest

    def lose(self) -> None:
        """Take note that the client left, or that it can no longer be understood."""
        self._lost = self._replied = True
        self._streaming = False
        self._wake()
        for watcher in self._watchers or ():
            if not watcher.done():
                watcher.set_result(None)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # The reply.

    @property
    def silent(self) -> bool:
        """Whether nothing was replied yet."""
        return not self._replied

    def response_empty(self, status: int, headers: HeaderList) -> None:
        """Reply without a body."""
        self.response_bytes(status, headers, b"")

    def response_bytes(self, status: int, headers: HeaderList, body: bytes) -> None:
        """Reply with a body; a second reply is ignored."""
        if self._replied:
            return
        head, ending = self._start(status, headers)
        length = b"" if status == 204 else b"content-length: %d\r\n" % len(body)
        if self.head.method == "HEAD":
            body = b""
        self._wire.write(b"%b%b%b%b\r\n%b" % (head, self._wire.date, ending, length, body))

    def response_stream(self, status: int, headers: HeaderList) -> NativeStream:
        """Begin a streamed reply; it ends when the front's coroutine does."""
        if not self._replied:
            head, ending = self._start(status, headers)
            framing = b"" if self.head.old else b"transfer-encoding: chunked\r\n"
            self._streaming = self.head.method != "HEAD"
            self._wire.write(b"%b%b%b%b\r\n" % (head, self._wire.date, ending, framing))
        return NativeStream(self)

    def send_piece(self, data: bytes) -> None:
        """Send a piece of a stream that is still open."""
        if self._streaming and data:
            self._wire.write_piece(data if self.head.old else encode_chunk(data))

    def finish(self) -> None:
        """End what was begun."""
        if self._streaming and not self.head.old:
            self._wire.write(LAST_CHUNK)
        self._streaming = False

    def client_disconnect(self) -> "asyncio.Future[None]":
        """Return what is done when the client has left."""
        watcher = self._wire.loop.create_future()
        if self._lost:
            watcher.set_result(None)
        elif self._watchers is None:
            self._watchers = [watcher]
        else:
            self._watchers.append(watcher)
        return watcher

    def _start(self, status: int, headers: HeaderList) -> tuple[bytes, bytes]:
        head, closing = encode_head(status, tuple(headers))
        self._replied = True
        if closing or not self.complete:
            self.keep = False
        return head, b"" if self.keep or closing else CLOSE
