"""All keepers: one per enabled server, started and ended as the configuration changes."""

import asyncio
from collections.abc import Sequence
from typing import final

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault
from mcpgate.model import Link, Peer, ServerStatus, Terms
from mcpgate.registry.era import digest_address
from mcpgate.registry.keeper import Keeper, Means


@final
class Keepers:
    """Own one task per server; a server that is down delays nothing."""

    def __init__(self, means: Means) -> None:
        """Keep no server yet."""
        self._means = means
        self._servers: tuple[Server, ...] = ()
        self._keepers: dict[str, Keeper] = {}
        self._leaving: set[Keeper] = set()
        self._group: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Run all keepers until `stop`, then end their links at once."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for keeper in self._keepers.values():
                    group.create_task(self._run_keeper(keeper))
                await self._stopping.wait()
                for keeper in [*self._keepers.values(), *self._leaving]:
                    keeper.leave(at_once=True)
        finally:
            self._group = None

    def stop(self) -> None:
        """Let `run` come to its end."""
        self._stopping.set()

    def apply(self, servers: Sequence[Server]) -> None:
        """Start, update and end keepers so that exactly the enabled servers are kept."""
        wanted = {server.name: server for server in servers if server.enabled}
        for name, keeper in list(self._keepers.items()):
            server = wanted.get(name)
            if server is not None and _needs_no_link(server, keeper.server):
                keeper.update(server)
                del wanted[name]
            else:
                self._end(name, server)
        for name, server in wanted.items():
            self._start(name, server)
        for gone in {old.name for old in self._servers} - {new.name for new in servers}:
            self._means.eras.forget(gone)
        self._servers = tuple(servers)

    def revive(self, server: str) -> int:
        """Have a server's lost link opened again; say until when it may come, 0 for never."""
        keeper = self._keepers.get(server)
        return 0 if keeper is None or self._stopping.is_set() else keeper.revive()

    async def open_link(self, server: str, terms: Terms) -> tuple[Link, Peer]:
        """Open one more link to a server, which looks after itself; raise GateError."""
        keeper = self._keepers.get(server)
        if keeper is None:
            raise LinkFault("unavailable", f"there is no server {server!r}")
        known = self._means.eras.find(keeper.server)
        return await self._means.open_link(keeper.server, known, terms)

    def list_status(self) -> list[ServerStatus]:
        """Return what an operator sees of each configured server, in order."""
        return [self._describe(server) for server in self._servers]

    def _start(self, name: str, server: Server) -> None:
        keeper = self._keepers[name] = Keeper(server, self._means)
        if self._group is not None and not self._stopping.is_set():
            self._group.create_task(self._run_keeper(keeper))

    def _end(self, name: str, successor: Server | None) -> None:
        keeper = self._keepers.pop(name)
        if self._group is not None:
            self._leaving.add(keeper)
            keeper.leave()
        if successor is not None and digest_address(successor) != digest_address(keeper.server):
            self._means.catalog.drop(name)

    async def _run_keeper(self, keeper: Keeper) -> None:
        try:
            await keeper.run()
        finally:
            self._leaving.discard(keeper)

    def _describe(self, server: Server) -> ServerStatus:
        keeper = self._keepers.get(server.name)
        if keeper is not None:
            return keeper.describe()
        return ServerStatus(
            name=server.name,
            transport=server.transport,
            state="stopped",
            revision="",
            reason="",
            since_ns=0,
            tools=0,
            prompts=0,
            resources=0,
            templates=0,
            detail="enabled: false in the configuration",
        )


def _needs_no_link(new: Server, old: Server) -> bool:
    """Say whether an open link serves the new settings as well."""
    return (
        digest_address(new) == digest_address(old)
        and new.headers == old.headers
        and new.env == old.env
        and new.ca_file == old.ca_file
        and new.revision == old.revision
    )
