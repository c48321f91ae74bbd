"""What differs between two definitions, for a person: each place once, with what it means.

Strategy: both are read as JSON and walked together; lists of named things are matched by name,
lists of plain values by value. Rules: nothing of a server reaches a terminal unescaped, and
whatever the server sends, the answer stays short.
"""

import json
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final, final

import msgspec

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

CHANGES: Final = 60
NOTES: Final = 4
DEPTH: Final = 64
TEXT_CHARS: Final = 600
NAME_CHARS: Final = 60
COMPARED: Final = 40_000
"""Pairs of words that are compared; the rest of longer texts counts as replaced."""
CONTEXT_WORDS: Final = 24
# Letters and marks that count as printable and show nothing.
_UNSEEN: Final = (
    *(range(0x034F, 0x0350), range(0x115F, 0x1161), range(0x17B4, 0x17B6), range(0x180B, 0x1810)),
    *(range(0x2800, 0x2801), range(0x3164, 0x3165), range(0xFE00, 0xFE10), range(0xFFA0, 0xFFA1)),
    range(0xE0100, 0xE01F0),
)
_INPUT: Final = ("inputSchema", "properties")
_REQUIRED: Final = ("inputSchema", "required")
_FIELDS: Final = {"inputSchema": "input schema", "outputSchema": "output schema"}


@final
class _Absent:
    """The value of what is not there."""


ABSENT: Final = _Absent()
Value = Json | _Absent
Place = tuple[str, ...]


@final
class Change(msgspec.Struct, frozen=True):
    """One place of a definition and what stood and stands there."""

    place: Place
    old: object
    new: object

    @property
    def kind(self) -> str:
        """Whether it was added, removed or changed."""
        if self.old is ABSENT:
            return "added"
        return "removed" if self.new is ABSENT else "changed"


def compare(old: bytes, new: bytes) -> list[Change]:
    """List the changes from one definition to another, at most CHANGES and one more."""
    try:
        first, second = _read(old), _read(new)
        changes = []
        for change in _walk((), first, second):
            changes.append(change)
            if len(changes) > CHANGES:
                break
    except (ValueError, RecursionError):
        return []
    return changes


def summarize(changes: list[Change]) -> str:
    """Say in one line what the changes mean."""
    notes = list(dict.fromkeys(_explain(change) for change in sorted(changes, key=_rank)))
    more = f"; and {len(notes) - NOTES} more" if len(notes) > NOTES else ""
    return "; ".join(notes[:NOTES]) + more or "differs from what was approved"


def render(changes: list[Change]) -> tuple[str, ...]:
    """Write the changes as lines that a terminal can show."""
    lines: list[str] = []
    for change in changes[:CHANGES]:
        place = cut("/" + "/".join(_point(part) for part in change.place), TEXT_CHARS)
        lines.append(f"{change.kind} {place}: {_write_change(change)}")
    if len(changes) > CHANGES:
        lines.append("more changes than are shown here")
    return tuple(lines)


def show(text: str) -> str:
    """Show characters that are invisible or steer a terminal as what they are."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_show_letter, text))


def cut(text: str, chars: int) -> str:
    """Show a text, cut to so many characters."""
    shown = show(text[: chars + 1])
    return shown if len(shown) <= chars else f"{shown[:chars]}…"


def _show_letter(letter: str) -> str:
    code = ord(letter)
    if letter.isprintable() and not any(code in span for span in _UNSEEN):
        return letter
    return f"\\u{{{code:x}}}" if code > 0xFF else f"\\x{code:02x}"


def _read(raw: bytes) -> Json:
    found: Json = json.loads(raw)
    return found


def _point(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _walk(place: Place, old: Value, new: Value) -> Iterator[Change]:
    if place == _REQUIRED:  # a list that is not there requires nothing
        old, new = [] if old is ABSENT else old, [] if new is ABSENT else new
    if isinstance(old, dict) and isinstance(new, dict) and len(place) < DEPTH:
        yield from _walk_objects(place, old, new)
    elif isinstance(old, list) and isinstance(new, list) and len(place) < DEPTH:
        yield from _walk_lists(place, old, new)
    elif not _same(old, new):
        yield Change(place, old, new)


def _walk_objects(place: Place, old: dict[str, Json], new: dict[str, Json]) -> Iterator[Change]:
    for key, value in old.items():
        yield from _walk((*place, key), value, new.get(key, ABSENT))
    for key, value in new.items():
        if key not in old:
            yield from _walk((*place, key), ABSENT, value)


def _walk_lists(place: Place, old: list[Json], new: list[Json]) -> Iterator[Change]:
    first, second = _by_name(old), _by_name(new)
    if first is not None and second is not None:
        yield from _walk_objects(place, first, second)
    elif _is_plain(old) and _is_plain(new):
        yield from _walk_values(place, old, new)
    else:
        for index in range(max(len(old), len(new))):
            left = old[index] if index < len(old) else ABSENT
            right = new[index] if index < len(new) else ABSENT
            yield from _walk((*place, str(index)), left, right)


def _walk_values(place: Place, old: list[Json], new: list[Json]) -> Iterator[Change]:
    """Name the values that came and went; where only their order differs, say that."""
    before, after = {_key(value) for value in old}, {_key(value) for value in new}
    for value in old:
        if _key(value) not in after:
            yield Change((*place, "-"), value, ABSENT)
    for value in new:
        if _key(value) not in before:
            yield Change((*place, "-"), ABSENT, value)
    if before == after and list(map(_key, old)) != list(map(_key, new)):
        yield Change(place, old, new)


def _by_name(values: list[Json]) -> dict[str, Json] | None:
    found: dict[str, Json] = {}
    for value in values:
        name = value.get("name") if isinstance(value, dict) else None
        if not isinstance(name, str) or name in found:
            return None
        found[name] = value
    return found or None


def _is_plain(values: list[Json]) -> bool:
    return not any(isinstance(value, list | dict) for value in values)


def _key(value: Json) -> str:
    return f"{type(value).__name__}:{value}"


def _same(old: Value, new: Value) -> bool:
    return type(old) is type(new) and old == new


def _rank(change: Change) -> int:
    """Put first what changes how a tool may be used."""
    if change.place[:1] == ("annotations",):
        return 0
    return 1 if change.place[: len(_REQUIRED)] == _REQUIRED else 2


def _explain(change: Change) -> str:
    """Say what one change means to somebody who knows tools."""
    place, kind = change.place, change.kind
    if place[:1] == ("annotations",) and len(place) == 2:
        return f"{_name(place[1])} {_write(change.old)} -> {_write(change.new)}"
    if place == (*_REQUIRED, "-"):
        if kind == "added":
            return f"new required argument {_name(str(change.new))}"
        return f"argument {_name(str(change.old))} is no longer required"
    for lead in (_INPUT, ("arguments",)):
        if place[: len(lead)] == lead and len(place) > len(lead):
            return _explain_argument(place[len(lead) :], kind)
    return _explain_field(place, kind)


def _explain_field(place: Place, kind: str) -> str:
    if not place:
        return "definition changed"
    field = _FIELDS.get(place[0], _name(place[0]))
    return f"{field} {kind if len(place) == 1 else 'changed'}"


def _explain_argument(place: Place, kind: str) -> str:
    name = _name(place[0])
    if len(place) == 1:
        return f"{'new argument ' + name if kind == 'added' else f'argument {name} {kind}'}"
    if place[1] == "description":
        return f"description of argument {name} {kind}"
    return f"argument {name} changed"


def _name(text: str) -> str:
    return cut(text, NAME_CHARS)


def _write(value: object) -> str:
    if value is ABSENT:
        return "not set"
    return cut(json.dumps(value, ensure_ascii=False), TEXT_CHARS)


def _write_change(change: Change) -> str:
    old, new = change.old, change.new
    if isinstance(old, str) and isinstance(new, str):
        return _write_words(old, new)
    if change.kind == "changed":
        return f"{_write(old)} -> {_write(new)}"
    return _write(new if change.kind == "added" else old)


def _write_words(old: str, new: str) -> str:
    """Write a text once, with what went as [-...-] and what came as {+...+}."""
    before, after = re.findall(r"\s+|\S+", old), re.findall(r"\s+|\S+", new)
    if min(len(before), len(after)) <= 1:
        return f"{_write(old)} -> {_write(new)}"
    parts = []
    for i, j, k, m in _list_steps(before, after):
        if before[i:j] == after[k:m]:
            parts.append(_shorten(before[i:j], first=i == 0, last=j == len(before)))
            continue
        if j > i:
            parts.append(f"[-{cut(''.join(before[i:j]), TEXT_CHARS)}-]")
        if m > k:
            parts.append(f"{{+{cut(''.join(after[k:m]), TEXT_CHARS)}+}}")
    return _bound("".join(parts))


def _list_steps(before: list[str], after: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Cut both texts into stretches that are equal and stretches that are not."""
    start, shorter = 0, min(len(before), len(after))
    while start < shorter and before[start] == after[start]:
        start += 1
    end = 0
    while end < shorter - start and before[-1 - end] == after[-1 - end]:
        end += 1
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    yield 0, start, 0, start
    if len(old) * len(new) > COMPARED:
        yield start, start + len(old), start, start + len(new)
    else:
        for _, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            yield start + i, start + j, start + k, start + m
    yield len(before) - end, len(before), len(after) - end, len(after)


def _shorten(words: list[str], *, first: bool, last: bool) -> str:
    """Keep the words around a change."""
    if first or last:
        if len(words) > CONTEXT_WORDS:
            words = ["…", *words[-CONTEXT_WORDS:]] if first else [*words[:CONTEXT_WORDS], "…"]
    elif len(words) > 2 * CONTEXT_WORDS:
        words = [*words[:CONTEXT_WORDS], "…", *words[-CONTEXT_WORDS:]]
    return show("".join(words))


def _bound(text: str) -> str:
    limit = 6 * TEXT_CHARS
    return text if len(text) <= limit else f"{text[:limit]}…"
