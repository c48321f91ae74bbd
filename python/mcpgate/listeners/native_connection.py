"""One connection of a native listener: bytes cut into requests, strictly one after the other.

Strategy: a head is gathered, read whole and weighed by the front; one equal to the connection's
last is neither read nor weighed again. A request whose body came with its head is answered within
the callback that brought it; only one that must wait for something has a task. What is pipelined
waits, unread once it is more than a head may be, until the request before it is over and its reply
is on its way, and then for a turn of the loop, so that no client keeps the others waiting.
Rules: what is refused here is answered once and nothing after it is read. A connection that ends
before all was read is ended gently: our side first, so that the reply is not lost to a reset. A
client that does not read its replies is cut, by what is unread and by time; no timer is made.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Final, Protocol, cast, final

from mcpgate.links.outbox import Outbox
from mcpgate.listeners.asked import Asked
from mcpgate.listeners.native_head import HEAD_BYTES, Head, HeadFault, find_bare_line_end, read_head
from mcpgate.listeners.native_reply import encode_refusal
from mcpgate.listeners.native_request import NativeRequest
from mcpgate.listeners.rsgi import HttpProtocol, Scope
from mcpgate.listeners.websocket import WebSocketConnection
from mcpgate.sessions.batch import BEGUN, Begun

HEAD_NS: Final = 10_000_000_000
IDLE_NS: Final = 75_000_000_000
STALL_NS: Final = 30_000_000_000
LINGER_NS: Final = 2_000_000_000
CLOGGED_BYTES: Final = 64 << 10
UNREAD_BYTES: Final = 16 << 20
SEEN_BYTES: Final = 4 << 10
Work = Begun | Coroutine[object, None, None]
"""What is not over yet when a request was handed to the front."""
_log = logging.getLogger("mcpgate.listeners")


class NativeFront(Protocol):
    """The application that a native listener serves."""

    def weigh(self, scope: Scope) -> Asked:
        """Judge what a head asks for; equal heads may be judged once."""
        ...

    def answer(self, asked: Asked, protocol: HttpProtocol, body: bytes | None) -> Work | None:
        """Answer one request; return what is not over yet. None is a body still to come."""
        ...

    def refuse(self, status: int) -> bytes:
        """Record that bytes which are no request were refused; return the body of the answer."""
        ...


class House(Protocol):
    """What connections share: the listener that they belong to."""

    loop: asyncio.AbstractEventLoop
    date: bytes
    now_ns: int
    front: NativeFront
    outbox: Outbox

    def add(self, connection: "NativeConnection") -> bool:
        """Keep a connection; say False if there are too many."""
        ...

    def discard(self, connection: "NativeConnection | WebSocketConnection") -> None:
        """Forget a connection that is gone."""
        ...

    def replace(self, connection: "NativeConnection", other: WebSocketConnection) -> None:
        """Keep what a connection became instead of it."""
        ...


@final
class NativeConnection(asyncio.Protocol):
    """Speak HTTP/1.1 with one client."""

    __slots__ = (
        "_asked",
        "_behind",
        "_buffer",
        "_clogged_ns",
        "_ending",
        "_head",
        "_held",
        "_house",
        "_outbox",
        "_request",
        "_seen",
        "_since_ns",
        "_transport",
        "_used",
        "_work",
        "loop",
    )

    def __init__(self, house: House) -> None:
        """Take the listener."""
        self._house = house
        self._outbox = house.outbox
        self.loop = house.loop
        self._transport: asyncio.Transport | None = None
        self._request: NativeRequest | None = None
        self._work: Begun | asyncio.Task[None] | None = None
        self._buffer = self._seen = b""
        self._head: Head | None = None
        self._asked: Asked | None = None
        self._behind = self._held = self._ending = self._used = False
        self._since_ns = house.now_ns
        self._clogged_ns = 0

    @property
    def date(self) -> bytes:
        """The date field of a reply."""
        return self._house.date

    @property
    def busy(self) -> bool:
        """Whether a request is in work."""
        return self._request is not None

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, unless there are too many."""
        # uvloop's transports have the methods but not the base class.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=CLOGGED_BYTES)
        if not self._house.add(self):
            self._ending = True
            self._transport.write(encode_refusal(503, self._house.front.refuse(503)))
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Take bytes of the request in work, or of the next one."""
        if self._ending:
            return
        request = self._request
        if request is None and not self._clogged_ns and not self._behind:
            self._gather(data)
        elif request is not None and not request.complete:
            self._feed(request, data)
        else:
            self._put_by(data)

    def eof_received(self) -> None:
        """Take a half closed connection for a closed one."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever is at work that the client left."""
        del exc
        self._transport = None
        self._ending = True
        self._buffer = self._seen = b""
        if self._request is not None:
            self._request.lose()
        else:
            self._house.discard(self)

    def pause_writing(self) -> None:
        """Note that the client does not read as fast as we write."""
        self._clogged_ns = self._house.now_ns

    def resume_writing(self) -> None:
        """Go on with what waited for it."""
        self._clogged_ns = 0
        self._go_on()

    # What the request calls.

    def write(self, data: bytes) -> None:
        """Send bytes, or nothing once the client has left."""
        if self._transport is not None:
            self._outbox.put(self._transport, data)

    def write_piece(self, data: bytes) -> None:
        """Send a piece of a stream; cut it if its client does not read."""
        if self._transport is None:
            return
        if self._clogged_ns and self._transport.get_write_buffer_size() > UNREAD_BYTES:
            self._cut("too much is unread")
        else:
            self._outbox.put(self._transport, data)

    def hold(self) -> None:
        """Read no further."""
        if not self._held and self._transport is not None:
            self._held = True
            self._transport.pause_reading()

    def proceed(self) -> None:
        """Read on."""
        if self._held and self._transport is not None and not self._transport.is_closing():
            self._held = False
            self._transport.resume_reading()

    # What the listener calls.

    def expire(self, now: int) -> None:
        """End what is over its time."""
        if self._clogged_ns and now - self._clogged_ns > STALL_NS:
            self._cut("its client does not read")
        elif self._ending:
            if self._transport is not None and now - self._since_ns > LINGER_NS:
                self._transport.abort()
        elif self._request is None and not self._clogged_ns:
            waited = now - self._since_ns
            if self._buffer and waited > HEAD_NS:
                self._refuse(408, "the head took too long")
            elif waited > (IDLE_NS if self._used else HEAD_NS):
                self._close()

    def retire(self) -> None:
        """End with the reply in work, or at once."""
        if self._request is None:
            self._close()
        else:
            self._request.keep = False

    def abort(self) -> None:
        """End at once, whatever is in work."""
        self._ending = True
        if self._transport is not None:
            self._transport.abort()
        if self._work is not None:
            self._work.cancel()

    # Requests.

    def _gather(self, data: bytes) -> None:
        """Begin a request once its head is there."""
        held = self._buffer
        if held:
            data, looked = held + data, max(0, len(held) - 3)
        else:
            looked = 0
            self._since_ns = self._house.now_ns
        end = data.find(b"\r\n\r\n", looked) + 4
        if end == 3:
            self._buffer = data
            if len(data) > HEAD_BYTES:
                self._refuse(431, "the size of the head")
            elif not data[:1].isalpha() or find_bare_line_end(
                data[len(held) - held.endswith(b"\r") :]
            ):
                self._refuse(400, "a line end in the head")
            return
        self._buffer = b""
        text = data[:end]
        head, asked = self._head, self._asked
        if head is None or asked is None or text != self._seen:
            try:
                head, asked = self._read(text)
            except HeadFault as fault:
                self._refuse(fault.status, str(fault))
                return
        self._begin(head, asked, data[end:])

    def _read(self, text: bytes) -> tuple[Head, Asked]:
        if len(text) > HEAD_BYTES:
            raise HeadFault(431, "the size of the head")
        head = read_head(text)
        asked = self._house.front.weigh(head)
        if len(text) <= SEEN_BYTES:
            self._head, self._asked, self._seen = head, asked, text
        return head, asked

    def _begin(self, head: Head, asked: Asked, rest: bytes) -> None:
        """Take what came of the body, and hand the request to the front."""
        if asked.switch is not None and not head.old:
            self._switch(asked.switch(), rest)
            return
        whole: bytes | None = None
        request = self._request = NativeRequest(self, head)
        if len(rest) >= head.length and not head.chunked:
            whole, rest = rest[: head.length], rest[head.length :]
            request.fill(whole)
            if rest:
                self._put_by(rest)
        elif rest:
            self._feed(request, rest)
            if self._ending:
                self._request = None
                return
        work = self._house.front.answer(asked, request, whole)
        if work is None:
            self._end()
        elif isinstance(work, BEGUN):
            self._work = work
            work.then(self._end)
        else:
            self._work = self.loop.create_task(self._see(work))

    def _switch(self, other: WebSocketConnection | None, rest: bytes) -> None:
        """Speak HTTP no longer: hand the transport on, with what came behind the head."""
        transport = self._transport
        if other is None or transport is None:
            self._refuse(503, "too many connections")
            return
        self._house.replace(self, other)
        self.proceed()
        self._outbox.flush()
        self._transport, self._ending = None, True
        other.take_over(self._house, transport, rest)

    def _feed(self, request: NativeRequest, data: bytes) -> None:
        try:
            rest = request.feed(data)
        except ValueError as fault:
            self._refuse(400, str(fault))
            return
        if rest:
            self._put_by(rest)

    def _put_by(self, data: bytes) -> None:
        """Keep what comes before its turn."""
        self._buffer += data
        if len(self._buffer) > HEAD_BYTES:
            self.hold()

    async def _see(self, work: Coroutine[object, None, None]) -> None:
        try:
            await work
        finally:
            self._end()

    def _end(self) -> None:
        """Be ready for the next request, or close."""
        request, self._request = self._request, None
        self._work = None
        if self._transport is None:
            self._house.discard(self)
        elif self._ending or request is None:
            pass
        elif request.silent:
            self._refuse(500, "the front gave no reply")
        else:
            request.finish()
            self._used = True
            self._since_ns = self._house.now_ns
            if not request.keep:
                self._linger()
            elif self._buffer:
                self._behind = True
                self.loop.call_soon(self._go_on)
            elif self._held:
                self.proceed()

    def _go_on(self) -> None:
        """Take up what came before its turn."""
        self._behind = False
        if self._ending or self._clogged_ns or self._request is not None:
            return
        self.proceed()
        data, self._buffer = self._buffer, b""
        if data:
            self._gather(data)

    # Ends.

    def _refuse(self, status: int, reason: str) -> None:
        """Answer once, and read nothing more."""
        _log.debug("request.refused", extra={"status": status, "reason": reason})
        request = self._request
        if request is None or request.silent:
            self.write(encode_refusal(status, self._house.front.refuse(status)))
        self._linger()
        if request is not None:
            request.lose()

    def _close(self) -> None:
        """End a connection that nothing is asked of."""
        if self._buffer:
            self._linger()
        elif self._transport is not None:
            self._ending = True
            self._since_ns = self._house.now_ns
            self._outbox.flush()
            self._transport.close()

    def _linger(self) -> None:
        """End our side, and let the client end its own or go on for a moment, unread."""
        self._ending = True
        self._buffer = b""
        self._since_ns = self._house.now_ns
        transport = self._transport
        if transport is not None and not transport.is_closing():
            self.proceed()
            self._outbox.flush()
            if transport.can_write_eof():
                transport.write_eof()

    def _cut(self, reason: str) -> None:
        _log.warning("stream.cut", extra={"reason": reason})
        if self._transport is not None:
            self._transport.abort()
