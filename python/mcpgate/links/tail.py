"""The last of what a child wrote to stderr (pure)."""

from collections import deque
from typing import Final, final

TAIL_BYTES: Final = 64 << 10
LINE_BYTES: Final = 4 << 10


@final
class Tail:
    """Cut text into lines and keep the last 64 KB of them."""

    __slots__ = ("_kept", "_partial", "_size")

    def __init__(self) -> None:
        self._kept: deque[bytes] = deque()
        self._partial = b""
        self._size = 0

    def feed(self, chunk: bytes) -> list[str]:
        """Return the lines completed by a chunk; long ones are cut into pieces."""
        *whole, self._partial = (self._partial + chunk).split(b"\n")
        while len(self._partial) >= LINE_BYTES:
            whole.append(self._partial[:LINE_BYTES])
            self._partial = self._partial[LINE_BYTES:]
        pieces = [
            line[start : start + LINE_BYTES]
            for line in whole
            for start in range(0, max(len(line), 1), LINE_BYTES)
        ]
        for piece in pieces:
            self._keep(piece)
        return [piece.decode("utf-8", "replace").rstrip() for piece in pieces]

    @property
    def text(self) -> str:
        """Everything kept, the unfinished line included."""
        return b"\n".join([*self._kept, self._partial]).decode("utf-8", "replace")

    @property
    def last(self) -> str:
        """The last line that says something, 200 characters of it at most."""
        for piece in (self._partial, *reversed(self._kept)):
            if piece.strip():
                return piece.decode("utf-8", "replace").strip()[:200]
        return ""

    def _keep(self, piece: bytes) -> None:
        self._kept.append(piece)
        self._size += len(piece) + 1
        while self._size > TAIL_BYTES:
            self._size -= len(self._kept.popleft()) + 1
