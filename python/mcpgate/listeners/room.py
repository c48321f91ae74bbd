"""The conversations of one listener, and what they share."""

import asyncio
from typing import Final, Protocol, final

from mcpgate.gate import Head
from mcpgate.listeners.parts import ANONYMOUS, Parts

CONVERSATIONS: Final = 5_000


class Guest(Protocol):
    """One conversation, as its room knows it."""

    def retire(self) -> None:
        """Take no more, and end once what is in work has been answered."""
        ...

    def abort(self) -> None:
        """End at once, whatever is in work."""
        ...


@final
class Room:
    """Keep the conversations of one listener and name their spaces of ids."""

    __slots__ = (
        "_count",
        "_guests",
        "_limit",
        "_name",
        "_retired",
        "_vacant",
        "legacy",
        "message_bytes",
        "modern",
        "no_head",
        "parts",
    )

    def __init__(
        self, parts: Parts, name: str, message_bytes: int, limit: int = CONVERSATIONS
    ) -> None:
        """Take the shared parts, a name that no other room has, and what is the most."""
        self.parts = parts
        self.message_bytes = message_bytes
        self.modern = parts.gate.new_caller(ANONYMOUS, modern=True)
        self.legacy = parts.gate.new_caller(ANONYMOUS, modern=False)
        self.no_head = Head(None, None, None, None, False)
        self._name = name
        self._limit = limit
        self._guests: dict[Guest, None] = {}
        self._vacant: asyncio.Future[None] | None = None
        self._count = 0
        self._retired = False

    def __len__(self) -> int:
        return len(self._guests)

    def add(self, guest: Guest) -> str:
        """Keep a conversation and name its space of ids; empty if there are too many."""
        if len(self._guests) >= self._limit or self._retired:
            return ""
        self._guests[guest] = None
        self._count += 1
        return f"{self._name}/{self._count}"

    def discard(self, guest: Guest) -> None:
        """Forget a conversation that is over."""
        self._guests.pop(guest, None)
        if not self._guests and self._vacant is not None and not self._vacant.done():
            self._vacant.set_result(None)

    def retire(self) -> None:
        """Take no more conversations and messages; what is in work is answered."""
        self._retired = True
        for guest in list(self._guests):
            guest.retire()

    def abort(self) -> None:
        """End every conversation at once."""
        for guest in list(self._guests):
            guest.abort()

    async def wait_vacant(self, within_s: float) -> bool:
        """Wait until every conversation is over; say False if some are not in time."""
        if self._guests:
            self._vacant = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._vacant}, timeout=within_s)
        return not self._guests
