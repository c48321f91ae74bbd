"""A wire to a server over WebSocket: subprotocol `mcp`, one message per text message, both ways.

Rules: the library frames and checks, we move its bytes; nothing is compressed. A binary message is
no message of ours and ends only the call that it seems to answer. One over the limit is not read,
and a frame cannot be left unread, so it ends the wire. A server that is silent for some time is
pinged, and one that answers no ping is gone.
"""

import asyncio
import logging
from typing import Final, cast, final

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault
from mcpgate.links.dial import DIAL_S, describe_failure, dial, load_trust
from mcpgate.links.http_reply import describe_redirect
from mcpgate.links.setup import Setup
from mcpgate.links.sse_replies import refuse_status
from mcpgate.links.target import SOCKET, Target, check_headers, read_target
from mcpgate.links.wires import UNREAD, Hearer, Wire, check_unread

CLOSE_S: Final = 2.0
NORMAL: Final = 1000
HEAD_BYTES: Final = 256
SUDDEN: Final = "the server closed the connection without goodbye"
_MCP: Final = Subprotocol("mcp")

# At level debug the library would log every message; what matters is in our own log.
_quiet = logging.getLogger("mcpgate.links.websocket.frames")
_quiet.setLevel(logging.WARNING)


@final
class WebSocketWire(Wire, asyncio.Protocol):
    """Carry messages over one WebSocket connection."""

    def __init__(self, server: Server, setup: Setup) -> None:
        self._setup = setup
        self._clock = setup.clock
        self._target = read_target(server.url or "", SOCKET)
        self._secure = load_trust(self._target, server.ca_file)
        self._fields = {"user-agent": f"mcpgate/{setup.version}", **check_headers(server.headers)}
        self._frames = ClientProtocol(
            _locate(self._target),
            subprotocols=[_MCP],
            max_size=setup.reply_bytes,
            logger=_quiet,
        )
        self._hearer: Hearer | None = None
        self._transport: asyncio.Transport | None = None
        self._opened = asyncio.Event()
        self._gone = asyncio.Event()
        self._fault: LinkFault | None = None
        self._partial = bytearray()
        self._binary = False
        self._ping_ns = int(setup.ping_s * 1e9)
        self._heard_ns = self._pinged_ns = 0

    @property
    def ended(self) -> bool:
        """Whether the connection is closed or closing."""
        return self._transport is None or self._frames.state is not State.OPEN

    async def start(self, hearer: Hearer) -> None:
        """Connect and shake hands."""
        self._hearer = hearer
        try:
            async with asyncio.timeout(DIAL_S):
                await dial(self._target, self._secure, lambda: self)
                await self._opened.wait()
        except (OSError, ValueError) as error:
            raise LinkFault("unavailable", describe_failure(self._target, error)) from error
        if self._fault is not None:
            raise self._fault
        self._heard_ns = self._clock.now()
        self._setup.wheel.every(self._beat)

    def settle(self, revision: str) -> None:
        """Do nothing: a frame has no head."""

    def write(self, body: bytes, _upstream_id: int | None) -> LinkFault | None:
        """Write a text message; the server may be slow to read it."""
        transport = self._transport
        if transport is None or self._frames.state is not State.OPEN:
            return LinkFault("unavailable", "the connection to the server is closed")
        unwritten = transport.get_write_buffer_size()
        fault = check_unread(unwritten, body, self._setup.write_bytes)
        if fault is None:
            self._frames.send_text(body)
            self._flush()
        return fault

    def is_unsent(self, _upstream_id: int) -> bool:
        """Say no: what was written may have been read."""
        return False

    def withdraw(self, upstream_id: int) -> None:
        """Do nothing: what was written is on its way."""

    async def close(self) -> None:
        """Say goodbye, wait a moment for the answer, and cut the connection."""
        self._setup.wheel.never(self._beat)
        self._hearer = None
        transport = self._transport
        if transport is None:
            return
        if self._frames.state is State.OPEN:
            self._frames.send_close(NORMAL)
            self._flush()
            await self._is_gone()
        transport.abort()
        await self._is_gone()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        # uvloop's transports have the methods but not the base class.
        self._transport = cast("asyncio.Transport", transport)
        request = self._frames.connect()
        for name, value in self._fields.items():
            request.headers[name] = value
        self._frames.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Read frames; answer what the protocol answers by itself."""
        if self._frames.reader.eof or self._gone.is_set():
            return
        self._heard_ns, self._pinged_ns = self._clock.now(), 0
        self._frames.receive_data(data)
        self._flush()
        for event in self._frames.events_received():
            if isinstance(event, Frame):
                self._take(event)
            elif isinstance(event, Response):
                self._check(event)
        self._notice_end(data)

    def eof_received(self) -> None:
        """Take note that the server sends no more; the transport closes itself."""
        self._frames.receive_eof()
        self._notice_end(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that nothing more will come."""
        why = f": {exc}" if exc is not None else ""
        self._end(f"{SUDDEN}{why}")
        self._transport = None
        self._gone.set()

    # Frames.

    def _check(self, response: Response) -> None:
        """Accept a server that speaks MCP over this connection."""
        if response.status_code == 101 and self._frames.subprotocol != _MCP:
            self._fail("unavailable", "the server does not speak the subprotocol mcp")
        elif response.status_code == 101 and self._frames.handshake_exc is None:
            self._opened.set()

    def _take(self, frame: Frame) -> None:
        """Put fragments together; what comes between them is the library's to answer."""
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._binary = frame.opcode is Opcode.BINARY
        elif frame.opcode is not Opcode.CONT:
            return
        if frame.fin and not self._partial:
            self._pass_on(bytes(frame.data))
            return
        self._partial += frame.data
        if frame.fin:
            message = bytes(self._partial)
            self._partial.clear()
            self._pass_on(message)

    def _pass_on(self, message: bytes) -> None:
        if self._hearer is None or self._fault is not None:
            return
        if self._binary:
            self._hearer.take_foreign(message)
        else:
            self._hearer.take_message(message)

    def _flush(self) -> None:
        transport = self._transport
        writes = self._frames.data_to_send()
        if transport is None or transport.is_closing():
            return
        for data in writes:
            if data:
                transport.write(data)
            else:
                transport.close()

    # Ends.

    def _notice_end(self, data: bytes) -> None:
        """Leave once the library has: what it could not read, or was told, is the reason."""
        frames = self._frames
        if self._fault is not None:
            return
        if frames.handshake_exc is not None:
            self._refuse_handshake(frames.handshake_exc)
        elif frames.state is State.OPEN and frames.parser_exc is None:
            self._check_writes()
        elif isinstance(frames.parser_exc, PayloadTooBig):
            self._blame(data, frames.parser_exc.size)
            self._end(f"the server sent a message over {self._setup.reply_bytes} bytes")
        elif frames.close_rcvd is not None:
            close = frames.close_rcvd
            said = f" ({close.reason!r})" if close.reason else ""
            self._end(f"the server closed the connection with code {close.code}{said}")
        elif isinstance(frames.parser_exc, EOFError):
            self._end(SUDDEN)
        elif frames.parser_exc is not None:
            self._end(f"the server broke the WebSocket protocol: {frames.parser_exc}")

    def _blame(self, data: bytes, size_bytes: int | None) -> None:
        """End the call that the unread message answers, if its beginning says which."""
        size = size_bytes or 0
        mark = b"\x7e%b" % size.to_bytes(2) if size < 1 << 16 else b"\x7f%b" % size.to_bytes(8)
        head = bytes(self._partial[:HEAD_BYTES]) or data.rpartition(mark)[2][:HEAD_BYTES]
        if self._hearer is not None:
            self._hearer.take_overlong(head)

    def _refuse_handshake(self, error: Exception) -> None:
        if not isinstance(error, InvalidStatus):
            self._fail("unavailable", f"the server does not speak WebSocket: {error}")
            return
        status = error.response.status_code
        where = error.response.headers.get("location", "")
        if 300 <= status < 400:
            fault = describe_redirect(status, {b"location": where.encode("latin-1", "replace")})
        else:
            fault = refuse_status(status, "the request for a WebSocket")
        self._fail(fault.reason, str(fault))

    def _check_writes(self) -> None:
        """Leave a server that makes us answer and does not read: its pings would fill memory."""
        transport = self._transport
        bound = 2 * self._setup.write_bytes
        if transport is not None and transport.get_write_buffer_size() > bound:
            self._end(UNREAD)

    def _fail(self, reason: str, text: str) -> None:
        """End the handshake."""
        if not self._opened.is_set():
            self._fault = LinkFault(reason, text)
            self._opened.set()
            self._cut()

    def _end(self, text: str) -> None:
        """End the wire, once; before it was open this is the end of the handshake."""
        if not self._opened.is_set():
            self._fail("lost", text)
        elif self._fault is None:
            self._fault = LinkFault("lost", text)
            self._cut()
            if self._hearer is not None:
                self._hearer.take_end(text)

    def _cut(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    def _beat(self) -> None:
        """Ping a silent server; leave one that did not answer."""
        if self._frames.state is not State.OPEN or self._fault is not None:
            return
        now = self._clock.now()
        if self._pinged_ns:
            if now - self._pinged_ns >= self._ping_ns:
                self._end("the server answers no ping")
                self._abort()
        elif now - self._heard_ns >= self._ping_ns:
            self._pinged_ns = now
            self._frames.send_ping(b"")
            self._flush()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _is_gone(self) -> bool:
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._gone.wait()
        except TimeoutError:
            return False
        return True


def _locate(target: Target) -> WebSocketURI:
    path, _, query = target.path.partition("?")
    return WebSocketURI(target.secure, target.host, target.port, path, query)
