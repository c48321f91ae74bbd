"""Links that take no new calls: each is closed once its open calls have ended, or are late."""

import asyncio
import contextlib
from functools import partial
from typing import Final, final

from mcpgate.clock import Clock
from mcpgate.links.workers import Workers
from mcpgate.model import Link

PATIENCE_NS: Final = 10_000_000_000


@final
class Retired:
    """Close links beside the path; `sweep` looks which are due."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[Link, tuple[str, int]] = {}
        self._closing: dict[Link, str] = {}
        self._workers = Workers()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._closing)

    def add(self, server: str, link: Link) -> None:
        """Close a link of a server after its open calls."""
        if link.open_calls:
            self._waiting[link] = (server, self._clock.now() + PATIENCE_NS)
        else:
            self._close(server, link)

    def sweep(self) -> None:
        """Close what is idle or late."""
        if self._waiting:
            now = self._clock.now()
            due = [x for x, (_, late) in self._waiting.items() if late <= now or not x.open_calls]
            for link in due:
                self._close(self._waiting.pop(link)[0], link)

    async def close(self, deadline_s: float) -> list[str]:
        """Close all of them now; return the servers whose links did not end in time."""
        for link, (server, _) in self._waiting.items():
            self._close(server, link)
        self._waiting.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                await self._workers.wait_idle()
        late = sorted(self._closing.values())
        await self._workers.close()
        return late

    def _close(self, server: str, link: Link) -> None:
        self._closing[link] = server
        self._workers.start(partial(self._end, link))

    async def _end(self, link: Link) -> None:
        try:
            await link.close()
        finally:
            del self._closing[link]
