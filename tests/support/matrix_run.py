"""Play every cell of the matrix, many at once, and keep how each ended."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, final

import uvloop

from tests.support.gateways import http_server, running, wait_for_entries
from tests.support.matrix_client import Broken, MatrixClient, Refused
from tests.support.matrix_entries import TOOLS
from tests.support.matrix_plays import PLAYS, Cell
from tests.support.matrix_rules import an_object
from tests.support.matrix_server import MatrixServer
from tests.support.matrix_table import ALL, FEATURES, Feature, Outcome

CELL_S: Final = 5.0
AT_ONCE: Final = 20
OTHER_ENTRIES: Final = 10
"""Prompts, templates and the one resource that nobody watches."""


@final
@dataclass(frozen=True)
class Ended:
    """How a cell ended, and what its client said and heard."""

    outcome: str
    said: list[str]

    def __str__(self) -> str:
        return "\n".join([self.outcome, *self.said])


Played = dict[tuple[str, str, str], Ended]


@final
@dataclass
class Matrix:
    """How every cell ended, through a gateway and without one; what servers were told amiss."""

    played: Played = field(default_factory=dict)
    direct: Played = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)


def is_told(refused: Refused) -> bool:
    """Say whether an error tells its client that the pair cannot do what it asked for."""
    data = an_object(refused.error.get("data", {}))
    if refused.code == int(Outcome.LACKS):
        return bool(data.get("requiredCapabilities"))
    return refused.code == int(Outcome.UNBRIDGED) and data.get("reason") == "capability"


@final
@dataclass(frozen=True)
class World:
    """One server, and the port at which clients find it."""

    port: int
    server: MatrixServer
    turns: asyncio.Semaphore
    played: Played

    async def play_all(self, cells: Iterable[tuple[Feature, str]]) -> None:
        async with asyncio.TaskGroup() as group:
            for feature, revision in cells:
                group.create_task(self._take_turn(feature, revision))

    async def _take_turn(self, feature: Feature, revision: str) -> None:
        """Play one cell; cells that are known to hang take no turn from others."""
        if feature.is_pending(revision, self.server.revision):
            await self._play(feature, revision)
            return
        async with self.turns:
            await self._play(feature, revision)

    async def _play(self, feature: Feature, revision: str) -> None:
        client = MatrixClient(self.port, revision)
        try:
            async with asyncio.timeout(CELL_S):
                if feature is not FEATURES[0]:
                    await client.open()
                await PLAYS[feature.name](Cell(client, self.server, f"{feature.name}/{revision}"))
            outcome: str = Outcome.WORKS
        except Refused as refused:
            outcome = str(refused.code) if is_told(refused) else f"error: {refused}"
        except TimeoutError:
            outcome = f"nothing within {CELL_S:.0f} s"
        except (Broken, OSError, EOFError, LookupError, ValueError) as fault:
            outcome = f"{type(fault).__name__}: {fault}"
        self.played[feature.name, revision, self.server.revision] = Ended(outcome, client.said)


async def play_server(revision: str, port: int, turns: asyncio.Semaphore, matrix: Matrix) -> None:
    """Play every client against the server of one revision, behind a gateway of its own."""
    async with MatrixServer(revision, ALL) as server:
        servers = [http_server("s", server.url)]
        async with running(port, servers, limits={"page_entries": 3}) as gateway:
            await wait_for_entries(gateway, len(TOOLS) + len(ALL) + OTHER_ENTRIES)
            cells = [
                (feature, client)
                for feature in FEATURES
                for client in ALL
                if feature.expect(client, revision) is not Outcome.ABSENT
            ]
            await World(port, server, turns, matrix.played).play_all(cells)
        matrix.faults[revision] = server.faults


async def play_direct(revision: str, turns: asyncio.Semaphore, matrix: Matrix) -> None:
    """Play client and server of one revision without a gateway."""
    async with MatrixServer(revision, ALL) as server:
        alike = [
            (each, revision) for each in FEATURES if each.expect(revision, revision) == "works"
        ]
        await World(server.port, server, turns, matrix.direct).play_all(alike)


async def _play_matrix(find_port: Callable[[], int]) -> Matrix:
    matrix, turns = Matrix(), asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as group:
        for revision in ALL:
            group.create_task(play_direct(revision, turns, matrix))
            group.create_task(play_server(revision, find_port(), turns, matrix))
    return matrix


def play_matrix(find_port: Callable[[], int]) -> Matrix:
    """Play the whole matrix, with each gateway at a port of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_play_matrix(find_port))
