"""Who is told what, and when a stream ends."""

import pytest

from mcpgate.gate import LISTS, PROMPTS, RESOURCES, TOOLS
from mcpgate.sessions.streams import Follower, Streams


class FakePipe:
    """Keep what is written."""

    def __init__(self, room: int = 100) -> None:
        self.room = room
        self.messages: list[bytes] = []
        self.ended = 0

    def write(self, message: bytes) -> bool:
        if len(self.messages) >= self.room:
            return False
        self.messages.append(message)
        return True

    def end(self) -> None:
        self.ended += 1


def follow(
    streams: Streams, bits: int = LISTS, session: str = "", subscription: bytes = b"", room: int = 9
) -> FakePipe:
    pipe = FakePipe(room)
    streams.add(Follower(pipe, bits, session=session, subscription=subscription))
    return pipe


@pytest.mark.requirement("R-CHANGED")
def test_only_followed_lists_are_told() -> None:
    streams = Streams()
    tools = follow(streams, TOOLS, subscription=b"1")
    nothing = follow(streams, 0, subscription=b"2")
    everything = follow(streams, session="s")
    streams.announce(TOOLS | RESOURCES)
    assert len(tools.messages) == 1
    assert nothing.messages == []
    assert [b"tools" in everything.messages[0], b"resources" in everything.messages[1]] == [
        True
    ] * 2
    streams.announce(PROMPTS)
    assert len(tools.messages) == 1


@pytest.mark.requirement("R-SESSION")
def test_newer_stream_of_a_session_replaces_the_older() -> None:
    streams = Streams()
    older, newer = follow(streams, session="s"), follow(streams, session="s")
    assert (older.ended, newer.ended, len(streams)) == (1, 0, 1)
    streams.announce(TOOLS)
    assert (older.messages, len(newer.messages)) == ([], 1)


@pytest.mark.requirement("R-SESSION")
def test_leaving_of_a_replaced_stream_keeps_the_newer() -> None:
    streams = Streams()
    pipes = [FakePipe(), FakePipe()]
    followers = [Follower(pipe, LISTS, session="s", subscription=b"") for pipe in pipes]
    for follower in followers:
        streams.add(follower)
    streams.discard(followers[0])
    streams.announce(TOOLS)
    assert len(pipes[1].messages) == 1
    streams.discard(followers[1])
    assert len(streams) == 0


@pytest.mark.requirement("R-SESSION")
def test_end_of_a_session_ends_its_stream() -> None:
    streams = Streams()
    mine, other = follow(streams, session="s"), follow(streams, session="t")
    streams.end_session("s")
    streams.end_session("unknown")
    assert (mine.ended, other.ended, len(streams)) == (1, 0, 1)


@pytest.mark.requirement("R-CHANGED")
def test_stream_that_takes_no_more_is_forgotten() -> None:
    streams = Streams()
    follow(streams, room=1)
    streams.announce(LISTS)
    assert len(streams) == 0


@pytest.mark.requirement("R-CHANGED")
def test_number_of_streams_is_bounded() -> None:
    streams = Streams(limit=2)
    follow(streams)
    assert streams.refuses() == ""
    follow(streams)
    assert streams.refuses() == "overloaded"


@pytest.mark.requirement("R-RUN")
def test_drain_ends_every_stream_in_its_own_way() -> None:
    streams = Streams()
    legacy, modern = follow(streams, session="s"), follow(streams, subscription=b"7")
    streams.drain()
    assert (legacy.messages, legacy.ended) == ([], 1)
    assert (len(modern.messages), modern.ended) == (1, 1)
    assert b'"id":7' in modern.messages[0]
    assert (streams.refuses(), len(streams)) == ("draining", 0)


@pytest.mark.requirement("R-RESUME")
def test_resting_stream_is_told_and_takes_nobody_s_place() -> None:
    streams = Streams(limit=1)
    pipe = FakePipe()
    first = Follower(pipe, LISTS, session="s", subscription=b"")
    streams.add(first)
    streams.rest(first)
    assert (len(streams), streams.refuses()) == (0, "")
    streams.announce(TOOLS)
    assert len(pipe.messages) == 1
    streams.add(Follower(pipe, LISTS, session="s", subscription=b""))
    streams.announce(TOOLS)
    assert (len(pipe.messages), pipe.ended, len(streams)) == (2, 0, 1)
    streams.rest(first)  # another has its place
    assert len(streams) == 1


@pytest.mark.requirement("R-RESUME")
def test_number_of_resting_streams_is_bounded() -> None:
    streams = Streams(limit=2)
    pipes = [FakePipe() for _ in range(4)]
    for number, pipe in enumerate(pipes):
        follower = Follower(pipe, LISTS, session=f"s{number}", subscription=b"")
        streams.add(follower)
        streams.rest(follower)
    streams.announce(TOOLS)
    assert [len(pipe.messages) for pipe in pipes] == [0, 0, 1, 1]
    streams.end_session("s3")
    streams.drain()
    assert [pipe.ended for pipe in pipes] == [0, 0, 1, 1]
