"""What the head of a request asks for, as the front judged it."""

from typing import final

from mcpgate.gate import Head
from mcpgate.listeners.rsgi import Scope


@final
class Asked:
    """One judged head; the same for every request with the same head."""

    __slots__ = ("head", "length", "modern", "posts", "reason", "scope", "session")

    def __init__(self, scope: Scope) -> None:
        """Take the head; `posts` and the rest are set where it brings a message."""
        self.scope = scope
        self.posts = self.modern = False
        self.reason = ""
        self.length = -1
        self.session: str | None = None
        self.head: Head | None = None
