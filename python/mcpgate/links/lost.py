"""A flag that is raised once: why a link is no longer usable."""

import asyncio
from typing import final


@final
class Lost:
    """Hold the first reason and wake whoever waits for it."""

    __slots__ = ("_event", "reason")

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.reason = ""

    def __bool__(self) -> bool:
        return self._event.is_set()

    def set(self, reason: str) -> None:
        """Raise the flag; later reasons are ignored."""
        if not self._event.is_set():
            self.reason = reason
            self._event.set()

    async def wait(self) -> str:
        """Return the reason once there is one."""
        await self._event.wait()
        return self.reason
