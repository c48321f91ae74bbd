"""What a session's streams carried, for a client that lost a connection.

Strategy: every message of a stream gets a number, goes into the log of its session and then to the
connection that the stream has just now, if it has one. A client that comes back names the last
event that it got: the new connection takes the stream over, gets what came after that event, and
then whatever follows.
Rules: an event's name is looked up in the log of the session that brings it and nowhere else; it
holds a random part of that log, so a name from before a restart is unknown and not another's.
Track 0 is the session's own stream, each other one the answer to one request. A log gives up its
oldest messages first, all logs together the one that was longest unused; one that nobody uses is
given up in time. Nothing here knows a socket.
"""

import logging
import re
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Final, Protocol, final

import msgspec

from mcpgate.clock import Clock

OVERHEAD_BYTES: Final = 200
"""What keeping a message costs besides its bytes."""
_EVENT: Final = re.compile(r"([0-9a-f]{8})-([0-9]{1,9})-([0-9]{1,15})", re.ASCII)
_OWN: Final = 0
_log = logging.getLogger("mcpgate.sessions")


@final
class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept: in one log, of one message, in all logs, and how long unused."""

    log_bytes: int = 1 << 20
    message_bytes: int = 8 << 20
    total_bytes: int = 64 << 20
    logs: int = 10_000
    unused_ns: int = 600_000_000_000


BOUNDS: Final = Bounds()


class Pipe(Protocol):
    """A connection that a stream can have."""

    def put(self, event: str, message: bytes) -> bool:
        """Send one message, or none, under its name; say False if the connection is over."""
        ...

    def end(self) -> None:
        """End the connection's stream; more than once does nothing."""
        ...


@final
class Track:
    """One stream of a session: numbered messages, and the connection that it has just now.

    Kept are the messages from `floor` + 1 to `last`; up to `sent` some connection was given them.
    """

    __slots__ = ("_name", "_number", "_pipe", "floor", "last", "log", "over", "sent")

    def __init__(self, log: "Log", number: int) -> None:
        """Take the log and the stream's number in it."""
        self.log: Log | None = log
        self._number = number
        self._name = f"{log.nonce}-{number}-"
        self._pipe: Pipe | None = None
        self.floor = self.last = self.sent = 0
        self.over = False

    @property
    def own(self) -> bool:
        """Whether this is the session's own stream and no answer."""
        return self._number == _OWN

    @property
    def number(self) -> int:
        """Which stream of its session this is."""
        return self._number

    @property
    def busy(self) -> bool:
        """Whether somebody reads it or a server works on it."""
        return self._pipe is not None or not (self.own or self.over)

    @property
    def unread(self) -> bool:
        """Whether it goes on, kept for whoever comes back for it."""
        return self._pipe is None and self.log is not None and not self.over

    def name(self, number: int) -> str:
        """Return the name of an event; the one of number 0 comes before all messages."""
        return f"{self._name}{number}"

    def write(self, message: bytes) -> bool:
        """Keep a message and send it on; say False if nobody can ever get it."""
        self.last += 1
        if self.log is not None:
            self.log.keep(self, message)
        else:
            self.floor = self.last
        pipe = self._pipe
        if pipe is None:
            return self.log is not None
        if pipe.put(self.name(self.last), message):
            self.sent = self.last
        else:
            self.detach(pipe)
        return True

    def prime(self) -> None:
        """Tell who reads it where it stands, so that it can come back before any message."""
        if self._pipe is not None:
            self._pipe.put(self.name(self.last), b"")

    def end(self) -> None:
        """Take note that no message will follow."""
        self.over = True
        pipe, self._pipe = self._pipe, None
        if self.log is not None:
            self.log.rest(self)
        if pipe is not None:
            pipe.end()

    def attach(self, pipe: Pipe, after: int) -> None:
        """Let a connection take the stream over, from the message after this one on."""
        older, self._pipe = self._pipe, pipe
        if self.log is not None:
            self.log.touch()
        if older is not None:
            older.end()
        if after < self.floor:
            _log.warning("replay.gap", extra={"messages": self.floor - after})
        for number, message in self._list(after):
            if not pipe.put(self.name(number), message):
                self.detach(pipe)
                return
            self.sent = max(self.sent, number)
        if self.over:
            self._pipe = None
            pipe.end()

    def detach(self, pipe: Pipe) -> None:
        """Do without this connection, unless another one has taken its place."""
        if self._pipe is pipe:
            self._pipe = None
            if self.log is not None:
                self.log.touch()

    def _list(self, after: int) -> list[tuple[int, bytes]]:
        if self.log is None:
            return []
        found = enumerate(self.log.list(self), self.floor + 1)
        return [(number, message) for number, message in found if number > after]


@final
class Log:
    """The streams of one session."""

    __slots__ = ("_entries", "_next", "_replays", "nonce", "session", "size", "tracks", "used_ns")

    def __init__(self, replays: "Replays", session: str, nonce: str) -> None:
        """Take where all logs are, whose this is, and what its events are named by."""
        self._replays = replays
        self._entries: deque[tuple[Track, bytes]] = deque()
        self._next = _OWN
        self.session = session
        self.nonce = nonce
        self.tracks: dict[int, Track] = {}
        self.size = self.used_ns = 0

    @property
    def busy(self) -> bool:
        """Whether any of its streams is in use."""
        return any(track.busy for track in self.tracks.values())

    def open(self) -> Track:
        """Begin the stream that answers one request."""
        self._next += 1
        track = self.tracks[self._next] = Track(self, self._next)
        return track

    def open_own(self) -> Track:
        """Return the session's own stream."""
        track = self.tracks.get(_OWN)
        if track is None:
            track = self.tracks[_OWN] = Track(self, _OWN)
        track.over = False
        return track

    def list(self, track: Track) -> Iterator[bytes]:
        """List what is kept of a stream."""
        return (message for one, message in self._entries if one is track)

    def keep(self, track: Track, message: bytes) -> None:
        """Keep a stream's last message, instead of older ones if need be."""
        bounds = self._replays.bounds
        if len(message) > bounds.message_bytes:
            self._skip(track)
            return
        self._entries.append((track, message))
        self._grow(len(message) + OVERHEAD_BYTES)
        while self.size > bounds.log_bytes and len(self._entries) > 1:
            self._drop()
        self.touch()
        self._replays.shrink()

    def rest(self, track: Track) -> None:
        """Forget an answer that is over and of which nothing is kept."""
        if track.over and not track.own and track.floor == track.last:
            self.tracks.pop(track.number, None)

    def touch(self) -> None:
        """Take note of a use."""
        self._replays.touch(self)

    def close(self) -> None:
        """Let go of everything; streams with a connection go on without a log."""
        self._grow(-self.size)
        self._entries.clear()
        for track in self.tracks.values():
            track.floor = track.last
            track.log = None
        self.tracks.clear()

    def _drop(self) -> None:
        track, message = self._entries.popleft()
        self._grow(-len(message) - OVERHEAD_BYTES)
        track.floor += 1
        self.rest(track)

    def _skip(self, track: Track) -> None:
        """Keep nothing of a stream up to its last message, which is too large."""
        _log.warning("replay.too_large", extra={"session": self.session})
        kept = [entry for entry in self._entries if entry[0] is not track]
        self._grow(-self.size)
        self._entries = deque(kept)
        self._grow(sum(len(message) + OVERHEAD_BYTES for _, message in kept))
        track.floor = track.last

    def _grow(self, size_bytes: int) -> None:
        self.size += size_bytes
        self._replays.size += size_bytes


@final
class Replays:
    """The logs of every session of this worker, the one used last at the end."""

    __slots__ = ("_clock", "_logs", "bounds", "size")

    def __init__(self, clock: Clock, bounds: Bounds = BOUNDS) -> None:
        """Take the clock and how much may be kept."""
        self._clock = clock
        self._logs: OrderedDict[str, Log] = OrderedDict()
        self.bounds = bounds
        self.size = 0

    def __len__(self) -> int:
        return len(self._logs)

    def open(self, session: str) -> Track:
        """Begin the stream that answers one request of a session."""
        return self._find_log(session).open()

    def find(self, session: str, event: str) -> tuple[Track, int] | None:
        """Return the stream that an event is of, and the event's number in it.

        What names no event of an answer means the session's own stream, from what it did not send
        yet. None: the answer is not known any more, or nothing is left of it.
        """
        parts = _EVENT.fullmatch(event)
        nonce, number, after = (parts[1], int(parts[2]), int(parts[3])) if parts else ("", _OWN, 0)
        log = self._logs.get(session)
        if log is not None and log.nonce == nonce:
            track = log.tracks.get(number)
            if track is not None and after <= track.last:
                return None if track.over and after == track.last else (track, after)
        if number != _OWN:
            return None
        own = self._find_log(session).open_own()
        return own, own.sent

    def end_session(self, session: str) -> None:
        """Forget what an ended session was told."""
        log = self._logs.pop(session, None)
        if log is not None:
            log.close()

    def touch(self, log: Log) -> None:
        """Put a log at the end."""
        log.used_ns = self._clock.now()
        if self._logs.get(log.session) is log:
            self._logs.move_to_end(log.session)

    def shrink(self) -> None:
        """Give up the longest unused logs while all together are too large."""
        while self.size > self.bounds.total_bytes:
            self._give_up(next(iter(self._logs.values())))

    def sweep(self) -> None:
        """Give up what was not used for long; the wheel calls it."""
        due = self._clock.now() - self.bounds.unused_ns
        while self._logs:
            log = next(iter(self._logs.values()))
            if log.used_ns > due:
                return
            if log.busy:
                self.touch(log)
            else:
                self.end_session(log.session)

    def _find_log(self, session: str) -> Log:
        log = self._logs.get(session)
        if log is None:
            if len(self._logs) >= self.bounds.logs:
                self._give_up(next(iter(self._logs.values())))
            log = self._logs[session] = Log(self, session, self._clock.random(4).hex())
        self.touch(log)
        return log

    def _give_up(self, log: Log) -> None:
        _log.warning("replay.dropped", extra={"session": log.session, "size_bytes": log.size})
        self.end_session(log.session)
