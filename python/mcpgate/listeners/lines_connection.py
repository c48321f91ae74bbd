"""One client on one connection: messages as lines, many at once, both eras.

Strategy: each line gets a task, begun in the order of the lines, so that what is answered at once
is answered in order; replies leave as they come. The connection is the sink of all its exchanges
and the pipe of all its streams, and the space in which the ids of its requests are looked up.
Rules: a message that names its revision is of the modern era; any other belongs to the session that
`initialize` opened, which the connection keeps. So many lines are in work; more wait, unread. A
client that does not read is cut by what is unread. Once it sends no more, its streams end and the
replies that are due still go out; once it is gone, its exchanges are cancelled.
"""

import asyncio
import logging
import select
from collections import deque
from typing import Final, Protocol, cast, final

from mcpgate.gate import LISTS, Caller, Head, LineCutter, Verdict
from mcpgate.listeners.glance import declares_revision, find_id, is_notification
from mcpgate.listeners.http import ANONYMOUS, Parts
from mcpgate.sessions.streams import Follower
from mcpgate.unix import is_ours

IN_WORK: Final = 256
UNREAD_BYTES: Final = 16 << 20
CLOGGED_BYTES: Final = 64 << 10
_NO_ID: Final = b'"id":null'
_log = logging.getLogger("mcpgate.listeners")


class Room(Protocol):
    """What connections share: the server that they belong to."""

    parts: Parts
    message_bytes: int
    modern: Caller
    legacy: Caller
    no_head: Head

    def add(self, connection: "LinesConnection") -> str:
        """Keep a connection and name its space of ids; empty if there are too many."""
        ...

    def discard(self, connection: "LinesConnection") -> None:
        """Forget a connection that is gone."""
        ...


@final
class LinesConnection(asyncio.Protocol):
    """Speak with one client."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._parts = room.parts
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._cutter = LineCutter(room.message_bytes)
        self._waiting: deque[bytes] = deque()
        self._work: set[asyncio.Task[None]] = set()
        self._ids = self._session = ""
        self._caller: Caller | None = None
        self._own: Follower | None = None
        self._listens: dict[bytes, Follower] = {}
        self._held = self._ending = False

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the client, unless it is somebody else's or one too many."""
        # uvloop's transports have the methods but not the base classes.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=CLOGGED_BYTES)
        if is_ours(transport.get_extra_info("socket").fileno()):
            self._ids = self._room.add(self)
        if not self._ids:
            _log.warning("client.refused", extra={"reason": "a foreign user, or one too many"})
            self._ending = True
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Cut what came into messages."""
        if self._ending:
            return
        self._waiting += self._cutter.feed(data)
        for ends in self._cutter.take_overlong():
            self._refuse("too_large", ANONYMOUS, find_id(ends))
        self._go_on()

    def eof_received(self) -> bool:
        """Send what is still due, and then end."""
        if self._ending:
            return True
        self._waiting += self._cutter.feed(b"\n")
        self._go_on()
        self.retire()
        return True

    def connection_lost(self, _exc: Exception | None) -> None:
        """Cancel what nobody waits for any more."""
        self._transport = None
        self._ending = True
        self._waiting.clear()
        self._end_streams()
        self._parts.exchange.open.leave(self._ids)
        if self._session:
            parts = self._parts
            parts.gate.end_session(self._session, ANONYMOUS, parts.now())
        self._rest()

    # What exchanges and streams call.

    def send(self, status: int, body: bytes, session: str = "") -> None:
        """Send a whole reply; the session that it opens is kept."""
        del status
        if session:
            self._enter(session)
        if body:
            self.write(body)

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

    def end(self) -> None:
        """Leave the connection open: other messages use it too."""

    def watch(self, gone: object) -> None:
        """Care for no single exchange: who leaves, leaves all of them."""

    def unwatch(self) -> None:
        """Care for no single exchange."""

    # What the server calls.

    def retire(self) -> None:
        """Take no more, and close once what is in work has been answered."""
        if not self._ending:
            self._ending = True
            self._hold()
            self._end_streams()
        self._rest()

    def abort(self) -> None:
        """End at once, whatever is in work."""
        if self._transport is not None:
            self._transport.abort()
        for task in self._work:
            task.cancel()

    def look(self) -> None:
        """Notice that a client is gone while nothing is read of it, when the loop cannot."""
        if self._transport is None or not (self._ending or self._held):
            return
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), 0)
        if any(event & select.POLLHUP for _, event in poll.poll(0)):
            self._transport.abort()

    # Messages.

    def _go_on(self) -> None:
        """Begin with lines that wait, as many as may be in work at once."""
        work, waiting = self._work, self._waiting
        while waiting and len(work) < IN_WORK:
            task = self._loop.create_task(self._carry(waiting.popleft()))
            work.add(task)
            task.add_done_callback(self._done)
        if waiting:
            self._hold()
        elif self._held and not self._ending and self._transport is not None:
            self._held = False
            self._transport.resume_reading()

    def _hold(self) -> None:
        if not self._held and self._transport is not None and not self._transport.is_closing():
            self._held = True
            self._transport.pause_reading()

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._work.discard(task)
        self._go_on()
        self._rest()

    def _rest(self) -> None:
        """Close, or be forgotten, once nothing is in work."""
        if not self._ending or self._work or self._waiting:
            return
        if self._transport is None:
            self._room.discard(self)
        else:
            self._transport.close()

    async def _carry(self, line: bytes) -> None:
        """Carry one message to its last reply, whatever happens."""
        if self._transport is None:
            return
        parts = self._parts
        caller, head = self._choose(line)
        try:
            verdict = await parts.exchange.run(line, caller, head, self, self._ids)
            if verdict is not None and verdict.subscription:
                self._follow(verdict)
            elif verdict is not None:
                self._unfollow(verdict.cancels)
        except Exception:  # noqa: BLE001 - a task root: one message must not end the others
            _log.exception("listener.failed")
            self._refuse("internal", caller.principal)

    def _choose(self, line: bytes) -> tuple[Caller, Head | None]:
        """Find who judges a line; before anything was agreed on, only `initialize` may pass."""
        room, caller = self._room, self._caller
        if declares_revision(line):
            return room.modern, None
        if caller is not None:
            self._follow_own(caller)
            return caller, None
        if is_notification(line):
            return room.modern, None
        return room.legacy, room.no_head

    def _refuse(self, reason: str, principal: str, request_id: bytes = b"null") -> None:
        """Refuse what the gate has no ticket for, with an event of it."""
        parts = self._parts
        body = parts.gate.refuse(reason, principal, parts.now()).body
        parts.record()
        self.write(body.replace(_NO_ID, b'"id":' + request_id, 1))

    # The session and the streams.

    def _enter(self, session: str) -> None:
        """Keep the session that was opened; an older one ends."""
        parts = self._parts
        if self._session:
            parts.gate.end_session(self._session, ANONYMOUS, parts.now())
        if self._own is not None:
            parts.streams.discard(self._own)
            self._own = None
        self._session = session
        self._caller = parts.gate.find_caller(session, ANONYMOUS, parts.now())

    def _follow_own(self, caller: Caller) -> None:
        """Tell a session of changed lists, from its first message after the handshake on."""
        if self._own is None and not self._ending and not self._parts.streams.refuses():
            self._own = Follower(self, LISTS, session=caller.session, subscription=b"")
            self._parts.streams.add(self._own)

    def _follow(self, verdict: Verdict) -> None:
        """Open a stream for a listen request."""
        streams = self._parts.streams
        subscription = verdict.subscription
        reason = "draining" if self._ending else streams.refuses()
        if reason:
            self._refuse(reason, ANONYMOUS, subscription)
            return
        self._unfollow(subscription)
        follower = Follower(self, verdict.streams, session="", subscription=subscription)
        self._listens[subscription] = follower
        self.write(verdict.body)
        streams.add(follower)

    def _unfollow(self, subscription: bytes) -> None:
        follower = self._listens.pop(subscription, None)
        if follower is not None:
            self._parts.streams.discard(follower)

    def _end_streams(self) -> None:
        followers = [*self._listens.values(), *filter(None, (self._own,))]
        self._listens, self._own = {}, None
        for follower in followers:
            self._parts.streams.discard(follower)
