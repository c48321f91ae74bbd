"""Cut a text/event-stream that all calls share into named events (pure).

The core's cutter gives messages only and cannot read on after an event over the limit, which is
right for the stream of one call. Here the first event is named `endpoint`, and an event that is
too long must harm no call but its own: it is skipped to its end, and both its ends are kept, for
they say whose it was. Lines end in CR, LF or CRLF, split anywhere. Ids and `retry` are ignored: a
lost stream of this transport cannot be resumed.
"""

import re
from typing import Final, final

SLACK: Final = 64  # room beside the data for the field name of the line being read
KEPT_BYTES: Final = 128
KEPT_EVENTS: Final = 64
_END: Final = re.compile(rb"\r\n?|\n")
_BOM: Final = b"\xef\xbb\xbf"

Event = tuple[str, bytes]


@final
class EventReader:
    """Take chunks, give events; never hold more than the limit."""

    __slots__ = (
        "_after_cr",
        "_begun",
        "_data",
        "_ends",
        "_filled",
        "_has_data",
        "_head",
        "_limit",
        "_line",
        "_name",
        "_overlong",
        "_skipping",
    )

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._line = bytearray()
        self._data = bytearray()
        self._has_data = False
        self._name = ""
        self._begun = self._after_cr = False
        self._skipping = False
        self._filled = False
        self._head = self._ends = b""
        self._overlong: list[bytes] = []

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that a chunk completes; those without data are skipped."""
        events: list[Event] = []
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        start = 0
        for end in _END.finditer(chunk):
            self._add(chunk[start : end.start()])
            self._end_line(events)
            start = end.end()
        self._add(chunk[start:])
        self._after_cr = self._after_cr or chunk.endswith(b"\r")
        return events

    def take_overlong(self) -> list[bytes]:
        """Return the two ends, joined, of each over-long event that ended since the last time."""
        overlong, self._overlong = self._overlong, []
        return overlong

    def _add(self, piece: bytes) -> None:
        if not piece:
            return
        if self._skipping:
            self._filled = True
            self._ends = (self._ends + piece[-KEPT_BYTES:])[-KEPT_BYTES:]
            return
        self._line += piece
        if len(self._line) + len(self._data) > self._limit + SLACK:
            self._skip()

    def _end_line(self, events: list[Event]) -> None:
        if self._skipping:
            if not self._filled:
                self._end_skipping()
            self._filled = False
            return
        line = bytes(self._line)
        self._line.clear()
        if not self._begun:
            self._begun = True
            line = line.removeprefix(_BOM)
        if line:
            self._read_field(line)
        else:
            self._dispatch(events)

    def _read_field(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            if self._has_data:
                self._data += b"\n"
            self._has_data = True
            self._data += value
            if len(self._data) > self._limit:
                self._skip()
                self._filled = False
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            events.append((self._name or "message", bytes(self._data)))
        self._reset()

    def _skip(self) -> None:
        """Let go of an event that is too long, but for its ends."""
        whole = self._data or self._line.removeprefix(b"data:").removeprefix(b" ")
        self._head = bytes(whole[:KEPT_BYTES])
        last = self._line or self._data
        self._ends = bytes(last[-KEPT_BYTES:])
        self._reset()
        self._line.clear()
        self._skipping = self._filled = True

    def _end_skipping(self) -> None:
        self._skipping = False
        if len(self._overlong) < KEPT_EVENTS:
            self._overlong.append(self._head + self._ends)
        self._head = self._ends = b""

    def _reset(self) -> None:
        self._data.clear()
        self._has_data = False
        self._name = ""
