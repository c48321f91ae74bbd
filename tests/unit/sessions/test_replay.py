"""What a session was told can be told again, once, in order, within bounds."""

import pytest

from mcpgate.sessions.replay import OVERHEAD_BYTES, Bounds, Replays, Track
from tests.support.replays import KeptPipe, TickingClock

pytestmark = pytest.mark.requirement("R-RESUME")

SMALL = Bounds(log_bytes=1000, message_bytes=2000, total_bytes=3000, logs=3, unused_ns=100)


def open_track(replays: Replays, session: str = "s") -> tuple[Track, KeptPipe]:
    track, pipe = replays.open(session), KeptPipe()
    track.attach(pipe, 0)
    return track, pipe


def test_a_stream_goes_on_where_its_client_was() -> None:
    replays = Replays(TickingClock())
    track, first = open_track(replays)
    for message in (b"1", b"2", b"3"):
        track.write(message)
    track.detach(first)
    track.write(b"4")
    found = replays.find("s", first.events[0][0])
    assert found == (track, 1)
    second = KeptPipe()
    track.attach(second, 1)
    track.write(b"5")
    track.end()
    assert second.messages == [b"2", b"3", b"4", b"5"]
    assert (first.messages, first.ended, second.ended) == ([b"1", b"2", b"3"], 0, 1)
    assert len({name for name, _ in first.events + second.events}) == 5


def test_streams_of_a_session_do_not_mix() -> None:
    replays = Replays(TickingClock())
    pairs = [open_track(replays) for _ in range(3)]
    for round_ in range(3):
        for number, (track, _) in enumerate(pairs):
            track.write(b"%d.%d" % (number, round_))
    names = [name for _, pipe in pairs for name, _ in pipe.events]
    assert len(set(names)) == 9
    for number, (track, pipe) in enumerate(pairs):
        assert replays.find("s", pipe.events[0][0]) == (track, 1)
        again = KeptPipe()
        track.attach(again, 1)
        assert again.messages == [b"%d.1" % number, b"%d.2" % number]


def test_a_finished_answer_is_kept_until_it_was_read() -> None:
    replays = Replays(TickingClock())
    track, pipe = open_track(replays)
    track.detach(pipe)
    track.write(b"reply")
    track.end()
    again = KeptPipe()
    found = replays.find("s", track.name(0))
    assert found is not None
    found[0].attach(again, found[1])
    assert (again.messages, again.ended) == ([b"reply"], 1)
    assert replays.find("s", track.name(0)) is not None  # that connection may be lost too
    assert replays.find("s", track.name(1)) is None


def test_a_later_reader_takes_over() -> None:
    replays = Replays(TickingClock())
    track, older = open_track(replays)
    newer = KeptPipe()
    track.attach(newer, 0)
    track.detach(older)
    track.write(b"1")
    assert (older.ended, older.messages, newer.messages) == (1, [], [b"1"])


def test_a_connection_that_takes_no_more_loses_nothing() -> None:
    replays = Replays(TickingClock())
    track = replays.open("s")
    track.attach(KeptPipe(room=1), 0)
    assert [track.write(b"1"), track.write(b"2"), track.write(b"3")] == [True] * 3
    narrow, wide = KeptPipe(room=1), KeptPipe()
    track.attach(narrow, 1)
    track.attach(wide, 2)
    assert (narrow.messages, wide.messages) == ([b"2"], [b"3"])


@pytest.mark.parametrize("event", ["", "x", "1-2-3", "00000001-0-99", "00000001-0-1 ", "-" * 99])
def test_what_names_no_answer_is_the_session_s_own_stream(event: str) -> None:
    replays = Replays(TickingClock())
    open_track(replays)
    found = replays.find("s", event)
    assert found is not None
    assert (found[0].own, found[1]) == (True, 0)


@pytest.mark.parametrize("event", ["00000001-1-99", "00000001-2-0", "00000002-1-0"])
def test_an_answer_that_is_not_known_is_not_made_up(event: str) -> None:
    replays = Replays(TickingClock())
    open_track(replays)
    assert replays.find("s", event) is None


def test_own_stream_goes_on_with_what_nobody_was_sent() -> None:
    replays = Replays(TickingClock())
    own, after = replays.find("s", "") or pytest.fail("no own stream")
    first, second, third = KeptPipe(), KeptPipe(), KeptPipe()
    own.attach(first, after)
    own.prime()
    own.write(b"1")
    own.detach(first)
    own.write(b"2")
    own.attach(second, (replays.find("s", "") or pytest.fail("no own stream"))[1])
    assert second.messages == [b"2"]
    own.attach(third, (replays.find("s", first.events[0][0]) or pytest.fail("unknown"))[1])
    assert (first.messages, third.messages) == ([b"", b"1"], [b"1", b"2"])
    assert own.unread is False


def test_names_are_worth_nothing_to_others() -> None:
    replays = Replays(TickingClock())
    mine, pipe = open_track(replays, "mine")
    other, _ = open_track(replays, "other")
    mine.write(b"secret")
    name = pipe.events[0][0]
    assert replays.find("other", name) is None
    assert replays.find("nobody", name) is None
    assert (replays.find("mine", name), other.last) == ((mine, 1), 0)


def test_an_ended_session_is_forgotten() -> None:
    replays = Replays(TickingClock())
    track, pipe = open_track(replays)
    track.write(b"1")
    replays.end_session("s")
    assert (len(replays), replays.size) == (0, 0)
    assert replays.find("s", track.name(0)) is None
    assert track.write(b"2")  # who is still connected gets the rest
    track.detach(pipe)
    assert not track.write(b"3")
    assert pipe.messages == [b"1", b"2"]
    replays.end_session("s")


def test_oldest_messages_go_first_and_the_rest_still_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    replays = Replays(TickingClock(), SMALL)
    track, pipe = open_track(replays)
    track.detach(pipe)
    for number in range(10):
        track.write(b"%d" % number)
    assert replays.size <= SMALL.log_bytes
    again = KeptPipe()
    track.attach(again, 0)
    assert again.messages == [b"6", b"7", b"8", b"9"]
    assert "replay.gap" in caplog.text


def test_a_reply_larger_than_the_log_is_kept_alone() -> None:
    replays = Replays(TickingClock(), SMALL)
    track, pipe = open_track(replays)
    track.write(b"small")
    track.detach(pipe)
    track.write(b"x" * 1500)
    again = KeptPipe()
    track.attach(again, 1)
    assert again.messages == [b"x" * 1500]
    track.write(b"y" * 2001)
    assert replays.size == 0
    assert again.messages[-1] == b"y" * 2001
    assert (track.floor, track.last) == (3, 3)


def test_a_too_large_reply_that_nobody_waits_for_is_gone() -> None:
    replays = Replays(TickingClock(), SMALL)
    other, _ = open_track(replays)
    other.write(b"kept")
    track, pipe = open_track(replays)
    track.detach(pipe)
    track.write(b"1")
    track.write(b"y" * 2001)
    track.end()
    assert replays.find("s", track.name(0)) is None
    assert replays.size == len(b"kept") + OVERHEAD_BYTES


def test_the_log_longest_unused_goes_first() -> None:
    replays = Replays(TickingClock(), SMALL)
    tracks = {name: open_track(replays, name)[0] for name in "abc"}
    for name in "abca":
        tracks[name].write(b"x" * 700)
    assert replays.size <= SMALL.total_bytes
    tracks["c"].write(b"x" * 1999)
    assert replays.find("b", tracks["b"].name(0)) is None
    assert replays.find("a", tracks["a"].name(1)) is None
    assert replays.find("c", tracks["c"].name(1)) == (tracks["c"], 1)


def test_number_of_logs_is_bounded() -> None:
    replays = Replays(TickingClock(), SMALL)
    for number in range(9):
        replays.open(f"s{number}").write(b"")
    assert len(replays) == SMALL.logs


def test_unused_logs_are_given_up_in_time() -> None:
    clock = TickingClock()
    replays = Replays(clock, SMALL)
    done, pipe = open_track(replays, "done")
    done.write(b"1")
    done.end()
    open_, other = open_track(replays, "open")
    open_.detach(other)
    clock.at = 100
    replays.sweep()
    assert len(replays) == 1
    assert replays.find("open", open_.name(0)) == (open_, 0)
    clock.at = 300
    open_.end()
    replays.sweep()
    assert (len(replays), replays.size, pipe.ended) == (0, 0, 1)
