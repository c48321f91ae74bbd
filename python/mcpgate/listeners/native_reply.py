"""The bytes of reply heads (pure)."""

from functools import lru_cache
from http import HTTPStatus
from typing import Final

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"
CLOSE: Final = b"connection: close\r\n"


@lru_cache(64)
def encode_head(status: int, headers: tuple[tuple[str, str], ...]) -> tuple[bytes, bool]:
    """Return status line and fields, and whether they end the connection."""
    lines = [f"HTTP/1.1 {status} {_find_phrase(status)}"]
    for name, value in headers:
        if not (value.isprintable() and value.isascii()):
            raise ValueError(f"{name}: not visible ASCII")
        lines.append(f"{name}: {value}")
    closing = ("connection", "close") in headers
    return "\r\n".join(lines).encode("ascii") + b"\r\n", closing


def encode_refusal(status: int, body: bytes) -> bytes:
    """Return a whole reply that ends its connection."""
    head, _ = encode_head(status, (("content-type", "application/json"),))
    return b"%bcontent-length: %d\r\n%b\r\n%b" % (head, len(body), CLOSE, body)


def encode_chunk(data: bytes) -> bytes:
    """Frame one piece of a streamed reply."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _find_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
