"""How a request's body is read: never more than allowed, never longer than allowed.

Strategy: a body that says its size and is small is awaited in one piece, the cheapest way through
granian; any other is counted piece by piece. One sweep ends the reads that are over their time, by
cancelling the task that waits; no timer is made for a request.
Rules: granian ends the pieces of a broken body with one empty piece more than those of a whole one;
what is broken raises ProtocolClosed, as the one-piece read does.
"""

import asyncio
from typing import Final, final

from mcpgate.listeners.rsgi import Body, ProtocolClosed

WHOLE_BYTES: Final = 64 << 10


@final
class BodyReader:
    """Read bodies within a size and a time."""

    __slots__ = ("_allowed_ns", "_loop", "_reading", "limit_bytes")

    def __init__(self, limit_bytes: int, allowed_ns: int) -> None:
        """Take the largest body and how long one may take."""
        self.limit_bytes = limit_bytes
        self._allowed_ns = allowed_ns
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reading: dict[asyncio.Task[None], int] = {}

    def refuses(self, length: int, chunked: bool) -> str:
        """Return the reason to refuse a body by its headers, or an empty string."""
        if length > self.limit_bytes:
            return "too_large"
        return "invalid_request" if length < -1 or (chunked and length >= 0) else ""

    async def read(self, body: Body, length: int, now: int) -> bytes | str:
        """Return the body, or the reason why it is refused."""
        loop = self._loop  # known, it saves a system call (getpid) for each request
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a body is read by a task")
        reading = self._reading
        reading[task] = now + self._allowed_ns
        try:
            if 0 <= length <= WHOLE_BYTES:
                return await body()
            return await self._collect(body)
        except asyncio.CancelledError:
            if task in reading:
                raise
            task.uncancel()
            return "slow_body"
        finally:
            reading.pop(task, None)

    def sweep(self, now: int) -> None:
        """End the reads that are over their time."""
        due = []
        for task, until in self._reading.items():
            if until > now:
                break
            due.append(task)
        for task in due:
            del self._reading[task]
            task.cancel()

    async def _collect(self, body: Body) -> bytes | str:
        pieces: list[bytes] = []
        size = empty = 0
        async for piece in body:
            size += len(piece)
            if size > self.limit_bytes:
                return "too_large"
            empty = 0 if piece else empty + 1
            pieces.append(piece)
        if empty > 1:
            raise ProtocolClosed("the body ended early")
        return b"".join(pieces)
