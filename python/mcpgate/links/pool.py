"""Which servers have a live link: filled by whoever keeps links, read on the path."""

import asyncio
from typing import Final, final

from mcpgate.model import Link

SHARED: Final = "shared"
CLOSE_S: Final = 10.0


@final
class Pool:
    """The live links, by server and by who shares them."""

    __slots__ = ("_links",)

    def __init__(self) -> None:
        self._links: dict[tuple[str, str], Link] = {}

    def find(self, server: str, isolation: str = SHARED) -> Link | None:
        """Return the server's live link, or None while it is down."""
        return self._links.get((server, isolation))

    def put(self, server: str, link: Link, isolation: str = SHARED) -> Link | None:
        """Make a link the server's live one; return the one it replaces, for its closing."""
        replaced = self._links.get((server, isolation))
        self._links[server, isolation] = link
        return replaced if replaced is not link else None

    def remove(self, server: str, link: Link, isolation: str = SHARED) -> bool:
        """Take a link out, unless another has replaced it."""
        if self._links.get((server, isolation)) is not link:
            return False
        del self._links[server, isolation]
        return True

    async def close(self, deadline_s: float = CLOSE_S) -> list[str]:
        """Close every link side by side; return the servers whose links did not end in time."""
        links, self._links = self._links, {}
        if not links:
            return []
        tasks = {asyncio.ensure_future(link.close()): key[0] for key, link in links.items()}
        _, late = await asyncio.wait(tasks, timeout=deadline_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        return sorted(tasks[task] for task in late)
