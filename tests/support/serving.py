"""A free port and the connections to it, for as long as a test needs them."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import final

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@final
class Serving:
    """Run one talk for each connection; wake who waits for what they note."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(
        self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, at: int = 0
    ) -> int:
        """Listen, at a port of its own or at this one; return the port."""
        self._server = await asyncio.start_server(self._serve, host, at, ssl=tls)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """End every talk."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def note(self) -> None:
        """Say that something has changed."""
        async with self._changed:
            self._changed.notify_all()

    async def wait(self, ready: Callable[[], bool]) -> None:
        """Wait until what was noted is as the test expects."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(ready)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side, or the end of the test, closed it
        finally:
            writer.close()
            self._tasks.discard(task)
            await self.note()
