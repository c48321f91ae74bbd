"""The last known entries of every configured server, in configuration order.

Entries stay when their server goes down: clients keep seeing them, marked stale for operators.
They go only with the server's configuration or its address.
"""

from collections.abc import Callable, Sequence
from typing import Final, final

import msgspec

from mcpgate.model import Peer
from mcpgate.registry.discovery import KINDS, Listing

_PROBLEM_CHARS: Final = 1_000
_Raws = tuple[msgspec.Raw, ...]


@final
class ServerEntries(msgspec.Struct, frozen=True, kw_only=True):
    """What one server offered when it was last asked.

    `missing` names the lists whose last fetch failed; `problems` are pairs of list and text.
    """

    peer: Peer
    tools: _Raws = ()
    prompts: _Raws = ()
    resources: _Raws = ()
    templates: _Raws = ()
    fetched_at_ns: int = 0
    ttl_ms: int | None = None
    missing: frozenset[str] = frozenset()
    problems: tuple[tuple[str, str], ...] = ()

    def list_visible(self) -> tuple[Peer, _Raws, _Raws, _Raws, _Raws]:
        """Return what clients can see of it, whenever it was fetched."""
        return (self.peer, self.tools, self.prompts, self.resources, self.templates)


def merge(
    peer: Peer,
    before: ServerEntries | None,
    listings: Sequence[Listing],
    now: int,
) -> ServerEntries:
    """Put fetched lists over the last known entries."""
    lists: dict[str, _Raws] = {}
    problems = dict(before.problems) if before else {}
    for listing in listings:
        problems.pop(listing.field, None)
        if listing.entries is not None:
            lists[listing.field] = listing.entries
        if listing.problem:
            problems[listing.field] = listing.problem[:_PROBLEM_CHARS]
    kept = before or ServerEntries(peer=peer)
    ttls = [listing.ttl_ms for listing in listings if listing.ttl_ms is not None]
    if len(listings) < len(KINDS) and kept.ttl_ms is not None:
        ttls.append(kept.ttl_ms)
    return ServerEntries(
        peer=peer,
        tools=lists.get("tools", kept.tools),
        prompts=lists.get("prompts", kept.prompts),
        resources=lists.get("resources", kept.resources),
        templates=lists.get("templates", kept.templates),
        fetched_at_ns=now,
        ttl_ms=min(ttls, default=None),
        missing=(kept.missing | {listing.field for listing in listings}) - frozenset(lists),
        problems=tuple(problems.items()),
    )


@final
class Catalog:
    """Hold the entries of each configured server and tell when they change."""

    def __init__(self) -> None:
        """Start without servers."""
        self._order: tuple[str, ...] = ()
        self._entries: dict[str, ServerEntries] = {}
        self._fresh: set[str] = set()
        self._subscribers: list[Callable[[], None]] = []

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Call `changed` whenever clients would see something else."""
        self._subscribers.append(changed)

    def configure(self, servers: Sequence[str]) -> None:
        """Take the order of configured servers and forget the entries of all others."""
        self._order = tuple(servers)
        for name in set(self._entries) - set(servers):
            del self._entries[name]
        self._fresh &= set(servers)

    def restore(self, server: str, entries: ServerEntries) -> None:
        """Take entries remembered from an earlier run, as stale ones."""
        if server in self._order and server not in self._entries:
            self._entries[server] = entries

    def put(self, server: str, entries: ServerEntries) -> None:
        """Take what a server offers now; ignored for a server that is not configured."""
        if server not in self._order:
            return
        before = self._entries.get(server)
        self._entries[server] = entries
        self._fresh.add(server)
        if before is None or entries.list_visible() != before.list_visible():
            self._tell()

    def drop(self, server: str) -> None:
        """Forget a server's entries: another server stands behind the name now."""
        if self._entries.pop(server, None) is not None:
            self._fresh.discard(server)
            self._tell()

    def mark_stale(self, server: str) -> None:
        """Remember that nobody keeps these entries fresh at the moment."""
        self._fresh.discard(server)

    def is_stale(self, server: str) -> bool:
        """Say whether the entries are from an earlier link."""
        return server in self._entries and server not in self._fresh

    def find(self, server: str) -> ServerEntries | None:
        """Return the last known entries, None for a server never reached."""
        return self._entries.get(server)

    def list_entries(self) -> tuple[tuple[str, ServerEntries | None], ...]:
        """Return all configured servers in order with what is known of them."""
        return tuple((name, self._entries.get(name)) for name in self._order)

    def _tell(self) -> None:
        for changed in self._subscribers:
            changed()
