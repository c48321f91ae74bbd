"""Calls that servers work on, and how a client or a drain ends one early.

Rules: a session's call is found by the id that its client gave it, so that only its own client can
cancel it; a stopped call is over at once.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Protocol, final

from mcpgate.gate import Ticket

CANCELLED_BY_CLIENT = "cancelled"
DRAINING = "draining"
CUT = "cut"


class Opened(Protocol):
    """One call that a server works on."""

    @property
    def ticket(self) -> Ticket:
        """What it holds in the gate."""
        ...

    def stop(self, why: str) -> None:
        """Tell the server that nobody waits, and end."""
        ...


class Awaited(Protocol):
    """What a coroutine waits for that has its request."""

    @property
    def over(self) -> bool:
        """Whether nothing more will be said."""
        ...

    def then(self, callback: Callable[[], None]) -> None:
        """Call back once it is over, or needs its connection no more."""
        ...

    def cancel(self) -> None:
        """Stop, because the client cannot be answered any more; nothing once it is over."""
        ...


def wait_over(opened: Awaited) -> Generator[object, None, None]:
    """Wait until something is over or needs its waiter no more; cancelled, take it back."""
    if opened.over:
        return
    done = asyncio.get_running_loop().create_future()
    opened.then(lambda: None if done.done() else done.set_result(None))
    try:
        yield from done
    except BaseException:
        opened.cancel()
        raise


@final
class OpenCalls:
    """Every call that a server works on for this worker."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[tuple[str, bytes] | int, Opened] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, session: str, opened: Opened) -> tuple[str, bytes] | int:
        """Keep a call and return its key; a repeated client id is not found by it."""
        ticket = opened.ticket
        key: tuple[str, bytes] | int = ticket.upstream_id
        if session and (session, ticket.client_id) not in self._open:
            key = (session, ticket.client_id)
        self._open[key] = opened
        return key

    def remove(self, key: tuple[str, bytes] | int) -> None:
        """Forget a call that has ended."""
        del self._open[key]

    def cancel(self, session: str, client_id: bytes) -> bool:
        """Stop the call that a session's client names; say False if there is none."""
        opened = self._open.get((session, client_id)) if session else None
        if opened is None:
            return False
        opened.stop(CANCELLED_BY_CLIENT)
        return True

    def leave(self, ids: str) -> None:
        """Stop every call in a space of ids, because its client has left."""
        for key, opened in list(self._open.items()):
            if isinstance(key, tuple) and key[0] == ids:
                opened.stop(CANCELLED_BY_CLIENT)

    def stop_all(self) -> None:
        """Stop every call, because the gateway ends."""
        for opened in list(self._open.values()):
            opened.stop(DRAINING)
