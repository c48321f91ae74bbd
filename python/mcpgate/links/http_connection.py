"""One HTTP/1.1 connection to a server: bytes in, one reply at a time out.

Rules: one request, one reply; no pipelining. Bytes that nobody asked for end the connection, so
that a server's second reply is never taken for the answer to the next call. A reply is delivered,
and the connection given back, only after the parser has seen the whole chunk. After a request has
been written nothing is ever sent again: a connection that closes then has `lost` the call.
"""

import asyncio
import logging
from typing import Final, Protocol, cast, final

import httptools

from mcpgate.errors import LinkFault
from mcpgate.links.outbox import Outbox

HEAD_BYTES: Final = 64 << 10
IDLE_NS: Final = 4_000_000_000

log = logging.getLogger(__name__)

_SECOND_NS: Final = 1_000_000_000
_WANTED: Final = frozenset(
    (
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"keep-alive",
        b"location",
        b"mcp-session-id",
        b"transfer-encoding",
    )
)


class Reply(Protocol):
    """Who reads the reply to one request; everything is called inside `data_received`."""

    connection: "HttpConnection | None"

    def begin(self, status: int, headers: dict[bytes, bytes]) -> LinkFault | None:
        """Take status and fields; a fault returned here ends the connection."""
        ...

    def feed(self, chunk: bytes) -> LinkFault | None:
        """Take a piece of the body; a fault returned here ends the connection."""
        ...

    def end(self) -> None:
        """Take note that the body is complete."""
        ...

    def fail(self, fault: LinkFault, /) -> None:
        """Take note that nothing more will come."""
        ...


class Owner(Protocol):
    """Whose connection it is."""

    def release(self, connection: "HttpConnection") -> None:
        """Take back a connection that is ready for the next request."""
        ...

    def forget(self, connection: "HttpConnection") -> None:
        """Take note that the connection is gone."""
        ...


@final
class HttpConnection(asyncio.Protocol):
    """A keep-alive connection; `until_ns` is when it stops being fresh, or its drain is over."""

    __slots__ = (
        "_answering",
        "_complete",
        "_fault",
        "_head_bytes",
        "_headed",
        "_headers",
        "_idle_ns",
        "_interim",
        "_keep",
        "_keep_alive",
        "_outbox",
        "_owner",
        "_parser",
        "_paused",
        "_raw_bytes",
        "_reply",
        "_transport",
        "_until_close",
        "until_ns",
    )

    def __init__(self, owner: Owner, outbox: Outbox) -> None:
        self._owner = owner
        self._outbox = outbox
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._reply: Reply | None = None
        self._idle_ns = IDLE_NS
        self._keep_alive = b""
        self.until_ns = 0
        self._reset()

    def _reset(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._fault: LinkFault | None = None
        self._head_bytes = self._raw_bytes = 0
        self._answering = self._headed = self._complete = False
        self._interim = self._keep = self._until_close = False
        self._paused = False

    @property
    def usable(self) -> bool:
        """Whether a request can be written now."""
        transport = self._transport
        return transport is not None and self._reply is None and not transport.is_closing()

    def send(self, reply: Reply, payload: bytes) -> None:
        """Write one request whole; its reply goes to `reply`."""
        self._reply = reply
        reply.connection = self
        if self._transport is not None:
            self._outbox.put(self._transport, payload)

    def rest(self, now: int) -> None:
        """Be idle until the server may close its side."""
        self.until_ns = now + self._idle_ns

    def pause(self) -> None:
        """Read no further for now."""
        if self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once; a reply that is still open hears nothing more."""
        if self._reply is not None:
            self._reply.connection = None
            self._reply = None
        if self._transport is not None:
            self._transport.abort()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # uvloop's transports have the methods but not the base class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse a chunk; then deliver, give back or break off."""
        parser = self._parser
        if self._reply is None or parser is None:
            self.abort()
            return
        self._answering = True
        self._raw_bytes += len(data)
        try:
            parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            log.exception("link.reader_failed")
            self._fault = self._fault or LinkFault("unreadable", "the answer could not be read")
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                self._fault = LinkFault("unreadable", f"the answer is not HTTP/1.1: {error}")
            self._keep = False
        if not self._complete:
            self._check_head(self._raw_bytes)
        if self._fault is not None:
            self._break(self._fault)
        elif self._complete:
            self._finish()

    def eof_received(self) -> None:
        """End a body that has no other end; the transport closes itself."""
        if self._headed and self._until_close and self._fault is None:
            self._keep = False
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that nothing more will come."""
        self._parser = self._transport = None
        when = "in the middle of its answer" if self._answering else "without an answer"
        why = f": {exc}" if exc is not None else ""
        self._break(LinkFault("lost", f"the server closed the connection {when}{why}"))
        self._owner.forget(self)

    # What the parser calls; nothing here may raise.

    def on_message_begin(self) -> None:
        """Notice a second message after the first."""
        if self._complete:
            self._keep = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the few fields that matter."""
        self._head_bytes += len(name) + len(value or b"") + 4
        lowered = name.lower()
        if lowered in _WANTED and not self._complete:
            self._headers[lowered] = value or b""

    def on_headers_complete(self) -> None:
        """Let the reply judge status and fields."""
        reply, parser = self._reply, self._parser
        if reply is None or parser is None or self._complete:
            return
        self._check_head(self._head_bytes)
        status = parser.get_status_code()
        self._interim = status < 200
        if self._interim or self._fault is not None:
            return
        headers = self._headers
        self._headed = True
        self._until_close = b"content-length" not in headers and b"transfer-encoding" not in headers
        if headers.get(b"keep-alive", b"") != self._keep_alive:
            self._set_idle(headers.get(b"keep-alive", b""))
        self._fault = reply.begin(status, headers)

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body on; what lies between pieces is bounded as a head is."""
        self._raw_bytes = 0
        if self._reply is not None and self._fault is None and not self._complete:
            self._fault = self._reply.feed(body)

    def on_message_complete(self) -> None:
        """Note the end; an interim answer (1xx) has none."""
        if self._interim:
            self._interim = False
            self._headers = {}
            return
        if self._parser is not None and not self._complete:
            self._complete = True
            self._keep = self._parser.should_keep_alive()

    # Ends.

    def _check_head(self, size_bytes: int) -> None:
        if size_bytes > HEAD_BYTES and self._fault is None:
            self._fault = LinkFault(
                "reply_too_large", f"the head of the server's answer is over {HEAD_BYTES} bytes"
            )

    def _set_idle(self, value: bytes) -> None:
        self._keep_alive = value
        self._idle_ns = IDLE_NS
        for part in value.lower().split(b","):
            name, _, number = part.strip().partition(b"=")
            if name == b"timeout" and number.isdigit() and len(number) < 10:
                self._idle_ns = min(IDLE_NS, (int(number) - 1) * _SECOND_NS)

    def _finish(self) -> None:
        reply, self._reply = self._reply, None
        keep = self._keep and self._idle_ns > 0
        if self._paused:  # its reply was complete before it was read: the next one is not to wait
            self.resume()
        self._reset()
        if reply is not None:
            reply.connection = None
        if keep and self._transport is not None and not self._transport.is_closing():
            self._owner.release(self)
        else:
            self.abort()
        if reply is not None:  # last, because what it leads to may call this server again
            reply.end()

    def _break(self, fault: LinkFault) -> None:
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.connection = None
            reply.fail(fault)
        self.abort()
