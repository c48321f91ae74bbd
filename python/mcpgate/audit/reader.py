"""Find the lines of one event in a trail.

Rules: the newest file is read first; lines that a crash tore are passed over.
"""

import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

import msgspec

from mcpgate.audit.trail import list_segments
from mcpgate.errors import ClientFault

_EVENT_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


@final
class EventLine(msgspec.Struct, frozen=True):
    """One line of a trail: the fields everything needs, and the line as it stands."""

    kind: str
    at: str
    raw: bytes
    fields: dict[str, msgspec.Raw]


def find_event(folder: str, event: str) -> list[EventLine]:
    """Return the lines of an event, verdict first; empty if the trail does not hold it."""
    if _EVENT_ID.fullmatch(event) is None:
        raise ClientFault("params", f'"{event[:64]}" is not an event id; copy it from the error')
    needle = f'"event":"{event}"'.encode()
    found: list[EventLine] = []
    for segment in reversed(list_segments(Path(folder))):
        found = [line for line in _search(segment, needle) if _names(line, event)] + found
        if any(line.kind == "verdict" for line in found):
            break
    return found


def read_text(raw: msgspec.Raw) -> str:
    """Return a JSON string's text, and any other JSON value as it is written."""
    text = bytes(raw).decode("utf-8", "replace")
    return msgspec.json.decode(text, type=str) if text.startswith('"') else text


def _names(line: EventLine, event: str) -> bool:
    return read_text(line.fields["event"]) == event


def _search(segment: Path, needle: bytes) -> Iterator[EventLine]:
    try:
        with segment.open("rb") as opened:
            if not opened.seek(0, 2):
                return
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as view:
                yield from _cut(view, needle)
    except FileNotFoundError:  # rotated away meanwhile
        return
    except OSError as fault:
        text = f"event file {segment} cannot be read: {fault.strerror or fault}"
        raise ClientFault("unreadable", text) from fault


def _cut(view: mmap.mmap, needle: bytes) -> Iterator[EventLine]:
    at = view.find(needle)
    while at >= 0:
        start = view.rfind(b"\n", 0, at) + 1
        end = view.find(b"\n", at)
        end = len(view) if end < 0 else end
        line = _read_line(view[start:end])
        if line is not None:
            yield line
        at = view.find(needle, end)


def _read_line(raw: bytes) -> EventLine | None:
    try:
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        return EventLine(read_text(fields["kind"]), read_text(fields["at"]), raw, fields)
    except (msgspec.DecodeError, KeyError):
        return None
