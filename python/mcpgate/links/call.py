"""One open request to a server: its messages, one by one, and an end.

The link puts messages in; whoever ends the call first decides how. A taker is given each message
at once; without one they wait in a queue for `receive`, and a queue over its bounds asks the
carrier to stop reading until it has been half emptied.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol, final

from mcpgate.errors import LinkFault
from mcpgate.model import Taker

QUEUE_MESSAGES = 256
QUEUE_BYTES = 1 << 20


class Carrier(Protocol):
    """What carries a call to its server."""

    def cancel(self, call: "OpenCall", body: bytes, /) -> None:
        """Tell the server that nobody waits."""
        ...

    def forget(self, call: "OpenCall", /) -> None:
        """Let go of the call."""
        ...

    def resume(self) -> None:
        """Read on after a full queue was emptied."""
        ...


@final
class _Nobody:
    """Carries a closed call, so that nothing keeps its connection alive."""

    def cancel(self, call: "OpenCall", body: bytes) -> None:
        """Do nothing."""

    def forget(self, call: "OpenCall") -> None:
        """Do nothing."""

    def resume(self) -> None:
        """Do nothing."""


_NOBODY = _Nobody()


@final
class OpenCall:
    """One open request; `slow` is a callback for the wheel, run once if the call lasts."""

    __slots__ = (
        "_carrier",
        "_fault",
        "_full",
        "_loop",
        "_queue",
        "_size",
        "_taker",
        "_waiter",
        "answered",
        "deadline_ns",
        "slow",
        "upstream_id",
    )

    def __init__(
        self,
        upstream_id: int,
        deadline_ns: int,
        carrier: Carrier,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.upstream_id = upstream_id
        self.deadline_ns = deadline_ns
        self.slow: Callable[[], None] | None = None
        self.answered = False
        self._carrier = carrier
        self._loop = loop  # asking asyncio for it costs a system call
        self._taker: Taker | None = None
        self._queue: deque[bytes] | None = None
        self._size = 0
        self._full = False
        self._waiter: asyncio.Future[None] | None = None
        self._fault: LinkFault | None = None

    @property
    def ended(self) -> bool:
        """Whether no further message will be put."""
        return self.answered or self._fault is not None

    @property
    def full(self) -> bool:
        """Whether nobody reads what was put."""
        return self._full

    @property
    def taken(self) -> bool:
        """Whether a client's exchange takes the messages: the gateway's own requests have none."""
        return self._taker is not None

    def attach(self, taker: Taker) -> None:
        """Give every message to a taker; before anything was received, and instead of it."""
        self._taker = taker
        if self._fault is not None:
            taker.fail(self._fault)

    async def receive(self) -> bytes:
        """Return the next message; raise LinkFault when none will come."""
        while not (queue := self._queue):
            if self._fault is not None:
                raise self._fault
            if self.answered:
                raise LinkFault("lost", "the server has already answered this call")
            self._waiter = self._loop.create_future()
            await self._waiter
        message = queue.popleft()
        self._size -= len(message)
        if self._full and len(queue) <= QUEUE_MESSAGES // 2 and self._size <= QUEUE_BYTES // 2:
            self._full = False
            self._carrier.resume()
        return message

    async def receive_last(self) -> bytes:
        """Return the final message, past all others."""
        message = await self.receive()
        while self._queue or not self.answered:
            message = await self.receive()
        return message

    def put(self, message: bytes, *, final: bool) -> bool:
        """Hand a message on or queue it; say whether there is room for more."""
        if self.answered or self._fault is not None:
            return True
        self.answered = final
        if self._taker is not None:
            self._taker.take(message)
            return True
        queue = self._queue
        if queue is None:
            queue = self._queue = deque()
        queue.append(message)
        self._size += len(message)
        self._wake()
        if final or (len(queue) <= QUEUE_MESSAGES and self._size <= QUEUE_BYTES):
            return True
        self._full = True
        return False

    def rest(self) -> None:
        """Tell the taker that the server says nothing for a while."""
        if self._taker is not None:
            self._taker.rest()

    def fail(self, fault: LinkFault) -> None:
        """End the call, unless it has ended."""
        if not self.ended:
            self._fault = fault
            self._wake()
            if self._taker is not None:
                self._taker.fail(fault)

    def expire(self) -> None:
        """End the call with reason `deadline`."""
        self.fail(LinkFault("deadline", "the server did not answer in time"))

    def cancel(self, body: bytes) -> None:
        """Tell the server that nobody waits."""
        self._carrier.cancel(self, body)

    def close(self) -> None:
        """Forget this call."""
        self._taker = self.slow = None  # nothing here leads back to who held it
        carrier, self._carrier = self._carrier, _NOBODY
        carrier.forget(self)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)


def find_asked(newest_first: Iterable[OpenCall], *, owned: bool) -> OpenCall | None:
    """Return the client's call that a server's own message belongs to, None where it is unclear.

    It is clear when one client's call is open, or when all of them have one owner.
    """
    clients = (call for call in newest_first if call.taken)
    newest = next(clients, None)
    return newest if owned or next(clients, None) is None else None
