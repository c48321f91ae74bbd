"""What legacy clients were asked on behalf of servers, until they answer.

Rules: an answer counts only from the session that was asked, and only once; who asked is told, and
forgets what it asked when it ends.
"""

from typing import Protocol, final

from mcpgate.gate import Answer, Ask


class Asker(Protocol):
    """Who waits for an answer."""

    def answer(self, ask: Ask, answer: Answer) -> None:
        """Take an answer."""
        ...


@final
class Asks:
    """Every open question of this worker."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[tuple[str, bytes], tuple[Asker, Ask]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, session: str, ask: Ask, asker: Asker) -> None:
        """Keep a question."""
        self._open[session, ask.id] = (asker, ask)

    def discard(self, session: str, ask: Ask) -> None:
        """Forget a question; an unknown one is ignored."""
        self._open.pop((session, ask.id), None)

    def answer(self, session: str, answer: Answer) -> bool:
        """Hand an answer on; say False if nothing of this session waits for it."""
        found = self._open.pop((session, answer.key), None) if session else None
        if found is None:
            return False
        asker, ask = found
        asker.answer(ask, answer)
        return True
