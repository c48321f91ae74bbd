"""What is written within one turn of the loop, sent together at its end.

A write wakes its reader, which then takes the processor from us in the middle of a turn. So
everything that came is worked on first, and then everything is sent.
Rules: the order of writes stays; a transport that closes before the end of the turn is sent nothing
more, so whoever ends one gently flushes first.
"""

import logging
from collections.abc import Callable
from typing import Protocol, final

log = logging.getLogger(__name__)


class Soon(Protocol):
    """Who calls back at the end of a turn: the loop."""

    def call_soon(self, callback: Callable[[], None], /) -> object:
        """Call back once, soon."""
        ...


class Target(Protocol):
    """Where bytes go: a transport."""

    def write(self, data: bytes, /) -> None:
        """Send bytes."""
        ...

    def is_closing(self) -> bool:
        """Say whether nothing more can be sent."""
        ...


@final
class Outbox:
    """The writes of one turn, for all connections of one owner."""

    __slots__ = ("_loop", "_waiting")

    def __init__(self, loop: Soon) -> None:
        self._loop = loop
        self._waiting: list[tuple[Target, bytes]] = []

    def put(self, target: Target, data: bytes) -> None:
        """Send bytes at the end of this turn."""
        waiting = self._waiting
        waiting.append((target, data))
        if len(waiting) == 1:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send everything now."""
        waiting, self._waiting = self._waiting, []
        for target, data in waiting:
            if not target.is_closing():
                _write(target, data)


def _write(target: Target, data: bytes) -> None:
    try:
        target.write(data)
    except Exception:  # a task root: one bad transport must not keep the others' bytes
        log.exception("outbox.failed")
