"""Open streams of clients and what they are told.

Strategy: one follower per open stream, found by nobody but its session (one GET stream each, the
newer replaces the older) or by walking all of them when a list changed.
Rules: a message is written on a follower's stream only if it asked for that list; how many streams
there are is bounded; a stream ends when its client leaves, its session ends, it is replaced, it
takes too much, or the gateway drains. One whose client may come back for it rests: it is told, but
takes nobody's place.
"""

import logging
from collections.abc import Sequence
from typing import Final, Protocol, final

from mcpgate.gate import Watch
from mcpgate.sessions.notices import complete, list_changed, updated
from mcpgate.sessions.watches import Watches

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

    __slots__ = ("_by_session", "_limit", "_open", "_resting", "draining", "watches")

    def __init__(self, limit: int = STREAMS_LIMIT) -> None:
        """Take how many streams may be open at once."""
        self._limit = limit
        self._open: dict[Follower, None] = {}
        self._resting: dict[Follower, None] = {}
        self._by_session: dict[str, Follower] = {}
        self.draining = False
        self.watches = Watches()

    def __len__(self) -> int:
        return len(self._open)

    def refuses(self) -> str:
        """Return the reason why no stream can be opened now, or an empty string."""
        if self.draining:
            return "draining"
        return "overloaded" if len(self._open) >= self._limit else ""

    def add(self, follower: Follower, watches: Sequence[Watch] = ()) -> None:
        """Keep a stream and what it watches; a session's older one is ended."""
        self._open[follower] = None
        self.watches.apply(follower, watches)
        if follower.session:
            older = self._by_session.get(follower.session)
            self._by_session[follower.session] = follower
            if older is not None:
                self._drop(older)
                if older.pipe is not follower.pipe:
                    older.pipe.end()

    def rest(self, follower: Follower) -> None:
        """Keep telling an open stream whose client left; of too many the oldest is forgotten."""
        if follower in self._open:
            del self._open[follower]
            self._resting[follower] = None
            if len(self._resting) > self._limit:
                self._drop(next(iter(self._resting)))

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
        for follower in (*self._open, *self._resting):
            for message in list_changed(bits & follower.bits, follower.subscription):
                if follower.pipe.write(message):
                    told += 1
                else:
                    self._drop(follower)
                    break
        _log.debug("streams.told", extra={"bits": bits, "messages": told})

    def list_wanted(self, server: str) -> frozenset[str]:
        """Return the resources of a server that somebody watches."""
        return self.watches.list_wanted(server)

    def tell_updated(self, server: str, uri: str) -> None:
        """Tell everyone who watches a resource that it changed."""
        for watcher, exposed in self.watches.list_watchers(server, uri):
            if isinstance(watcher, Follower):
                follower = watcher if watcher in self._open else None
            else:
                follower = self._by_session.get(str(watcher))
            if follower is not None:
                message = updated(exposed, follower.subscription)
                if not follower.pipe.write(message):
                    self._drop(follower)

    def drain(self) -> None:
        """End every stream in the way of its revision and take no more."""
        self.draining = True
        for follower in (*self._open, *self._resting):
            self._drop(follower)
            if follower.subscription:
                follower.pipe.write(complete(follower.subscription))
            follower.pipe.end()

    def _drop(self, follower: Follower) -> None:
        self._open.pop(follower, None)
        self._resting.pop(follower, None)
        self.watches.leave(follower)
        if self._by_session.get(follower.session) is follower:
            del self._by_session[follower.session]
