"""Which server owns a bare resource URI.

The first server seen with a URI owns its bare form until it leaves the configuration: the form
never changes hands by itself, not even while its owner does not list it. One stored value per
server holds its URIs, oldest first; those no longer listed are forgotten oldest first over a cap.
"""

import logging
import sqlite3
from collections.abc import Collection, Sequence
from typing import Final, final

import msgspec

from mcpgate.registry.store import Store

SPACE: Final = "owner"
REMEMBERED: Final = 20_000

log = logging.getLogger("mcpgate.registry")

_Raws = tuple[msgspec.Raw, ...]
_Lists = Sequence[tuple[str, _Raws]]


@final
class _Resource(msgspec.Struct, frozen=True):
    uri: str


@final
class Owners:
    """Assign bare URIs to servers and remember whose they are."""

    def __init__(self, store: Store) -> None:
        """Read what was assigned before."""
        self._store = store
        self._owned: dict[str, dict[str, None]] = {}
        self._owner: dict[str, str] = {}
        self._read: dict[str, tuple[_Raws, tuple[str, ...]]] = {}
        for server, raw in store.scan(SPACE):
            self._load(server, raw)

    def keep(self, servers: Collection[str]) -> None:
        """Release what servers own that are not among these."""
        for server in [name for name in self._owned if name not in servers]:
            for uri in self._owned.pop(server):
                del self._owner[uri]
            self._store.delete(SPACE, server)
        for server in [name for name in self._read if name not in servers]:
            del self._read[server]

    def assign(self, lists: _Lists) -> list[tuple[str, str]]:
        """Return URI and owner where a server lists a URI whose bare form is not its own."""
        contested: dict[str, str] = {}
        for server, resources in lists:
            uris = self._read_uris(server, resources)
            gained = False
            for uri in uris:
                owner = self._owner.setdefault(uri, server)
                if owner != server:
                    contested[uri] = owner
                elif uri not in self._owned.setdefault(server, {}):
                    self._owned[server][uri] = None
                    gained = True
            if gained:
                self._trim(server, frozenset(uris))
                self._save(server)
        return sorted(contested.items())

    def _save(self, server: str) -> None:
        try:
            self._store.put(SPACE, server, msgspec.json.encode(list(self._owned[server])))
        except sqlite3.Error as error:  # a full disk must not stop publishing
            log.warning("owners.not_kept", extra={"server": server, "text": str(error)})

    def _load(self, server: str, raw: bytes) -> None:
        try:
            uris = msgspec.json.decode(raw, type=list[str])
        except msgspec.DecodeError:
            return
        mine = self._owned.setdefault(server, {})
        for uri in uris:
            if self._owner.setdefault(uri, server) == server:
                mine[uri] = None

    def _read_uris(self, server: str, resources: _Raws) -> tuple[str, ...]:
        known = self._read.get(server)
        if known is not None and known[0] is resources:
            return known[1]
        uris = tuple(uri for uri in map(_find_uri, resources) if uri is not None)
        self._read[server] = (resources, uris)
        return uris

    def _trim(self, server: str, listed: frozenset[str]) -> None:
        mine = self._owned[server]
        excess = len(mine) - REMEMBERED
        if excess <= 0:
            return
        for uri in [uri for uri in mine if uri not in listed][:excess]:
            del mine[uri]
            del self._owner[uri]


def _find_uri(definition: msgspec.Raw) -> str | None:
    try:
        return msgspec.json.decode(definition, type=_Resource).uri
    except msgspec.DecodeError:
        return None
