"""The background tasks of one link: one TaskGroup, held open by one root task."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import final

Work = Callable[[], Coroutine[None, None, None]]

log = logging.getLogger(__name__)


@final
class Workers:
    """Own tasks that start at any time and all end with `close`."""

    def __init__(self) -> None:
        self._early: list[Work] = []
        self._group: asyncio.TaskGroup | None = None
        self._root: asyncio.Task[None] | None = None
        self._closed = False
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self, work: Work) -> None:
        """Run a coroutine function beside the path; its failure is logged and ends nothing else."""
        if self._closed:
            return
        self._running += 1
        self._idle.clear()
        if self._group is not None:
            self._group.create_task(self._rooted(work))
            return
        self._early.append(work)
        if self._root is None:
            self._root = asyncio.get_running_loop().create_task(self._run())

    async def wait_idle(self) -> None:
        """Wait until everything that was started has ended."""
        await self._idle.wait()

    async def close(self) -> None:
        """Cancel every task and wait until all have ended."""
        self._closed = True
        self._early.clear()
        if self._root is not None:
            self._root.cancel()
            await asyncio.wait([self._root])
        self._idle.set()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            for work in self._early:
                group.create_task(self._rooted(work))
            self._early.clear()
            await asyncio.get_running_loop().create_future()

    async def _rooted(self, work: Work) -> None:
        try:
            await work()
        except Exception:  # a task root: one link's trouble must not end the gateway
            log.exception("link.task_failed")
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
