"""Fetch a server's complete lists, page by page.

A list never fails the others: what one server answers wrongly is named in the listing's problem
and the last known entries stay. Only a link that is gone raises. Definitions stay the server's
bytes; cursors are echoed as the raw JSON they came as, so an empty string is a cursor like any.
"""

import asyncio
from typing import Final, final

import msgspec

from mcpgate.errors import LinkFault, RemoteError
from mcpgate.gate import LISTS, PROMPTS, RESOURCES, TOOLS
from mcpgate.model import Link, Peer

PAGES: Final = 100
ENTRIES: Final = 10_000
LIST_BYTES: Final = 64 * 1024 * 1024
REQUEST_S: Final = 30.0
_METHOD_UNKNOWN: Final = -32601
_TEXT_CHARS: Final = 200
_ONE_LIST_ONLY: Final = frozenset(("deadline", "unreadable", "reply_too_large"))


@final
class Kind(msgspec.Struct, frozen=True):
    """One of the four lists a server may hold."""

    field: str
    method: str
    wire_field: str
    capability: str
    bit: int


KINDS: Final = (
    Kind("tools", "tools/list", "tools", "tools", TOOLS),
    Kind("prompts", "prompts/list", "prompts", "prompts", PROMPTS),
    Kind("resources", "resources/list", "resources", "resources", RESOURCES),
    Kind("templates", "resources/templates/list", "resourceTemplates", "resources", RESOURCES),
)


@final
class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What one list held; `entries` is None when the last known ones are to stay."""

    field: str
    entries: tuple[msgspec.Raw, ...] | None = ()
    ttl_ms: int | None = None
    problem: str = ""


@final
class _Page(msgspec.Struct, frozen=True):
    entries: list[msgspec.Raw]
    cursor: bytes | None
    ttl_ms: int | None


async def discover(link: Link, peer: Peer, lists: int = LISTS) -> tuple[Listing, ...]:
    """Fetch the lists named by bits; raise LinkFault when the link is gone."""
    kinds = [kind for kind in KINDS if kind.bit & lists]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_list_safely(link, peer, kind)) for kind in kinds]
    listings = []
    for task in tasks:
        outcome = task.result()
        if isinstance(outcome, LinkFault):
            raise outcome
        listings.append(outcome)
    return tuple(listings)


async def _list_safely(link: Link, peer: Peer, kind: Kind) -> Listing | LinkFault:
    if not peer.offers(kind.capability):
        return Listing(field=kind.field)
    try:
        return await _list_all(link, peer, kind)
    except RemoteError as error:
        if error.code == _METHOD_UNKNOWN:
            return Listing(field=kind.field)
        text = f"{kind.method}: the server answered error {error.code}: {error!s:.{_TEXT_CHARS}}"
        return Listing(field=kind.field, entries=None, problem=text)
    except LinkFault as fault:
        if fault.reason not in _ONE_LIST_ONLY:
            return fault
        text = f"{kind.method}: {fault.reason}: {fault!s:.{_TEXT_CHARS}}"
        return Listing(field=kind.field, entries=None, problem=text)


async def _list_all(link: Link, peer: Peer, kind: Kind) -> Listing:
    entries: list[msgspec.Raw] = []
    ttls: list[int] = []
    cursors: set[bytes] = set()
    params, size_bytes, problem = b"{}", 0, ""
    while not problem:
        result = await link.request(kind.method, params, REQUEST_S)
        page = _read_page(result, kind)
        entries.extend(page.entries)
        size_bytes += len(result)
        if page.ttl_ms is not None and peer.era == "modern":
            ttls.append(page.ttl_ms)
        if page.cursor is None:
            break
        problem = _find_problem(page.cursor, cursors, len(entries), size_bytes)
        cursors.add(page.cursor)
        params = b'{"cursor":' + page.cursor + b"}"
    if len(entries) > ENTRIES:
        problem = f"more than {ENTRIES} entries"
    return Listing(
        field=kind.field,
        entries=_without_twins(entries)[:ENTRIES] if problem else tuple(entries),
        ttl_ms=min(ttls, default=None),
        problem=f"{kind.method}: {problem}; the rest is left out" if problem else "",
    )


def _find_problem(cursor: bytes, cursors: set[bytes], entries: int, size_bytes: int) -> str:
    if cursor in cursors:
        return "the server repeats a cursor"
    if len(cursors) + 1 >= PAGES:
        return f"more than {PAGES} pages"
    if entries >= ENTRIES:
        return f"more than {ENTRIES} entries"
    if size_bytes >= LIST_BYTES:
        return f"more than {LIST_BYTES} bytes"
    return ""


def _read_page(result: bytes, kind: Kind) -> _Page:
    try:
        result.decode("utf-8")  # raw parts are cut out unchecked
        fields = msgspec.json.decode(result, type=dict[str, msgspec.Raw])
        entries = msgspec.json.decode(fields[kind.wire_field], type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError) as error:
        raise LinkFault("unreadable", f"the result has no array `{kind.wire_field}`") from error
    cursor = bytes(fields.get("nextCursor", b"null"))
    return _Page(
        entries=entries,
        cursor=None if cursor == b"null" else cursor,
        ttl_ms=_read_ttl(fields.get("ttlMs")),
    )


def _read_ttl(raw: msgspec.Raw | None) -> int | None:
    try:
        ttl_ms = msgspec.json.decode(raw, type=float) if raw else None
    except msgspec.DecodeError:
        return None
    return int(ttl_ms) if ttl_ms is not None and ttl_ms >= 0 else None


def _without_twins(entries: list[msgspec.Raw]) -> tuple[msgspec.Raw, ...]:
    """Drop exact repetitions, which a server that ignores cursors sends on every page."""
    return tuple({bytes(entry): entry for entry in entries}.values())
