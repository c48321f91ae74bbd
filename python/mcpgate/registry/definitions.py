"""Definitions of entries as they are compared: name, kind and fingerprint, each read once.

Under another name a tool or a prompt is known by its description and its input. A resource's size
and time of last change say how its content is, not what it is: they are not part of what is
compared, as long as they are a plain number and a plain date.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, final

import msgspec

from mcpgate.registry.catalog import ServerEntries
from mcpgate.registry.document import EntryKind

Key = tuple[EntryKind, str]
Fingerprint = Callable[[bytes], str | None]
"""Hex digest of a definition; None = unreadable."""

LISTS: Final[tuple[tuple[EntryKind, str], ...]] = (
    ("tool", "tools"),
    ("prompt", "prompts"),
    ("resource", "resources"),
    ("template", "templates"),
)
_BODIES: Final[dict[EntryKind, tuple[str, ...]]] = {
    "tool": ("description", "inputSchema"),
    "prompt": ("description", "arguments"),
}
_SCHEMA_HEAD: Final = frozenset(("$schema", "additionalProperties", "title", "type"))
_EMPTY: Final = frozenset((b"null", b'""', b"{}", b"[]"))
_DATE = re.compile(r"[0-9T:.,+Z -]{4,40}")


@final
class _Named(msgspec.Struct, frozen=True):
    name: str


@final
class _Located(msgspec.Struct, frozen=True):
    uri: str


@final
class _Shaped(msgspec.Struct, frozen=True, rename="camel"):
    uri_template: str


_SHAPES: Final[dict[EntryKind, type[_Named | _Located | _Shaped]]] = {
    "tool": _Named,
    "prompt": _Named,
    "resource": _Located,
    "template": _Shaped,
}


@final
class Definition(msgspec.Struct, frozen=True):
    """One entry as its server defines it."""

    key: Key
    raw: bytes
    fingerprint: str
    body: str


@final
class Reader:
    """Read definitions; what a server still lists is not read again."""

    def __init__(self, fingerprint: Fingerprint) -> None:
        """Take what makes fingerprints."""
        self._fingerprint = fingerprint
        self._read: dict[str, dict[tuple[EntryKind, bytes], Definition | None]] = {}

    def forget(self, server: str) -> None:
        """Let go of what a server that left has listed."""
        self._read.pop(server, None)

    def read(self, server: str, entries: ServerEntries) -> dict[Key, Definition]:
        """Return the readable definitions by kind and name; of twins the first, as clients see."""
        before = self._read.get(server, {})
        now: dict[tuple[EntryKind, bytes], Definition | None] = {}
        found: dict[Key, Definition] = {}
        for kind, raw in _list_raw(entries):
            mark = (kind, raw)
            definition = before[mark] if mark in before else self._read_one(kind, raw)
            now[mark] = definition
            if definition is not None:
                found.setdefault(definition.key, definition)
        self._read[server] = now
        return found

    def _read_one(self, kind: EntryKind, raw: bytes) -> Definition | None:
        """Read one definition; what cannot be read is for the gate to leave out."""
        name = read_name(kind, raw)
        digest = None if name is None else self._fingerprint(_settle(kind, raw))
        if name is None or digest is None:
            return None
        return Definition((kind, name), raw, digest, self._find_body(kind, raw))

    def _find_body(self, kind: EntryKind, raw: bytes) -> str:
        """Return the fingerprint of what a rename leaves; empty where there is nothing to tell."""
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        body = {name: fields[name] for name in _BODIES.get(kind, ()) if name in fields}
        if "inputSchema" in body:
            body["inputSchema"] = _strip_schema(body["inputSchema"])
        if all(bytes(value) in _EMPTY for value in body.values()):
            return ""
        return self._fingerprint(msgspec.json.encode(body)) or ""


def _list_raw(entries: ServerEntries) -> Iterator[tuple[EntryKind, bytes]]:
    for kind, field in LISTS:
        for raw in getattr(entries, field):
            yield kind, bytes(raw)


def read_name(kind: EntryKind, raw: bytes | msgspec.Raw) -> str | None:
    """Return the server's own name or URI of an entry."""
    try:
        found = msgspec.json.decode(raw, type=_SHAPES[kind])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if isinstance(found, _Located):
        return found.uri
    return found.name if isinstance(found, _Named) else found.uri_template


def _settle(kind: EntryKind, raw: bytes) -> bytes:
    """Take away what changes with a resource's content."""
    if kind != "resource" or not (b'"size"' in raw or b'"lastModified"' in raw):
        return raw
    try:
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        if bytes(fields.get("size", b"")).strip().isdigit():
            del fields["size"]
        if "annotations" in fields:
            notes = msgspec.json.decode(fields["annotations"], type=dict[str, msgspec.Raw])
            if _DATE.fullmatch(_read_text(notes.get("lastModified"))):
                del notes["lastModified"]
            fields["annotations"] = msgspec.Raw(msgspec.json.encode(notes))
            if not notes:
                del fields["annotations"]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return raw
    return msgspec.json.encode(fields)


def _strip_schema(raw: msgspec.Raw) -> msgspec.Raw:
    """Take away what frameworks write into every schema, such as a title made of the name."""
    try:
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return raw
    telling = {
        name: value
        for name, value in fields.items()
        if name not in _SCHEMA_HEAD and bytes(value) not in _EMPTY
    }
    return msgspec.Raw(msgspec.json.encode(telling))


def _read_text(raw: msgspec.Raw | None) -> str:
    try:
        return msgspec.json.decode(raw, type=str) if raw else ""
    except msgspec.DecodeError:
        return ""
