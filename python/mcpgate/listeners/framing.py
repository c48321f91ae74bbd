"""How messages lie in a text/event-stream (pure)."""

from typing import Final

KEEP_ALIVE: Final = b": keep-alive\n\n"
RETRY_MS: Final = 500
OPENING: Final = b": open\n\n"


def encode_endpoint(address: str) -> bytes:
    """Frame the first event of HTTP+SSE: where the client posts its messages."""
    return b"event: endpoint\ndata: %b\n\n" % address.encode("ascii")


def encode_event(message: bytes, name: str = "") -> bytes:
    """Frame one JSON message as one event; line breaks between its tokens become data lines."""
    if b"\n" in message or b"\r" in message:
        message = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        message = message.replace(b"\n", b"\ndata: ")
    if name:
        return b"event: message\nid: %b\ndata: %b\n\n" % (name.encode("ascii"), message)
    return b"event: message\ndata: " + message + b"\n\n"


def encode_priming(name: str) -> bytes:
    """Frame an event that says nothing but its name, and when to come back to it."""
    return b"id: %b\nretry: %d\ndata: \n\n" % (name.encode("ascii"), RETRY_MS)
