"""One client that is there for a while: many messages at once, both eras, over any carrier.

Strategy: each message gets a task, begun in the order of the messages, so that what is answered at
once is answered in order; replies leave as they come. The conversation is the sink of all its
exchanges and the pipe of all its streams, and the space in which the ids of its requests are looked
up. Its carrier knows how messages lie in bytes, and nothing else.
Rules: a message that names its revision is of the modern era; any other belongs to the session that
`initialize` opened, which the conversation keeps. So many messages are in work; more wait, and then
the carrier reads no further. A reply never waits, because a request of ours may wait for it. Once
the client sends no more, its streams end and the replies that are due still go out; once it is
gone, its exchanges are cancelled and its session ends.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Final, Protocol, final

from mcpgate.gate import BATCHED, LISTS, Caller, Head, Verdict, cut_batch
from mcpgate.listeners.glance import declares_revision, find_id, is_notification, is_reply
from mcpgate.listeners.parts import ANONYMOUS
from mcpgate.listeners.room import Room
from mcpgate.sessions.streams import Follower

IN_WORK: Final = 256
WAITING: Final = 256
UNREAD_BYTES: Final = 16 << 20
CLOGGED_BYTES: Final = 64 << 10
_ENDS_BYTES: Final = 512
_NO_ID: Final = b'"id":null'
_log = logging.getLogger("mcpgate.listeners")


class Carrier(Protocol):
    """What brings the messages of one client and takes those for it."""

    def write(self, message: bytes) -> bool:
        """Send one message; say False once the client takes no more."""
        ...

    def hold(self) -> None:
        """Read no further."""
        ...

    def proceed(self) -> None:
        """Read on."""
        ...

    def close(self) -> None:
        """End: nothing is due any more."""
        ...

    def cut(self) -> None:
        """End at once."""
        ...


@final
class Conversation:
    """Speak with one client."""

    __slots__ = (
        "_caller",
        "_carrier",
        "_ending",
        "_gone",
        "_held",
        "_ids",
        "_listens",
        "_load",
        "_own",
        "_parts",
        "_room",
        "_session",
        "_waiting",
        "_waiting_bytes",
        "_work",
    )

    def __init__(self, room: Room, carrier: Carrier) -> None:
        """Take the room and what carries the messages; the room may be full."""
        self._room = room
        self._carrier = carrier
        self._parts = room.parts
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._work: set[asyncio.Task[None]] = set()
        self._load = 0
        self._session = ""
        self._caller: Caller | None = None
        self._own: Follower | None = None
        self._listens: dict[bytes, Follower] = {}
        self._held = self._gone = False
        self._ids = room.add(self)
        self._ending = not self._ids

    @property
    def welcome(self) -> bool:
        """Whether the room had a place for it."""
        return bool(self._ids)

    @property
    def ending(self) -> bool:
        """Whether no message is taken any more."""
        return self._ending

    @property
    def full(self) -> bool:
        """Whether so much waits that nothing more should be read."""
        return len(self._waiting) >= WAITING or self._waiting_bytes > self._room.message_bytes

    # What the carrier calls.

    def take(self, messages: Iterable[bytes]) -> None:
        """Take messages in their order."""
        if self._ending:
            return
        for message in messages:
            if self._must_wait(message):
                self._waiting.append(message)
                self._waiting_bytes += len(message)
            else:
                self._begin(message)
        self._weigh()

    def refuse(self, reason: str, message: bytes) -> None:
        """Refuse a message that the gate is not asked about; its ends are enough."""
        ends = message[:_ENDS_BYTES] + message[_ENDS_BYTES:][-_ENDS_BYTES:]
        self._refuse(reason, ANONYMOUS, find_id(ends))

    def note(self, reason: str) -> bytes:
        """Record that something was refused which no reply can be sent to; return that reply."""
        parts = self._parts
        verdict = parts.gate.refuse(reason, ANONYMOUS, parts.now())
        parts.record()
        return verdict.body

    def leave(self) -> None:
        """Cancel what nobody waits for any more, because the client is gone."""
        if self._gone or not self._ids:
            return
        self._ending = self._gone = True
        self._waiting.clear()
        self._waiting_bytes = 0
        self._end_streams()
        self._parts.exchange.open.leave(self._ids)
        for task in self._work:  # of two requests with one id, only the first is found by it
            task.cancel()
        self._end_session()
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
        """Send one message; say False once the client takes no more."""
        return not self._gone and self._carrier.write(message)

    def end(self) -> None:
        """Leave the conversation open: other messages use it too."""

    def start(self) -> None:
        """Do nothing: the reply begins with its first message."""

    def rest(self) -> None:
        """Do nothing: the stream goes on."""

    def watch(self, gone: object) -> None:
        """Care for no single exchange: who leaves, leaves all of them."""

    def unwatch(self) -> None:
        """Care for no single exchange."""

    # What the room and the carrier call.

    def retire(self) -> None:
        """Take no more, and close once what is in work has been answered."""
        if not self._ending:
            self._ending = True
            self._end_streams()
        self._rest()

    def abort(self) -> None:
        """End at once, whatever is in work."""
        self._carrier.cut()
        for task in self._work:
            task.cancel()

    # Messages.

    def _must_wait(self, message: bytes) -> bool:
        """Say whether a message has to wait for its turn."""
        if self._load < IN_WORK and not self._waiting:
            return False
        return not is_reply(message) and bool(self._waiting or not is_notification(message))

    def _begin(self, message: bytes) -> None:
        count = self._count(message)
        self._load += count
        task = asyncio.get_running_loop().create_task(self._carry(message))
        self._work.add(task)
        task.add_done_callback(partial(self._done, count))

    def _count(self, message: bytes) -> int:
        """Say how many messages this is: a batch is as many as it holds."""
        caller = self._caller
        if message[:1] == b"{" or caller is None or caller.revision != BATCHED:
            return 1
        return len(cut_batch(message) or b"1")

    def _weigh(self) -> None:
        """Have the carrier read on, or not."""
        if self.full != self._held:
            self._held = not self._held
            if self._held:
                self._carrier.hold()
            else:
                self._carrier.proceed()

    def _done(self, count: int, task: "asyncio.Task[None]") -> None:
        """Begin with messages that wait, as many as may be in work at once."""
        work, waiting = self._work, self._waiting
        work.discard(task)
        self._load -= count
        while waiting and (self._load < IN_WORK or is_notification(waiting[0])):
            message = waiting.popleft()
            self._waiting_bytes -= len(message)
            self._begin(message)
        self._weigh()
        self._rest()

    def _rest(self) -> None:
        """Close, or be forgotten, once nothing is in work."""
        if not self._ending or self._work or self._waiting:
            return
        if self._gone:
            self._room.discard(self)
        else:
            self._carrier.close()

    async def _carry(self, message: bytes) -> None:
        """Carry one message to its last reply, whatever happens."""
        if self._gone:
            return
        parts = self._parts
        caller, head = self._choose(message)
        try:
            verdict = await parts.exchange.run(message, caller, head, self, self._ids)
            if verdict is not None and verdict.subscription:
                self._follow(verdict)
            elif verdict is not None:
                self._unfollow(verdict.cancels)
        except Exception:  # noqa: BLE001 - a task root: one message must not end the others
            _log.exception("listener.failed")
            self._refuse("internal", caller.principal)

    def _choose(self, message: bytes) -> tuple[Caller, Head | None]:
        """Find who judges it; before anything was agreed on, only `initialize` may pass."""
        room, caller = self._room, self._caller
        if declares_revision(message):
            return room.modern, None
        if caller is not None:
            self._follow_own(caller)
            return caller, None
        if is_notification(message):
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
        self._end_session()
        if self._own is not None:
            parts.streams.discard(self._own)
            self._own = None
        self._session = session
        self._caller = parts.gate.find_caller(session, ANONYMOUS, parts.now())

    def _end_session(self) -> None:
        if self._session:
            parts, caller = self._parts, self._caller
            parts.gate.end_session(self._session, ANONYMOUS, parts.now())
            parts.record()
            if caller is not None:
                parts.exchange.end_session(caller.session)

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
        streams.add(follower, verdict.watches)

    def _unfollow(self, subscription: bytes) -> None:
        follower = self._listens.pop(subscription, None)
        if follower is not None:
            self._parts.streams.discard(follower)

    def _end_streams(self) -> None:
        followers = [*self._listens.values(), *filter(None, (self._own,))]
        self._listens, self._own = {}, None
        for follower in followers:
            self._parts.streams.discard(follower)
