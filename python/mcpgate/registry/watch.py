"""Notice that a file was changed or replaced, by looking at it every second.

The path and what its links lead to are both looked at: a mounted configuration map changes by
a new target behind an old name.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

from mcpgate.registry.waiter import Waiter

LOOK_NS: Final = 1_000_000_000

Signature = tuple[str, int, int, int, int]


def read_signature(path: str) -> Signature | None:
    """Return what tells one content of the file from another, None while it is not there."""
    try:
        target = os.path.realpath(path)
        link, found = Path(path).lstat(), Path(target).stat()
    except OSError:
        return None
    return (target, link.st_ino, found.st_ino, found.st_mtime_ns, found.st_size)


@final
class Watch:
    """Call back after a file became another one."""

    def __init__(self, path: str, changed: Callable[[], None], waiter: Waiter) -> None:
        """Watch this file from its present content on."""
        self._path = path
        self._changed = changed
        self._waiter = waiter
        self._seen = read_signature(path)

    def look(self) -> bool:
        """Look once; a file that is away for a moment is not a change."""
        signature = read_signature(self._path)
        if signature is None or signature == self._seen:
            return False
        self._seen = signature
        return True

    async def run(self) -> None:
        """Look every second until cancelled."""
        never = asyncio.Event()
        while True:
            await self._waiter.wait(never, self._waiter.clock.now() + LOOK_NS)
            if self.look():
                self._changed()
