"""What the head of a request asks for, as the front judged it."""

from collections.abc import Callable
from typing import final

from mcpgate.gate import Head
from mcpgate.listeners.rsgi import Scope
from mcpgate.listeners.websocket import WebSocketConnection


@final
class Asked:
    """One judged head; the same for every request with the same head."""

    __slots__ = (
        "head",
        "length",
        "modern",
        "posts",
        "reason",
        "scope",
        "session",
        "streams",
        "switch",
        "text",
    )

    def __init__(self, scope: Scope) -> None:
        """Take the head; `posts` and the rest are set where it brings a message.

        `switch` is set where it may become a WebSocket, which it makes unless there are too many;
        `text` where a refusal has something to add to its reason.
        """
        self.scope = scope
        self.posts = self.modern = self.streams = False
        self.reason = self.text = ""
        self.length = -1
        self.session: str | None = None
        self.head: Head | None = None
        self.switch: Callable[[], WebSocketConnection | None] | None = None
