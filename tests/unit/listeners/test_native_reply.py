"""The bytes of reply heads."""

import pytest

from mcpgate.listeners.native_reply import encode_chunk, encode_head, encode_refusal


@pytest.mark.requirement("R-STATUS")
def test_head() -> None:
    assert encode_head(200, (("a", "b"),)) == (b"HTTP/1.1 200 OK\r\na: b\r\n", False)
    assert encode_head(299, (("connection", "close"),)) == (
        b"HTTP/1.1 299 Unknown\r\nconnection: close\r\n",
        True,
    )


@pytest.mark.requirement("R-HEADERS")
@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "\0", "caf\xe9"])
def test_nothing_is_smuggled_into_a_reply(value: str) -> None:
    with pytest.raises(ValueError, match="x-a"):
        encode_head(200, (("x-a", value),))


@pytest.mark.requirement("R-STATUS")
def test_refusal_and_chunk() -> None:
    refusal = (
        b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 2\r\n"
        b"connection: close\r\n\r\n{}"
    )
    assert encode_refusal(400, b"{}") == refusal
    assert encode_chunk(b"x" * 31) == b"1f\r\n" + b"x" * 31 + b"\r\n"
