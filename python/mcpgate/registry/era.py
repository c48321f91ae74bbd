"""Remember which era each server spoke, so that a link opens without a probe."""

import hashlib
import logging
import sqlite3
from typing import Final, final

import msgspec

from mcpgate.config.model import Server
from mcpgate.model import Era
from mcpgate.registry.store import Store

SPACE: Final = "era"

log = logging.getLogger("mcpgate.registry")


def digest_address(server: Server) -> str:
    """Return a digest that changes when another server may stand behind the name."""
    address = [server.transport, server.url, server.command, server.cwd]
    return hashlib.sha256(msgspec.json.encode(address)).hexdigest()[:32]


@final
class _Memory(msgspec.Struct, frozen=True):
    address: str
    era: Era


@final
class Eras:
    """The era of each server, kept in the store under the server's name."""

    def __init__(self, store: Store) -> None:
        """Keep eras in this store."""
        self._store = store

    def find(self, server: Server) -> Era | None:
        """Return the era this server spoke last; None when it must be probed."""
        raw = self._store.get(SPACE, server.name)
        if raw is None:
            return None
        try:
            memory = msgspec.json.decode(raw, type=_Memory)
        except msgspec.DecodeError:
            return None
        return memory.era if memory.address == digest_address(server) else None

    def remember(self, server: Server, era: Era) -> None:
        """Keep the era this server spoke."""
        if self.find(server) == era:
            return
        memory = _Memory(digest_address(server), era)
        try:
            self._store.put(SPACE, server.name, msgspec.json.encode(memory))
        except sqlite3.Error as error:  # a full disk must not take servers down
            log.warning("era.not_kept", extra={"server": server.name, "text": str(error)})

    def forget(self, server: str) -> None:
        """Forget a server that left the configuration."""
        self._store.delete(SPACE, server)
