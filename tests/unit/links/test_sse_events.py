"""Events off a shared stream: names, ends of lines split anywhere, and what is too long."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.gate import SseCutter
from mcpgate.links.sse_events import KEPT_BYTES, SLACK, Event, EventReader

PIECES = (
    *("data: ", "data", "id: ", "event: ping", "event: endpoint", "event: message", "retry: 12"),
    *("\r\n", "\n", "\r", "\ufeff", ": note", "abc", " ü", "{}", ":"),
)
STREAMS = st.lists(st.sampled_from(PIECES), max_size=40).map(
    lambda pieces: "".join(pieces).encode()
)
CUTS = st.lists(st.integers(0, 200), max_size=12)


def split(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    return [stream[start:end] for start, end in pairwise(places)]


def read(limit: int, chunks: list[bytes]) -> tuple[list[Event], list[bytes]]:
    reader = EventReader(limit)
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    return events, reader.take_overlong()


@pytest.mark.requirement("R-LINK-SSE")
def test_events_have_names_and_joined_data() -> None:
    stream = (
        b"\xef\xbb\xbf: comment\r\nretry: 5\r\nid: 7\r\nevent: endpoint\r\ndata: /m?s=1\r\n\r\n"
        b"data: one\rdata:two\r\rdata\n\nevent: ping\ndata: x\n\ndata: unfinished\n"
    )
    assert read(100, [stream]) == (
        [("endpoint", b"/m?s=1"), ("message", b"one\ntwo"), ("ping", b"x")],
        [],
    )


@pytest.mark.requirement("R-LINK-SSE")
@given(STREAMS, CUTS)
def test_where_a_stream_is_cut_does_not_matter(stream: bytes, cuts: list[int]) -> None:
    whole = read(10_000, [stream])
    assert read(10_000, split(stream, cuts)) == whole
    assert read(10_000, [stream[at : at + 1] for at in range(len(stream))]) == whole


@pytest.mark.requirement("R-LINK-SSE")
@given(STREAMS, CUTS)
def test_messages_are_those_of_the_cutter_of_one_call(stream: bytes, cuts: list[int]) -> None:
    cutter = SseCutter(10_000)
    events, _ = read(10_000, split(stream, cuts))
    assert [data for name, data in events if name == "message"] == cutter.feed(stream)


@pytest.mark.requirement("R-LINK-SSE")
@given(st.lists(st.integers(0, 400), min_size=1, max_size=8), CUTS, st.sampled_from(["\n", "\r\n"]))
def test_only_what_is_too_long_is_left_out(sizes: list[int], cuts: list[int], end: str) -> None:
    limit = 100
    texts = [f'{{"id":{at},"result":"{"x" * size}"}}' for at, size in enumerate(sizes)]
    stream = "".join(f"data: {text}{end}{end}" for text in texts).encode()
    events, overlong = read(limit, split(stream, cuts))
    longest = limit + SLACK
    fitting = [text.encode() for text in texts if len(text) <= limit]
    assert [data for _, data in events] == fitting
    assert len(overlong) == len(texts) - len(fitting)
    for text in (text.encode() for text in texts if len(text) > longest + 2 * KEPT_BYTES):
        assert any(ends == text[:KEPT_BYTES] + text[-KEPT_BYTES:] for ends in overlong)


@pytest.mark.requirement("R-LINK-SSE")
def test_many_lines_of_one_event_count_together() -> None:
    reader = EventReader(10)
    assert reader.feed(b"data: 12345\ndata: 67890\ndata: 1\n\ndata: next\n\n") == [
        ("message", b"next")
    ]
    assert len(reader.take_overlong()) == 1
    assert reader.take_overlong() == []
