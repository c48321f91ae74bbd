"""What fake links share: what they were told that clients want to hear of."""

import asyncio


class Wished:
    """Keep the wishes, and grant each at once."""

    def __init__(self) -> None:
        self.levels: list[int] = []
        self.watched: frozenset[str] = frozenset()

    def set_level(self, level: int) -> asyncio.Future[None] | None:
        self.levels.append(level)
        return None

    def watch(self, uris: frozenset[str]) -> None:
        self.watched = uris

    async def wait_listening(self) -> None:
        """Listen at once."""
