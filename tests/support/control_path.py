"""The path of a change in one process: real gate, links and store, without listeners."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import final

import msgspec

from mcpgate.clock import SystemClock
from mcpgate.config.model import Config, Server
from mcpgate.gate import Gate, fingerprint
from mcpgate.links.guard import Guard
from mcpgate.links.open import open_link
from mcpgate.links.pool import Pool
from mcpgate.links.setup import Setup
from mcpgate.links.wheel import Wheel
from mcpgate.model import COMMON, Era, Link, Peer, Terms
from mcpgate.publisher import Publisher, Sources
from mcpgate.registry.catalog import Catalog
from mcpgate.registry.era import Eras
from mcpgate.registry.keeper import Means
from mcpgate.registry.keepers import Keepers
from mcpgate.registry.last_good import LastGood
from mcpgate.registry.owners import Owners
from mcpgate.registry.pins import Pins
from mcpgate.registry.store import Store, open_store
from mcpgate.registry.waiter import SystemWaiter
from mcpgate.sessions.streams import Streams

PATIENCE_S = 20.0


@final
class Row(msgspec.Struct, frozen=True):
    """One entry as an operator sees it."""

    kind: str
    name: str
    server: str
    own: str


@final
class TellingPool:
    """A pool that tells when it changes."""

    def __init__(self, pool: Pool, told: asyncio.Event) -> None:
        self._pool, self._told = pool, told

    def find(self, server: str) -> Link | None:
        return self._pool.find(server)

    def put(self, server: str, link: Link) -> None:
        self._pool.put(server, link)
        self._told.set()

    def remove(self, server: str, link: Link) -> None:
        self._pool.remove(server, link)
        self._told.set()

    def retire(self, server: str, link: Link) -> None:
        self._pool.retire(server, link)

    def end(self, server: str) -> None:
        self._pool.end(server)


@final
class ControlPath:
    """Everything between a configuration and the gate."""

    def __init__(self, store: Store, state_dir: Path) -> None:
        clock, self._told = SystemClock(), asyncio.Event()
        waiter = SystemWaiter(clock)
        self.gate = Gate(bytes(32), None, bytes(32), "test")
        self.wheel = Wheel(clock)
        self.setup = Setup(
            gate=self.gate,
            wheel=self.wheel,
            clock=clock,
            guard=Guard(),
            version="0",
            probe_s=2.0,
        )
        self.links = Pool(self.wheel, clock, lambda _: b"{}")
        self.pool, self.catalog = TellingPool(self.links, self._told), Catalog()
        self.keepers = Keepers(
            Means(
                open_link=self._open,
                pool=self.pool,
                catalog=self.catalog,
                eras=Eras(store),
                waiter=waiter,
                news=Streams(),
            )
        )
        sources = Sources(
            catalog=self.catalog,
            owners=Owners(store),
            pins=Pins(store, fingerprint, clock.wall),
            keepers=self.keepers,
            version="0",
        )
        self.publisher = Publisher(self.gate, sources, LastGood(str(state_dir)), waiter)
        self.bits: list[int] = []
        self.publisher.subscribe(self._hear)
        self.eras: list[tuple[str, Era | None]] = []

    async def _open(
        self, server: Server, hint: Era | None, terms: Terms = COMMON
    ) -> tuple[Link, Peer]:
        self.eras.append((server.name, hint))
        self._told.set()
        return await open_link(server, self.setup, hint, terms)

    def _hear(self, bits: int) -> None:
        self.bits.append(bits)
        self._told.set()

    def rows(self) -> list[Row]:
        """List what the gate's snapshot holds."""
        return msgspec.json.decode(self.gate.catalog(), type=list[Row])

    def names(self, server: str) -> list[str]:
        """List a server's own tool names in the snapshot."""
        return [row.own for row in self.rows() if (row.kind, row.server) == ("tool", server)]

    def states(self) -> dict[str, str]:
        """Say how each server is."""
        return {status.name: status.state for status in self.keepers.list_status()}

    async def call(self, server: str, tool: str) -> bytes:
        """Call a tool on the gateway's own behalf."""
        link = self.pool.find(server)
        assert link is not None
        params = msgspec.json.encode({"name": tool, "arguments": {}})
        return await link.request("tools/call", params, PATIENCE_S)

    async def expect(self, holds: Callable[[], bool]) -> None:
        """Wait until something told makes the condition hold."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._told.clear()
                await self._told.wait()


@asynccontextmanager
async def run_control_path(config: Config) -> AsyncIterator[ControlPath]:
    """Run the path of a change over this configuration."""
    with open_store(config.state_dir) as store:
        path = ControlPath(store, Path(config.state_dir))
        path.wheel.start()
        await path.publisher.start(config)
        async with asyncio.TaskGroup() as group:
            publishing = group.create_task(path.publisher.run())
            group.create_task(path.keepers.run())
            try:
                yield path
            finally:
                path.keepers.stop()
                publishing.cancel()
        await path.links.close()
        path.wheel.stop()
        path.setup.guard.close()
