"""A chunked body, read by llhttp (pure).

Rules: what comes after the body in the same piece is not read, only noted: the connection is closed
with the reply. Sizes, extensions and trailers may not outweigh what they carry.
"""

from typing import Final, final

import httptools

SPARE_BYTES: Final = 64 << 10
_PRELUDE: Final = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
_OVERHEAD: Final = 8


@final
class Chunks:
    """Cut one chunked body out of what arrives."""

    __slots__ = ("_fed", "_held", "_parser", "_pieces", "complete", "surplus")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._fed = self._held = 0
        self.complete = self.surplus = False
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._parser.feed_data(_PRELUDE)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pieces of the body in this data; raise ValueError if its framing is broken."""
        parser = self._parser
        if parser is None:
            raise ValueError("bytes after the last chunk")
        self._fed += len(data)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as fault:
            if not self.complete:
                raise ValueError(f"a chunk: {fault}") from fault
            self.surplus = True
        if self.complete:
            self._parser = None  # it holds this object
        found, self._pieces = self._pieces, []
        self._held += sum(map(len, found))
        if not self.complete and self._fed > SPARE_BYTES + self._held * _OVERHEAD:
            raise ValueError("chunks that carry next to nothing")
        return found

    def on_message_begin(self) -> None:
        """Note bytes after the end."""
        self.surplus = self.complete

    def on_body(self, piece: bytes) -> None:
        """Keep a piece."""
        if not self.complete:
            self._pieces.append(piece)

    def on_message_complete(self) -> None:
        """Note the end."""
        self.complete = True
