"""A reply kept in memory, for callers that are no HTTP client."""

from collections.abc import Callable
from typing import final


@final
class Collected:
    """Keep the last message of an exchange and count the others."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.session = ""
        self.size_bytes = 0

    def send(self, status: int, body: bytes, session: str = "") -> None:
        """Keep the last message."""
        self.status, self.body, self.session = status, body, session

    def write(self, message: bytes) -> bool:
        """Count what is not the last message."""
        self.size_bytes += len(message)
        return True

    def end(self) -> None:
        """Have no reply."""

    def start(self) -> None:
        """Do nothing: the reply begins with its first message."""

    def rest(self) -> None:
        """Do nothing: the stream goes on."""

    def watch(self, gone: Callable[[], None]) -> None:
        """Stay, whatever would be called for leaving."""
        del gone

    def unwatch(self) -> None:
        """Stay."""
