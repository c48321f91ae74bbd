"""The transports that one listener carries, and what lasts longer than a request on them."""

from collections.abc import Callable
from typing import Final, final

from mcpgate.config.model import Listener
from mcpgate.listeners.parts import Parts
from mcpgate.listeners.room import Room
from mcpgate.listeners.sse import SseRoom

_NOT_LISTED: Final = "This listener has no WebSocket; list websocket under its transports."
_NOT_GRANIAN: Final = (
    "A listener of kind granian has no WebSocket; its operator can give it kind: native."
)


@final
class Transports:
    """What the fronts of one listener share: there is a new front for each certificate.

    `no_websocket` says why there is none, and is empty if there is.
    """

    __slots__ = ("http", "no_websocket", "path", "room", "sse")

    def __init__(self, listener: Listener, parts: Parts, random: Callable[[int], bytes]) -> None:
        """Take the listener, the shared parts and what draws ids."""
        listed = listener.transports
        native = listener.kind == "native"
        self.path = listener.path
        self.room = Room(parts, listener.name, parts.bodies.limit_bytes)
        self.http = listed is None or "http" in listed
        self.sse = None
        if listed is None or "sse" in listed:
            self.sse = SseRoom(self.room, listener.path, random, unread_is_bounded=native)
        self.no_websocket = ""
        if listed is not None and "websocket" not in listed:
            self.no_websocket = _NOT_LISTED
        elif not native:
            self.no_websocket = _NOT_GRANIAN
