"""Framing survives whatever a message holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.gate import SseCutter
from mcpgate.listeners.framing import KEEP_ALIVE, OPENING, encode_event, encode_priming


@pytest.mark.requirement("R-SSE")
def test_one_message_is_one_event() -> None:
    assert encode_event(b'{"a":1}') == b'event: message\ndata: {"a":1}\n\n'


@pytest.mark.requirement("R-SSE")
@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_line_breaks_between_tokens_become_data_lines(newline: bytes) -> None:
    framed = encode_event(b'{"a":' + newline + b"1}")
    assert framed == b'event: message\ndata: {"a":\ndata: 1}\n\n'
    assert SseCutter(1000).feed(framed) == [b'{"a":\n1}']


@pytest.mark.requirement("R-SSE")
def test_comments_are_no_events() -> None:
    assert SseCutter(1000).feed(OPENING + KEEP_ALIVE + encode_event(b"{}") + KEEP_ALIVE) == [b"{}"]


@pytest.mark.requirement("R-SSE")
@given(st.lists(st.text(alphabet='{}[]": ,\n1aé', min_size=1).map(str.encode), max_size=5))
def test_round_trip(messages: list[bytes]) -> None:
    stream = b"".join(map(encode_event, messages))
    assert SseCutter(10_000).feed(stream) == messages


@pytest.mark.requirement("R-RESUME")
def test_names_travel_beside_messages() -> None:
    cutter = SseCutter(1000)
    assert cutter.feed(encode_priming("a-1-0")) == []
    assert cutter.last_id == "a-1-0"
    assert cutter.feed(encode_event(b'{\n"a":1}', "a-1-1")) == [b'{\n"a":1}']
    assert cutter.last_id == "a-1-1"
