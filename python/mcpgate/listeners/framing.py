"""How messages lie in a text/event-stream (pure)."""

from typing import Final

KEEP_ALIVE: Final = b": keep-alive\n\n"
OPENING: Final = b": open\n\n"


def encode_event(message: bytes) -> bytes:
    """Frame one JSON message as one event; line breaks between its tokens become data lines."""
    if b"\n" in message or b"\r" in message:
        message = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        message = message.replace(b"\n", b"\ndata: ")
    return b"event: message\ndata: " + message + b"\n\n"
