"""One timer for every open call: a single chain of `call_later` that sweeps each 100 ms.

A timer per call would cost a system call each; a sweep over the open calls costs nanoseconds.
A call is *fresh* until the first sweep after it was added, *ripe* until the next one, then *old*:
so its `slow` callback runs once, when it has been open for 100 to 200 ms.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol, final

from mcpgate.clock import Clock

PERIOD_S = 0.1

log = logging.getLogger(__name__)


class Timed(Protocol):
    """Something open that must end by its deadline."""

    deadline_ns: int
    slow: Callable[[], None] | None

    def expire(self) -> None:
        """End it, because its deadline is over."""
        ...


@final
class Wheel:
    """Expire what is over its deadline and run what is due each period."""

    __slots__ = ("_clock", "_fresh", "_handle", "_loop", "_old", "_periodic", "_ripe")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._fresh: dict[Timed, None] = {}
        self._ripe: dict[Timed, None] = {}
        self._old: dict[Timed, None] = {}
        self._periodic: dict[Callable[[], None], None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to turn on the running loop."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._handle = self._loop.call_later(PERIOD_S, self._turn)

    def stop(self) -> None:
        """Stop turning; what is open stays open."""
        if self._handle is not None:
            self._handle.cancel()
        self._loop = self._handle = None

    def add(self, item: Timed) -> None:
        """Watch an item until it is discarded."""
        self._fresh[item] = None

    def discard(self, item: Timed) -> None:
        """Watch an item no longer; unknown ones are ignored."""
        if item in self._fresh:
            del self._fresh[item]
        elif item in self._ripe:
            del self._ripe[item]
        else:
            self._old.pop(item, None)

    def every(self, callback: Callable[[], None]) -> None:
        """Run a callback each period."""
        self._periodic[callback] = None

    def never(self, callback: Callable[[], None]) -> None:
        """Run a callback no longer."""
        self._periodic.pop(callback, None)

    def __len__(self) -> int:
        return len(self._fresh) + len(self._ripe) + len(self._old)

    def sweep(self) -> None:
        """Expire and ripen everything that is due; one turn calls it."""
        now = self._clock.now()
        for open_items in (self._fresh, self._ripe, self._old):
            for item in [item for item in open_items if item.deadline_ns <= now]:
                open_items.pop(item, None)
                _run(item.expire)
        ripe, self._ripe, self._fresh = self._ripe, self._fresh, {}
        self._old.update(ripe)
        for item in [item for item in ripe if item.slow is not None]:
            if item in self._old and item.slow is not None:
                _run(item.slow)
        for callback in list(self._periodic):
            _run(callback)

    def _turn(self) -> None:
        if self._loop is None:
            return
        self._handle = self._loop.call_later(PERIOD_S, self._turn)
        self.sweep()


def _run(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:  # a task root: one bad callback must not stop the timer of every call
        log.exception("wheel.failed")
