"""Where the reply to one request of a session goes: it outlives the connection.

Strategy: as long as there is one reply and nothing else it is sent whole, and nothing is kept. What
comes in several messages, or late, is a track of the session's log, of which the connection that
brought the request is merely the first reader.
A client that names streams before JSON gets one from the beginning.
Rules: that a client leaves ends nothing here but its connection. Who can understand it is told
after a second of silence where the stream stands, so that it can come back before any message.
"""

from collections.abc import Callable
from typing import Final, final

from mcpgate.clock import Clock
from mcpgate.gate import Caller
from mcpgate.listeners.rsgi import Reply
from mcpgate.listeners.sink import HttpSink, Replies, send_whole
from mcpgate.sessions.replay import BOUNDS, Bounds, Replays, Track

PRIME_NS: Final = 800_000_000
"""How long after it was found slow a silent call gets its first event."""
_PRIMED_FROM: Final = "2025-11-25"


@final
class SessionSinks:
    """What the replies to sessions share."""

    __slots__ = ("_now", "_silent", "live", "replays")

    def __init__(self, clock: Clock, bounds: Bounds = BOUNDS) -> None:
        """Take the clock and how much may be kept."""
        self.live: set[HttpSink] = set()
        self.replays = Replays(clock, bounds)
        self._now = clock.now
        self._silent: dict[SessionSink, int] = {}

    def add(self, sink: "SessionSink") -> None:
        """Prime this one unless something is sent on it before."""
        self._silent[sink] = self._now() + PRIME_NS

    def discard(self, sink: "SessionSink") -> None:
        """Prime this one no longer."""
        self._silent.pop(sink, None)

    def sweep(self) -> None:
        """Prime what was silent for long enough, give up old logs; the wheel calls it."""
        self.replays.sweep()
        now = self._now()
        while self._silent:
            sink, due_ns = next(iter(self._silent.items()))
            if due_ns > now:
                break
            del self._silent[sink]
            sink.prime()

    async def read(self, sink: HttpSink, track: Track, after: int, caller: Caller) -> None:
        """Send what follows on a track, until it is over or its client has left."""
        sink.open()
        track.attach(sink, after)
        if track.own and can_be_primed(caller):
            track.prime()
        try:
            await sink.hold()
        finally:
            track.detach(sink)


@final
class SessionSink:
    """Send one reply to a session, whole or as a stream that survives its connection."""

    __slots__ = (
        "_caller",
        "_eager",
        "_gone",
        "_left",
        "_pipe",
        "_protocol",
        "_replies",
        "_sinks",
        "_track",
    )

    def __init__(
        self,
        protocol: Reply,
        replies: Replies,
        sinks: SessionSinks,
        caller: Caller,
        eager: bool = False,
    ) -> None:
        """Take granian's protocol, the header lists, what is shared and whose reply it is.

        An `eager` one is a stream from its beginning.
        """
        self._protocol = protocol
        self._replies = replies
        self._sinks = sinks
        self._caller = caller
        self._left = False
        self._eager = eager
        self._track: Track | None = None
        self._pipe: HttpSink | None = None
        self._gone: Callable[[], None] | None = None

    def send(self, status: int, body: bytes, session: str = "") -> None:
        """Send the whole reply; after a first message, send its last one."""
        track = self._track
        if track is None and self._eager and body and status == 200:
            track = self._begin()
        if track is not None:
            if body:
                track.write(body)
            track.end()
        elif not self._left:
            send_whole(self._protocol, self._replies, status, body, session)

    def write(self, message: bytes) -> bool:
        """Send one of several messages; whoever is not there may fetch it later."""
        track = self._track or self._begin()
        if track is not None:
            track.write(message)
        return True

    def end(self) -> None:
        """End a reply that gets no last message."""
        if self._track is not None:
            self._track.end()
        elif not self._left:
            self._open_pipe().end()

    def watch(self, gone: Callable[[], None]) -> None:
        """Call back once when the connection is of no more use to the reply."""
        if self._left:
            gone()
            return
        self._gone = gone
        self._open_pipe().stay(self._leave)
        if self._track is None and can_be_primed(self._caller):
            self._sinks.add(self)

    def unwatch(self) -> None:
        """Care no longer whether the client leaves."""
        self._gone = None
        self._sinks.discard(self)
        if self._pipe is not None:
            self._pipe.unwatch()

    def start(self) -> None:
        """Take note that a server works on the reply."""
        if self._eager and can_be_primed(self._caller):
            self.prime()

    def rest(self) -> None:
        """Let the connection go until there is more to say, as the server did with its own."""
        track, pipe = self._track, self._pipe
        if track is not None and pipe is not None and can_be_primed(self._caller):
            track.detach(pipe)
            pipe.end()

    def prime(self) -> None:
        """Begin the stream, unless it has begun, so that the client can come back to it."""
        if self._track is None:
            track = self._begin()
            if track is not None:
                track.prime()

    def _begin(self) -> Track | None:
        """Begin the stream; None if its client left before it could know of one."""
        if self._left:
            return None
        track = self._track = self._sinks.replays.open(self._caller.session)
        track.attach(self._open_pipe(), 0)
        return track

    def _open_pipe(self) -> HttpSink:
        pipe = self._pipe
        if pipe is None:
            pipe = self._pipe = HttpSink(self._protocol, self._replies, self._sinks.live)
        return pipe

    def _leave(self) -> None:
        """Go on without the connection."""
        self._left = True
        self._sinks.discard(self)
        if self._track is not None and self._pipe is not None:
            self._track.detach(self._pipe)
        gone, self._gone = self._gone, None
        if gone is not None:
            gone()


def can_be_primed(caller: Caller) -> bool:
    """Say whether a client expects an event without a message at the start of a stream."""
    return caller.revision >= _PRIMED_FROM
