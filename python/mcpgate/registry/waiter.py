"""Waiting on an event until a moment of the clock; tests bring their own."""

import asyncio
from typing import Protocol, final

from mcpgate.clock import Clock


class Waiter(Protocol):
    """Wait for something or for a moment, whichever comes first."""

    @property
    def clock(self) -> Clock:
        """The clock whose moments are waited for."""
        ...

    async def wait(self, event: asyncio.Event, until_ns: int) -> None:
        """Return when `event` is set or `clock.now()` reaches `until_ns`."""
        ...


@final
class SystemWaiter:
    """Wait on the running event loop."""

    def __init__(self, clock: Clock) -> None:
        """Measure by this clock."""
        self.clock = clock

    async def wait(self, event: asyncio.Event, until_ns: int) -> None:
        """Return when `event` is set or `clock.now()` reaches `until_ns`."""
        left_s = (until_ns - self.clock.now()) / 1e9
        if left_s <= 0:
            await asyncio.sleep(0)  # a due moment must still let other tasks run
            return
        try:
            async with asyncio.timeout(left_s):
                await event.wait()
        except TimeoutError:
            return
