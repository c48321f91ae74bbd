"""Chunked bodies are cut out of any pieces, and nothing behind them is read."""

import pytest

from mcpgate.listeners.native_chunks import SPARE_BYTES, Chunks

BODY = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-t: u\r\n\r\n"


@pytest.mark.requirement("R-STRICT")
@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_any_pieces(size: int) -> None:
    chunks, found = Chunks(), b""
    for at in range(0, len(BODY), size):
        assert not chunks.complete
        found += b"".join(chunks.feed(BODY[at : at + size]))
    assert (found, chunks.complete, chunks.surplus) == (b"abcde", True, False)


@pytest.mark.requirement("R-STRICT")
@pytest.mark.parametrize("more", [b"G", b"GET / HTTP/1.1\r\n\r\n", b"\0", b"POST / HTTP/1.1\r\n"])
def test_what_follows_is_noted_and_not_read(more: bytes) -> None:
    chunks = Chunks()
    assert b"".join(chunks.feed(BODY + more)) == b"abcde"
    assert (chunks.complete, chunks.surplus) == (True, True)
    with pytest.raises(ValueError, match="after the last"):
        chunks.feed(b"x")


@pytest.mark.requirement("R-STRICT")
@pytest.mark.parametrize(
    "text", [b"x", b"3\nabc", b"3\r\nabcd", b"3\r\nabc\n", b"-1\r\n", b"1" * 17 + b"\r\n", b"\r\n"]
)
def test_broken_framing(text: bytes) -> None:
    with pytest.raises(ValueError, match="a chunk"):
        Chunks().feed(text)


@pytest.mark.requirement("R-STRICT")
@pytest.mark.parametrize(
    "text", [b"1;" + b"a" * SPARE_BYTES, b"1\r\nx\r\n0\r\nx: " + b"a" * 70_000]
)
def test_framing_may_not_outweigh_the_body(text: bytes) -> None:
    with pytest.raises(ValueError, match="next to nothing"):
        Chunks().feed(text)


@pytest.mark.requirement("R-STRICT")
def test_small_chunks_are_allowed() -> None:
    chunks = Chunks()
    assert b"".join(chunks.feed(b"1\r\nx\r\n" * 100_000)) == b"x" * 100_000
