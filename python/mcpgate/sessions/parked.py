"""Calls that legacy servers still work on while a modern client looks for input.

Strategy: a parked call is its own taker; what comes is kept until the request comes back with the
input and takes the call over.
Rules: a handle is good once; how many wait, for how long and with how much is bounded; a call that
nobody comes back for in time is forgotten, answered or not, and its server told if it still works.
"""

from collections.abc import Callable, Iterable
from typing import Final, final

from mcpgate.errors import LinkFault
from mcpgate.gate import Answer, Ask
from mcpgate.model import Call, Link

PARKED: Final = 1_000
PARK_NS: Final = 300_000_000_000
KEPT_BYTES: Final = 1 << 20


@final
class ParkedCall:
    """One call that waits for input."""

    __slots__ = ("_ended", "_size", "asks", "call", "cancel", "due_ns", "kept", "link")

    def __init__(
        self, call: Call, link: Link, cancel: bytes, ended: Callable[["ParkedCall"], None]
    ) -> None:
        """Take what waits, what tells its server that nobody does, and who forgets it."""
        self.call = call
        self.link = link
        self.cancel = cancel
        self.asks: dict[bytes, Ask] = {}
        self.kept: list[bytes] = []
        self.due_ns = 0
        self._size = 0
        self._ended = ended

    def take(self, message: bytes) -> None:
        """Keep a message for who comes back."""
        self.kept.append(message)
        self._size += len(message)
        if self._size > KEPT_BYTES:
            self._ended(self)

    def rest(self) -> None:
        """Wait on."""

    def fail(self, _fault: LinkFault) -> None:
        """Give up: the server ended the call, or nobody came back in time."""
        self._ended(self)

    def answer(self, answers: Iterable[Answer]) -> None:
        """Tell the server what it asked for; what was not asked is ignored."""
        for answer in answers:
            ask = self.asks.pop(answer.key, None)
            if ask is not None:
                self.link.tell(build_answer(ask, answer))

    def list_asks(self) -> bytes:
        """Return what is still asked for, as members of `inputRequests`."""
        return b",".join(b"%b:%b" % (key, ask.body) for key, ask in self.asks.items())


@final
class Parked:
    """Every parked call of this worker, by its handle."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[int, ParkedCall] = {}

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def full(self) -> bool:
        """Whether no more may wait."""
        return len(self._calls) >= PARKED

    def make(self, call: Call, link: Link, cancel: bytes) -> ParkedCall:
        """Have a call wait; `cancel` tells its server that nobody does."""
        parked = ParkedCall(call, link, cancel, self._end)
        call.attach(parked)
        return parked

    def put(self, handle: int, parked: ParkedCall, now: int) -> None:
        """Keep a waiting call under a new handle."""
        parked.due_ns = parked.call.deadline_ns = now + PARK_NS
        self._calls[handle] = parked

    def sweep(self, now: int) -> None:
        """End what nobody came back for; what waits longest stands first."""
        while self._calls and (oldest := next(iter(self._calls.values()))).due_ns <= now:
            self._end(oldest)

    def take(self, handle: int) -> ParkedCall | None:
        """Hand a call over to who came back for it."""
        return self._calls.pop(handle, None)

    def end_all(self) -> None:
        """Cancel every call, because the gateway ends."""
        for parked in list(self._calls.values()):
            self._end(parked)

    def _end(self, parked: ParkedCall) -> None:
        for handle in [handle for handle, kept in self._calls.items() if kept is parked]:
            del self._calls[handle]
        parked.call.cancel(parked.cancel)
        parked.call.close()


def build_answer(ask: Ask, answer: Answer) -> bytes:
    """Build what a legacy server gets for its request."""
    kind = b"error" if answer.is_error else b"result"
    return b'{"jsonrpc":"2.0","id":%b,"%b":%b}' % (ask.server_id, kind, answer.value)
