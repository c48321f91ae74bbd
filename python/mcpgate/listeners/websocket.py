"""One client over WebSocket: one message per text message, both ways, subprotocol `mcp`.

Strategy: the library frames and checks, we move its bytes, over a connection that was HTTP until
its client asked for this; nothing is compressed.
Rules: a binary message or a broken frame ends the connection, and so does one over the limit, which
is not read. A client that does not read is cut by what is unread, pongs included. A silent one is
pinged, and one that neither answers nor takes what is under way is gone. Neither side is ever half
closed: who sends no more has left.
"""

import asyncio
import logging
import select
from collections.abc import Sequence
from typing import Final, Protocol, final

from websockets.datastructures import Headers as LibraryHeaders
from websockets.exceptions import NegotiationError, PayloadTooBig
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from mcpgate.listeners.conversation import CLOGGED_BYTES, UNREAD_BYTES, Conversation
from mcpgate.listeners.room import Room
from mcpgate.listeners.rsgi import Headers

PING_NS: Final = 20_000_000_000
LINGER_NS: Final = 2_000_000_000
TEXT_LENGTH: Final = 200
STOPPING: Final = "the gateway is stopping; connect again"
NOT_TEXT: Final = "a message is JSON in a text message"
_MCP: Final = Subprotocol("mcp")

# At level debug the library would log every message; what matters is in our own log.
_quiet = logging.getLogger("mcpgate.listeners.websocket.frames")
_quiet.setLevel(logging.WARNING)
_log = logging.getLogger("mcpgate.listeners")


class House(Protocol):
    """The listener, as its WebSockets know it."""

    now_ns: int

    def discard(self, connection: "WebSocketConnection") -> None:
        """Forget a connection that is gone."""
        ...


@final
class Handshake:
    """A request for a WebSocket that was accepted, or the text why it was not."""

    __slots__ = ("reply", "text")

    def __init__(self, headers: Headers) -> None:
        """Read the head of a GET of HTTP/1.1."""
        judge = ServerProtocol(select_subprotocol=_select, logger=_quiet)
        request = Request("/", LibraryHeaders(headers.items()))
        self.reply: Final = judge.accept(request).serialize()
        fault: object = judge.handshake_exc
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            fault = "it has a body"  # which would be taken for frames
        text = f"The request for a WebSocket is broken: {fault}"
        self.text: Final = "" if fault is None else f"{text[:TEXT_LENGTH]}."


def asks_for_websocket(headers: Headers) -> bool:
    """Say whether a GET wants to become a WebSocket; other upgrades are not taken up."""
    return any("websocket" in value.lower() for value in headers.get_all("upgrade"))


def _select(protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Take ours, or none where none is offered."""
    del protocol
    if offered and _MCP not in offered:
        raise NegotiationError("the subprotocol is mcp")
    return _MCP if offered else None


@final
class WebSocketConnection(asyncio.Protocol):
    """Carry the messages of one client over a connection that was HTTP."""

    __slots__ = (
        "_binary",
        "_conversation",
        "_frames",
        "_heard_ns",
        "_held",
        "_house",
        "_over",
        "_partial",
        "_pinged_ns",
        "_reply",
        "_since_ns",
        "_transport",
        "_unread",
    )

    def __init__(self, room: Room, handshake: Handshake) -> None:
        """Take a place in the room, if there is one."""
        # The library would read the request as well, if it was not told that this is over.
        self._frames = ServerProtocol(state=State.OPEN, max_size=room.message_bytes, logger=_quiet)
        self._reply = handshake.reply
        self._house: House | None = None
        self._transport: asyncio.Transport | None = None
        self._partial = bytearray()
        self._binary = self._held = self._over = False
        self._heard_ns = self._pinged_ns = self._since_ns = self._unread = 0
        self._conversation = Conversation(room, self)

    @property
    def welcome(self) -> bool:
        """Whether the room had a place for it."""
        return self._conversation.welcome

    def take_over(self, house: House, transport: asyncio.Transport, rest: bytes) -> None:
        """Shake hands on a connection, and go on with what came behind the request."""
        self._house, self._transport = house, transport
        self._heard_ns = house.now_ns
        transport.set_write_buffer_limits(high=CLOGGED_BYTES)
        transport.set_protocol(self)
        transport.write(self._reply)
        if rest:
            self.data_received(rest)

    # What the loop calls.

    def data_received(self, data: bytes) -> None:
        """Read frames; answer what the protocol answers by itself."""
        frames = self._frames
        if frames.reader.eof or self._house is None:
            return
        self._heard_ns, self._pinged_ns = self._house.now_ns, 0
        frames.receive_data(data)
        messages: list[bytes] = []
        for event in frames.events_received():
            if isinstance(event, Frame) and not self._over:
                self._put_together(event, messages)
        if not self._over:
            self._conversation.take(messages)
            self._notice_end()
        self._flush()

    def eof_received(self) -> None:
        """Take a half closed connection for a closed one; the transport closes itself."""
        self._frames.receive_eof()
        self._leave()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Cancel what nobody waits for any more."""
        self._transport = None
        self._leave()
        if self._house is not None:
            self._house.discard(self)

    # What the conversation calls.

    def write(self, message: bytes) -> bool:
        """Send one text message; say False once the client takes no more."""
        transport = self._transport
        if transport is None or transport.is_closing() or self._frames.state is not State.OPEN:
            return False
        unread = transport.get_write_buffer_size()
        if unread and unread + len(message) > UNREAD_BYTES:
            self._cut("it does not read")
            return False
        self._frames.send_text(message)
        self._flush()
        return True

    def hold(self) -> None:
        """Read no further."""
        self._held = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def proceed(self) -> None:
        """Read on; what was not read may have been the answer to a ping."""
        self._held = False
        if self._house is not None:
            self._heard_ns, self._pinged_ns = self._house.now_ns, 0
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Say goodbye: nothing is due any more."""
        if self._frames.state is State.OPEN and self._house is not None:
            self._since_ns = self._house.now_ns
            self._frames.send_close(CloseCode.GOING_AWAY, STOPPING)
            self._flush()

    def cut(self) -> None:
        """End at once."""
        if self._transport is not None:
            self._transport.abort()

    # What the listener calls.

    def expire(self, now: int) -> None:
        """Ping a silent client; leave one that is gone."""
        if self._transport is None:
            return
        if self._frames.state is not State.OPEN:
            if now - self._since_ns > LINGER_NS:
                self._transport.abort()
        elif self._held:
            self._look()
        else:
            self._ping(now)

    def retire(self) -> None:
        """Take no more, and say goodbye once what is in work has been answered."""
        self._conversation.retire()

    def abort(self) -> None:
        """End at once, whatever is in work."""
        self._conversation.abort()

    # Frames.

    def _put_together(self, frame: Frame, messages: list[bytes]) -> None:
        """Add the message that is complete with this frame."""
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._binary = frame.opcode is Opcode.BINARY
        elif frame.opcode is not Opcode.CONT:
            return
        if self._binary:
            self._fail()
        elif frame.fin and not self._partial:
            messages.append(bytes(frame.data))
        else:
            self._partial += frame.data
            if frame.fin:
                messages.append(bytes(self._partial))
                self._partial.clear()

    def _fail(self) -> None:
        """Leave a client that sends what is no text."""
        if self._frames.state is State.OPEN:
            self._conversation.note("invalid_request")
            self._frames.fail(CloseCode.UNSUPPORTED_DATA, NOT_TEXT)
            self._leave()

    def _notice_end(self) -> None:
        """Leave once the library has, and record what it could not read."""
        frames, transport = self._frames, self._transport
        fault = frames.parser_exc
        if isinstance(fault, PayloadTooBig):
            self._conversation.note("too_large")
        elif fault is not None and not isinstance(fault, EOFError):
            self._conversation.note("invalid_request")
        if fault is not None or frames.close_rcvd is not None:
            self._leave()
        elif transport is not None and transport.get_write_buffer_size() > 2 * UNREAD_BYTES:
            self._cut("it does not read its pongs")

    def _flush(self) -> None:
        transport = self._transport
        for data in self._frames.data_to_send():
            if transport is None or transport.is_closing():
                return
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()  # a close would lose our goodbye to a reset
            else:
                transport.close()

    # Ends.

    def _ping(self, now: int) -> None:
        unread = 0 if self._transport is None else self._transport.get_write_buffer_size()
        if unread < self._unread:  # slow, but there
            self._pinged_ns = now if self._pinged_ns else 0
        self._unread = unread
        if self._pinged_ns:
            if now - self._pinged_ns >= PING_NS:
                self._cut("it answers no ping")
        elif now - self._heard_ns >= PING_NS:
            self._pinged_ns = now
            self._frames.send_ping(b"")
            self._flush()

    def _look(self) -> None:
        """Notice that a client is gone while nothing is read of it."""
        if self._transport is None:
            return
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLRDHUP)
        if poll.poll(0):
            self._transport.abort()

    def _cut(self, reason: str) -> None:
        _log.warning("client.cut", extra={"reason": reason})
        self._over = True
        self.cut()

    def _leave(self) -> None:
        """Cancel what is in work, once."""
        if not self._over:
            self._over = True
            self._since_ns = 0 if self._house is None else self._house.now_ns
        if self._held:
            self.proceed()
        self._conversation.leave()
