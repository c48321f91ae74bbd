"""Logs of sessions against a plain model: nothing missed, nothing twice, bounds hold."""

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mcpgate.sessions.replay import OVERHEAD_BYTES, Bounds, Replays, Track
from tests.support.replays import KeptPipe, TickingClock

BOUNDS = Bounds(log_bytes=1000, message_bytes=1500, total_bytes=2400, logs=3, unused_ns=50)
SESSIONS = st.sampled_from("abcd")
PICK = st.integers(0, 1000)


@dataclass
class Stream:
    """One stream, all that was ever written on it, and what its client has read."""

    session: str
    track: Track
    written: list[bytes] = field(default_factory=list)
    pipe: KeptPipe | None = None
    taken: int = 0
    """How many events of the pipe the client has read."""
    at: int = 0
    """The number of the last message that it has read."""
    over: bool = False
    logged: bool = True


@dataclass
class Entry:
    """One message as the model keeps it."""

    stream: Stream
    number: int
    size: int


class ReplayMachine(RuleBasedStateMachine):
    """Some sessions, their streams, and clients whose connections break."""

    def __init__(self) -> None:
        super().__init__()
        self._clock = TickingClock()
        self._replays = Replays(self._clock, BOUNDS)
        self._streams: list[Stream] = []
        self._kept: dict[str, list[Entry]] = {}
        """By session, the longest unused first."""
        self._used: dict[str, int] = {}

    # The model.

    def _use(self, session: str) -> None:
        if session not in self._kept and len(self._kept) >= BOUNDS.logs:
            self._forget(next(iter(self._kept)))
        self._kept[session] = self._kept.pop(session, [])
        self._used[session] = self._clock.at

    def _forget(self, session: str) -> None:
        del self._kept[session], self._used[session]
        for stream in self._streams:
            if stream.session == session:
                stream.logged = False

    def _total(self) -> int:
        return sum(entry.size for kept in self._kept.values() for entry in kept)

    def _keep(self, stream: Stream, message: bytes) -> None:
        kept = self._kept[stream.session]
        if len(message) > BOUNDS.message_bytes:
            kept[:] = [entry for entry in kept if entry.stream is not stream]
            return
        kept.append(Entry(stream, len(stream.written), len(message) + OVERHEAD_BYTES))
        while sum(entry.size for entry in kept) > BOUNDS.log_bytes and len(kept) > 1:
            kept.pop(0)
        self._use(stream.session)
        while self._total() > BOUNDS.total_bytes:
            self._forget(next(iter(self._kept)))

    def _following(self, stream: Stream, after: int) -> list[bytes]:
        return [
            stream.written[entry.number - 1]
            for entry in self._kept[stream.session]
            if entry.stream is stream and entry.number > after
        ]

    def _pick(self, number: int) -> Stream:
        return self._streams[number % len(self._streams)]

    # What happens.

    @rule(session=SESSIONS)
    def open(self, session: str) -> None:
        self._use(session)
        stream = Stream(session, self._replays.open(session), pipe=KeptPipe())
        self._streams.append(stream)
        assert stream.pipe is not None
        stream.track.attach(stream.pipe, 0)

    @precondition(lambda self: self._streams)
    @rule(pick=PICK, size=st.sampled_from([0, 1, 100, 500, 900, 1400, 1600]))
    def write(self, pick: int, size: int) -> None:
        stream = self._pick(pick)
        if stream.over:
            return
        message = b"%d:" % len(stream.written) + b"x" * size
        stream.written.append(message)
        if stream.logged:
            self._keep(stream, message)
        stream.track.write(message)

    @precondition(lambda self: self._streams)
    @rule(pick=PICK)
    def finish(self, pick: int) -> None:
        stream = self._pick(pick)
        if not stream.over:
            stream.over = True
            stream.track.end()

    @precondition(lambda self: self._streams)
    @rule(pick=PICK, count=st.integers(1, 3))
    def read(self, pick: int, count: int) -> None:
        stream = self._pick(pick)
        if stream.pipe is None:
            return
        for name, message in stream.pipe.events[stream.taken : stream.taken + count]:
            stream.taken += 1
            number = int(name.rsplit("-")[-1])
            assert number > stream.at, "twice, or in the wrong order"
            assert stream.written[number - 1] == message
            stream.at = number

    @precondition(lambda self: self._streams)
    @rule(pick=PICK)
    def lose(self, pick: int) -> None:
        stream = self._pick(pick)
        if stream.pipe is None:
            return
        if stream.logged and not stream.over:
            self._use(stream.session)
        stream.track.detach(stream.pipe)
        stream.pipe = None

    @precondition(lambda self: self._streams)
    @rule(pick=PICK)
    def resume(self, pick: int) -> None:
        """Come back for a stream, whether or not it has a connection."""
        stream = self._pick(pick)
        found = self._replays.find(stream.session, stream.track.name(stream.at))
        expected = self._following(stream, stream.at) if stream.logged else []
        if not stream.logged or (stream.over and not expected):
            assert found is None
            return
        assert found == (stream.track, stream.at)
        self._use(stream.session)
        older, stream.pipe, stream.taken = stream.pipe, KeptPipe(), 0
        stream.track.attach(stream.pipe, stream.at)
        assert stream.pipe.messages == expected
        assert stream.pipe.ended == stream.over
        if older is not None and not stream.over:
            assert older.ended

    @precondition(lambda self: self._streams)
    @rule(pick=PICK, session=SESSIONS)
    def steal(self, pick: int, session: str) -> None:
        stream = self._pick(pick)
        if session != stream.session:
            assert self._replays.find(session, stream.track.name(stream.at)) is None

    @rule(session=SESSIONS)
    def end_session(self, session: str) -> None:
        self._replays.end_session(session)
        if session in self._kept:
            self._forget(session)

    @rule(passed=st.integers(1, 60))
    def wait(self, passed: int) -> None:
        self._clock.at += passed
        self._replays.sweep()
        for session in list(self._kept):
            if self._clock.at - self._used[session] < BOUNDS.unused_ns:
                break
            mine = [each for each in self._streams if each.session == session and each.logged]
            if any(not stream.over for stream in mine):
                self._use(session)
            else:
                self._forget(session)

    @invariant()
    def bounds_hold(self) -> None:
        assert self._replays.size == self._total() <= BOUNDS.total_bytes
        assert len(self._replays) == len(self._kept) <= BOUNDS.logs
        for stream in self._streams:
            if stream.pipe is not None and not stream.pipe.ended:
                assert stream.pipe.messages[-1:] in ([], stream.written[-1:])


TestReplays = pytest.mark.requirement("R-RESUME")(ReplayMachine.TestCase)
TestReplays.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
