"""One client on the unix socket: each message is a line, both ways.

Rules: a line over the limit is skipped, and refused by its id. A client that does not read is cut
by what is unread. Once it sends no more, the replies that are due still go out.
"""

import asyncio
import logging
import select
from typing import cast, final

from mcpgate.gate import LineCutter
from mcpgate.listeners.conversation import CLOGGED_BYTES, UNREAD_BYTES, Conversation
from mcpgate.listeners.room import Room
from mcpgate.unix import is_ours

_log = logging.getLogger("mcpgate.listeners")


@final
class LinesConnection(asyncio.Protocol):
    """Carry the messages of one client as lines."""

    def __init__(self, room: Room, open_connections: "set[LinesConnection]") -> None:
        """Take the room, and the set that it is in while it is open."""
        self._room = room
        self._open = open_connections
        self._transport: asyncio.Transport | None = None
        self._cutter = LineCutter(room.message_bytes)
        self._conversation: Conversation | None = None
        self._held = False

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the client, unless it is somebody else's or one too many."""
        # uvloop's transports have the methods but not the base classes.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=CLOGGED_BYTES)
        if is_ours(transport.get_extra_info("socket").fileno()):
            self._conversation = Conversation(self._room, self)
        if self._conversation is None or not self._conversation.welcome:
            _log.warning("client.refused", extra={"reason": "a foreign user, or one too many"})
            self._conversation = None
            self._transport.abort()
        else:
            self._open.add(self)

    def data_received(self, data: bytes) -> None:
        """Cut what came into messages."""
        conversation = self._conversation
        if conversation is None or conversation.ending:
            return
        messages = self._cutter.feed(data)
        for ends in self._cutter.take_overlong():
            conversation.refuse("too_large", ends)
        conversation.take(messages)

    def eof_received(self) -> bool:
        """Send what is still due, and then end."""
        self.data_received(b"\n")
        if self._conversation is not None:
            self._conversation.retire()
        return True

    def connection_lost(self, _exc: Exception | None) -> None:
        """Cancel what nobody waits for any more."""
        self._transport = None
        self._open.discard(self)
        if self._conversation is not None:
            self._conversation.leave()

    # What the conversation calls.

    def write(self, message: bytes) -> bool:
        """Send one message as one line; say False once the client takes no more."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if b"\n" in message or b"\r" in message:  # in JSON they are only space, between tokens
            message = message.replace(b"\n", b" ").replace(b"\r", b" ")
        unread = transport.get_write_buffer_size()
        if unread and unread + len(message) > UNREAD_BYTES:
            _log.warning("client.cut", extra={"reason": "it does not read", "unread": unread})
            transport.abort()
            return False
        transport.write(message + b"\n")
        return True

    def hold(self) -> None:
        """Read no further."""
        self._held = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def proceed(self) -> None:
        """Read on."""
        self._held = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """End: nothing is due any more."""
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """End at once."""
        if self._transport is not None:
            self._transport.abort()

    # What the server calls.

    def look(self) -> None:
        """Notice that a client is gone while nothing is read of it, when the loop cannot."""
        conversation = self._conversation
        if self._transport is None or conversation is None:
            return
        if not (conversation.ending or self._held):
            return
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), 0)
        if any(event & select.POLLHUP for _, event in poll.poll(0)):
            self._transport.abort()
