"""Open streams of clients and what they are told.

Strategy: one follower per open stream, found by nobody but its session (one GET stream each, the
newer replaces the older) or by walking all of them when a list changed.
Rules: a message is written on a follower's stream only if it asked for that list; how many streams
there are is bounded; a stream ends when its client leaves, its session ends, it is replaced, it
takes too much, or the gateway drains.
"""

import logging
from typing import Final, Protocol, final

from mcpgate.sessions.notices import complete, list_changed

STREAMS_LIMIT: Final = 10_000
_log = logging.getLogger("mcpgate.sessions")


class Pipe(Protocol):
    """Where the messages of one stream go."""

    def write(self, message: bytes) -> bool:
        """Send one message; say False if the stream is over."""
        ...

    def end(self) -> None:
        """End the stream; more than once does nothing."""
        ...


@final
class Follower:
    """One open stream and the lists that it follows."""

    __slots__ = ("bits", "pipe", "session", "subscription")

    def __init__(self, pipe: Pipe, bits: int, *, session: str, subscription: bytes) -> None:
        """Take where to write, what to tell, and whose stream it is."""
        self.pipe = pipe
        self.bits = bits
        self.session = session
        self.subscription = subscription


@final
class Streams:
    """Every open stream of this worker."""

    __slots__ = ("_by_session", "_limit", "_open", "draining")

    def __init__(self, limit: int = STREAMS_LIMIT) -> None:
        """Take how many streams may be open at once."""
        self._limit = limit
        self._open: dict[Follower, None] = {}
        self._by_session: dict[str, Follower] = {}
        self.draining = False

    def __len__(self) -> int:
        return len(self._open)

    def refuses(self) -> str:
        """Return the reason why no stream can be opened now, or an empty string."""
        if self.draining:
            return "draining"
        return "overloaded" if len(self._open) >= self._limit else ""

    def add(self, follower: Follower) -> None:
        """Keep a stream; a session's older one is ended."""
        self._open[follower] = None
        if follower.session:
            older = self._by_session.get(follower.session)
            self._by_session[follower.session] = follower
            if older is not None:
                self._drop(older)
                older.pipe.end()

    def discard(self, follower: Follower) -> None:
        """Forget a stream that is over."""
        self._drop(follower)

    def end_session(self, session: str) -> None:
        """End the stream of a session."""
        follower = self._by_session.get(session)
        if follower is not None:
            self._drop(follower)
            follower.pipe.end()

    def announce(self, bits: int) -> None:
        """Tell everyone who follows these lists that they changed."""
        told = 0
        for follower in list(self._open):
            for message in list_changed(bits & follower.bits, follower.subscription):
                if follower.pipe.write(message):
                    told += 1
                else:
                    self._drop(follower)
                    break
        _log.debug("streams.told", extra={"bits": bits, "messages": told})

    def drain(self) -> None:
        """End every stream in the way of its revision and take no more."""
        self.draining = True
        for follower in list(self._open):
            self._drop(follower)
            if follower.subscription:
                follower.pipe.write(complete(follower.subscription))
            follower.pipe.end()

    def _drop(self, follower: Follower) -> None:
        self._open.pop(follower, None)
        if self._by_session.get(follower.session) is follower:
            del self._by_session[follower.session]
