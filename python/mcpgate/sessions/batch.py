"""A batch of one client: messages in one array, each carried as if it had come alone.

Strategy: each message has a sink of its own; what comes out of them is gathered into one reply.
While there are only replies they are kept and leave together, as one array in the order of their
requests. As soon as there is anything else to say (progress, a request of a server), or too much is
kept, the replies leave as they come, each a message by itself.
Rules: only a session of 2025-03-26 has batches, of at most so many messages, and the handshake is
no part of one. To whom it sends, a batch is one reply: it is watched once, and ends once, after its
last message.
"""

import re
from collections.abc import Callable, Generator
from typing import Final, Protocol, final

import msgspec

from mcpgate.gate import BATCH_MESSAGES, Caller, Gate, Head, Verdict, cut_batch, is_array
from mcpgate.model import Sink
from mcpgate.sessions.open_exchange import OpenExchange
from mcpgate.sessions.opened import wait_over
from mcpgate.sessions.refusals import reword

KEPT_BYTES: Final = 8 << 20
"""Replies that are kept to leave together."""
_ID_BYTES: Final = 258
_ID: Final = re.compile(rb'-?[0-9]+|".*"', re.DOTALL)
_ACCEPTED: Final = 202
_REFUSED_FROM: Final = 400
_SHAPE: Final = f"A batch is an array of 1 to {BATCH_MESSAGES} messages."
_NESTED: Final = "A batch holds messages, and no further batch."
_HANDSHAKE: Final = "initialize is no part of a batch; send it alone."


class Means(Protocol):
    """What carries single messages: the exchange."""

    gate: Gate
    now: Callable[[], int]
    record: Callable[[], bool]

    def begin(
        self, raw: bytes, caller: Caller, head: Head | None, sink: Sink, ids: str = ""
    ) -> "OpenExchange | Batch | Verdict | None":
        """Carry one message."""
        ...


@final
class Batch:
    """One batch; `over` once each of its messages is."""

    __slots__ = (
        "_accepted",
        "_caller",
        "_left",
        "_means",
        "_members",
        "_refused",
        "_silent",
        "_sink",
        "_size",
        "_streaming",
        "_then",
        "_watched",
    )

    def __init__(self, means: Means, caller: Caller, sink: Sink) -> None:
        """Take what carries the messages, whose they are and where their replies go."""
        self._means = means
        self._caller = caller
        self._sink = sink
        self._members: list[_Member] = []
        self._left = self._size = self._refused = 0
        self._accepted = self._silent = self._streaming = self._watched = False
        self._then: Callable[[], None] | None = None

    @property
    def over(self) -> bool:
        """Whether each message has had its last reply."""
        return not self._left

    def start(self, messages: list[bytes], head: Head | None, ids: str) -> None:
        """Carry each message; all of them may be over at once."""
        self._left = len(messages)
        members = self._members = [_Member(self) for _ in messages]
        try:
            for message, member in zip(messages, members, strict=True):
                self._begin(message, head, member, ids)
        except BaseException:
            self.cancel()  # without an end of this message there is no reply to the batch
            raise

    def then(self, callback: Callable[[], None]) -> None:
        """Call back once it is over, or needs its connection no more."""
        self._then = callback

    def __await__(self) -> Generator[object, None, None]:
        return wait_over(self)

    def cancel(self) -> None:
        """Stop, because the client cannot be answered any more; nothing once it is over."""
        for member in self._members:
            if member.opened is not None:
                member.opened.cancel()

    # What its members call.

    def write(self, message: bytes) -> bool:
        """Send what is no reply, and from now on each reply by itself."""
        self._stream()
        return self._sink.write(message)

    def settle(self, member: "_Member", status: int, body: bytes) -> None:
        """Take the last that is said to one message; a status of 0 is a reply that never comes."""
        self._silent = self._silent or not status
        if status >= _REFUSED_FROM:
            self._refused = self._refused or status
        else:
            self._accepted = True
        if self._streaming and body:
            self._sink.write(body)
        elif body:
            member.reply = body
            self._size += len(body)
            if self._size > KEPT_BYTES:
                self._stream()
        self._left -= 1
        if not self._left:
            self._finish()

    def watch(self) -> None:
        """Go on without the connection if the client of the session leaves."""
        if not self._watched:
            self._watched = True
            self._sink.watch(self._release)

    def _begin(self, message: bytes, head: Head | None, member: "_Member", ids: str) -> None:
        means, caller = self._means, self._caller
        if message[:1] != b"{":
            verdict = means.gate.inspect(message, caller, head, means.now())
            means.record()
            text = _NESTED if is_array(message) else ""
            member.send(verdict.status, reword(verdict.body, text))
            return
        seen = _Seen.read(message)
        if seen.method == "initialize" and seen.request_id:
            verdict = means.gate.refuse("batch", caller.principal, means.now())
            means.record()
            member.send(verdict.status, reword(verdict.body, _HANDSHAKE, seen.request_id))
            return
        begun = means.begin(message, caller, head, member, ids)
        if isinstance(begun, OpenExchange):
            member.hold(begun)
        else:
            member.send(_ACCEPTED, b"")  # unless more was said to it already

    def _stream(self) -> None:
        """Send the replies that were kept, and keep no more."""
        self._streaming = True
        if not self._size:
            return
        self._size = 0
        for member in self._members:
            reply, member.reply = member.reply, b""
            if reply:
                self._sink.write(reply)

    def _finish(self) -> None:
        members, self._members = self._members, []
        replies = [member.reply for member in members if member.reply]
        status = 0 if self._accepted else self._refused
        try:
            if self._watched:
                self._sink.unwatch()
            if replies:
                self._sink.send(status or 200, b"[%b]" % b",".join(replies))
            elif self._streaming or self._silent:
                self._sink.end()
            else:
                self._sink.send(status or _ACCEPTED, b"")
        finally:
            self._release()

    def _release(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then()


Begun = OpenExchange | Batch
"""What is not over yet."""
BEGUN: Final = (OpenExchange, Batch)


@final
class _Member:
    """Where the reply to one message of a batch goes."""

    __slots__ = ("_batch", "_over", "opened", "reply")

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._over = False
        self.opened: OpenExchange | None = None
        self.reply = b""

    def hold(self, opened: OpenExchange) -> None:
        """Keep the exchange that a server works on."""
        self.opened = opened
        opened.then(self._look)

    def send(self, status: int, body: bytes, session: str = "") -> None:
        """Take the last reply; no session is opened in a batch."""
        del session
        if not self._over:
            self._over, self.opened = True, None
            self._batch.settle(self, status, body)

    def write(self, message: bytes) -> bool:
        """Send one of several messages; say False once the client takes no more."""
        return self._batch.write(message)

    def end(self) -> None:
        """Have no reply."""
        self.send(0, b"")

    def start(self) -> None:
        """Do nothing: the reply to the batch begins with its first message."""

    def rest(self) -> None:
        """Do nothing: other messages of the batch go on."""

    def watch(self, gone: Callable[[], None]) -> None:
        """Have the batch watched; who leaves a session ends none of its exchanges."""
        del gone
        self._batch.watch()

    def unwatch(self) -> None:
        """Leave that to the batch."""

    def _look(self) -> None:
        """Have no reply if the exchange ended without one, as after a fault."""
        if self.opened is not None and self.opened.over:
            self.end()


@final
class _Seen(msgspec.Struct, frozen=True):
    """What a message shows before it is judged."""

    method: str = ""
    id: msgspec.Raw = msgspec.Raw()

    @staticmethod
    def read(message: bytes) -> "_Seen":
        """Glance at a message; what is not understood shows nothing."""
        try:
            return _seen.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _NOTHING

    @property
    def request_id(self) -> bytes:
        """The raw id of a request; `null` for what is none, empty without one."""
        raw = bytes(self.id)
        usable = not raw or (len(raw) <= _ID_BYTES and _ID.fullmatch(raw))
        return raw if usable else b"null"


_seen: Final = msgspec.json.Decoder(_Seen)
_NOTHING: Final = _Seen()


def begin_batch(
    means: Means, raw: bytes, caller: Caller, head: Head | None, sink: Sink, ids: str
) -> Batch | None:
    """Carry the messages of a batch, or refuse it as a whole; return it unless it is over."""
    messages = cut_batch(raw)
    if messages is None:
        _refuse_whole(means, raw, caller, head, sink)
        return None
    batch = Batch(means, caller, sink)
    batch.start(messages, head, ids)
    return None if batch.over else batch


def _refuse_whole(means: Means, raw: bytes, caller: Caller, head: Head | None, sink: Sink) -> None:
    """Refuse what is no batch: what the gate calls one has no or too many messages."""
    verdict = means.gate.inspect(raw, caller, head, means.now())
    means.record()
    text = _SHAPE if verdict.reason == "batch" else ""
    sink.send(verdict.status, reword(verdict.body, text))
