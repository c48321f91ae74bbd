"""The connections to one http server: a free list, a bound, and a queue when the bound is reached.

Free connections are used last in, first out, so that the rest grow old and are closed. Nothing is
dialled while one is free. Requests wait in order; each is sent on the first connection that is
ready, whether it was dialled for it or given back; over a bound of bytes they wait no longer but
fail as surely not run. A request is written at most once. Urgent ones (answers to a server,
cancels) come first and may use a few connections more: a server whose calls all wait for such an
answer must not wait for one of them to end.
"""

import contextlib
import ssl
from collections.abc import Callable
from typing import Final, final

from mcpgate.clock import Clock
from mcpgate.errors import LinkFault
from mcpgate.links.dial import describe_failure, dial
from mcpgate.links.http_connection import HttpConnection, Reply
from mcpgate.links.outbox import Outbox
from mcpgate.links.target import Target
from mcpgate.links.workers import Workers

DRAIN_NS: Final = 1_000_000_000
DEAD_AFTER: Final = 3
SPARE: Final = 4
WAITING_BYTES: Final = 64 << 20


@final
class HttpPool:
    """Send requests over a bounded number of keep-alive connections."""

    def __init__(
        self,
        target: Target,
        secure: ssl.SSLContext | None,
        clock: Clock,
        bound: int,
        outbox: Outbox,
    ) -> None:
        self._target = target
        self._secure = secure
        self._clock = clock
        self._bound = bound
        self._outbox = outbox
        self._free: list[HttpConnection] = []
        self._open: set[HttpConnection] = set()
        self._draining: set[HttpConnection] = set()
        self._urgent: dict[Reply, bytes] = {}
        self._waiting: dict[Reply, bytes] = {}
        self._waiting_bytes = 0
        self._dialling = 0
        self._failures = 0
        self._closed = False
        self._workers = Workers()
        self.on_dead: Callable[[str], None] = _ignore
        self.on_unreachable: Callable[[str], None] = _ignore

    @property
    def size(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def send(self, reply: Reply, payload: bytes, *, urgent: bool = False) -> None:
        """Write at once on a free connection, or wait for one."""
        free = self._free
        now = self._clock.now()
        while free:
            connection = free.pop()
            if connection.until_ns > now and connection.usable:
                connection.send(reply, payload)
                return
            connection.abort()
        if self._closed:
            reply.fail(LinkFault("unavailable", "the link is closed"))
            return
        if self._waiting and self._waiting_bytes + len(payload) > WAITING_BYTES:
            reply.fail(LinkFault("unavailable", "too many calls wait for this server"))
            return
        (self._urgent if urgent else self._waiting)[reply] = payload
        self._waiting_bytes += len(payload)
        self._dial_more()

    def withdraw(self, reply: Reply) -> None:
        """Forget a request: unsent it is dropped, half answered its connection is closed."""
        if reply in self._waiting:
            self._waiting_bytes -= len(self._waiting.pop(reply))
        elif reply in self._urgent:
            self._waiting_bytes -= len(self._urgent.pop(reply))
        elif reply.connection is not None:
            reply.connection.abort()

    def drain(self, reply: Reply) -> None:
        """Let the rest of an answered stream run out, for a second at most."""
        connection = reply.connection
        if connection is not None:
            connection.until_ns = self._clock.now() + DRAIN_NS
            self._draining.add(connection)

    def release(self, connection: HttpConnection) -> None:
        """Use a connection for who waits longest, or keep it."""
        self._draining.discard(connection)
        if self._urgent:
            connection.send(*self._pop(self._urgent))
        elif self._closed or len(self._open) > self._bound:
            connection.abort()
        elif self._waiting:
            connection.send(*self._pop(self._waiting))
        else:
            connection.rest(self._clock.now())
            self._free.append(connection)

    def forget(self, connection: HttpConnection) -> None:
        """Make room for another connection."""
        self._open.discard(connection)
        self._draining.discard(connection)
        with contextlib.suppress(ValueError):
            self._free.remove(connection)
        self._dial_more()

    def sweep(self) -> None:
        """Close what has been idle or draining for too long."""
        now = self._clock.now()
        old = [one for one in self._free if one.until_ns <= now]
        old += [one for one in self._draining if one.until_ns <= now]
        for connection in old:
            connection.abort()
        if old:
            self._free = [one for one in self._free if one.until_ns > now]

    async def open_apart(self, reply: Reply, payload: bytes) -> None:
        """Send on a connection of its own, for a stream that stays; raise LinkFault if it fails."""
        try:
            connection = await self._connect(_Apart())
        except (OSError, ValueError) as error:
            raise LinkFault("unavailable", describe_failure(self._target, error)) from error
        if not connection.usable:
            raise LinkFault("unavailable", self._describe_refusal())
        connection.send(reply, payload)

    async def close(self) -> None:
        """Close every connection and fail whatever still waits."""
        self._closed = True
        for connection in list(self._open):
            connection.abort()
        self.fail_unsent("the link is closed")
        await self._workers.close()

    def _dial_more(self) -> None:
        taken = len(self._open) + self._dialling
        missing = len(self._urgent) + len(self._waiting) - self._dialling
        room = self._bound - taken
        if self._urgent and room <= 0:
            missing, room = len(self._urgent) - self._dialling, self._bound + SPARE - taken
        for _ in range(0 if self._closed else min(missing, room)):
            self._dialling += 1
            self._workers.start(self._dial)

    async def _dial(self) -> None:
        try:
            connection = await self._connect(self)
        except (OSError, ValueError) as error:
            self._dialling -= 1
            self._dial_failed(describe_failure(self._target, error))
            return
        except BaseException:
            self._dialling -= 1
            raise
        self._dialling -= 1
        if not connection.usable:
            self._dial_failed(self._describe_refusal())
            return
        self._failures = 0
        self._open.add(connection)
        self.release(connection)

    async def _connect(self, owner: "HttpPool | _Apart") -> HttpConnection:
        return await dial(self._target, self._secure, lambda: HttpConnection(owner, self._outbox))

    def _describe_refusal(self) -> str:
        return f"{self._target.authority} closes connections as they open"

    def _dial_failed(self, text: str) -> None:
        self._failures += 1
        if not self._open:  # said first, so that who fails now knows that this link leads nowhere
            self.on_unreachable(text)
        if self._failures >= DEAD_AFTER:
            self.on_dead(text)
        self.fail_unsent(text, self._dialling)

    def fail_unsent(self, text: str, keep: int = 0) -> None:
        """End what waits for a connection, but for the last `keep`."""
        while len(self._waiting) + len(self._urgent) > keep:
            reply, _ = self._pop(self._waiting or self._urgent)
            reply.fail(LinkFault("unavailable", text))

    def _pop(self, waiting: dict[Reply, bytes]) -> tuple[Reply, bytes]:
        reply = next(iter(waiting))
        payload = waiting.pop(reply)
        self._waiting_bytes -= len(payload)
        return reply, payload


@final
class _Apart:
    """Owns a connection that serves one stream and is not used again."""

    def release(self, connection: HttpConnection) -> None:
        """Close it: its stream is over."""
        connection.abort()

    def forget(self, connection: HttpConnection) -> None:
        """Do nothing: nobody counts it."""


def _ignore(_: str) -> None:
    """Do nothing with a reason."""
