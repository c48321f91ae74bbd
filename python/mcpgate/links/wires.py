"""What carries the messages of a link over one wire, and who hears them."""

from typing import Final, Protocol

from mcpgate.errors import LinkFault

UNREAD: Final = "the server does not read what it is sent"


class Hearer(Protocol):
    """Who hears what comes over a wire."""

    def take_message(self, message: bytes) -> None:
        """Take one message."""
        ...

    def take_overlong(self, ends: bytes) -> None:
        """Take the beginning and the end of a message that was too long."""
        ...

    def take_foreign(self, message: bytes) -> None:
        """Take what came in a form that no message has."""
        ...

    def refuse(self, upstream_id: int, reason: str, text: str) -> None:
        """End one call."""
        ...

    def take_end(self, text: str) -> None:
        """Take note that the wire is of no more use."""
        ...


class Wire(Protocol):
    """What carries messages to one server and back."""

    async def start(self, hearer: Hearer, /) -> None:
        """Reach the server; raise LinkFault."""
        ...

    @property
    def ended(self) -> bool:
        """Whether nothing can be sent any more, also before the hearer was told why."""
        ...

    def settle(self, revision: str, /) -> None:
        """Take note of the revision that is spoken."""
        ...

    def write(self, body: bytes, upstream_id: int | None, /) -> LinkFault | None:
        """Send a message, a request with its id; a fault means that it was surely not sent."""
        ...

    async def deliver(self, body: bytes, /) -> None:
        """Send a message that must arrive before any later one; raise LinkFault.

        As it is here for a wire that keeps the order in which it is written to.
        """
        fault = self.write(body, None)
        if fault is not None:
            raise fault

    def is_unsent(self, upstream_id: int, /) -> bool:
        """Say whether the server surely did not see this request."""
        ...

    def withdraw(self, upstream_id: int, /) -> None:
        """Do not send a request that is still unsent."""
        ...

    async def close(self) -> None:
        """Leave the server."""
        ...


def check_unread(unwritten: int, body: bytes, write_bytes: int) -> LinkFault | None:
    """Refuse a message that has to wait behind too much; alone it may have any size."""
    if unwritten and unwritten + len(body) > write_bytes:
        return LinkFault("unavailable", UNREAD)
    return None
