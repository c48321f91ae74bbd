"""Each way of a client's revision to a server's form, and how the suite runs along it."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from tests.support.suite import Checks, Report, compare, run_server_suite
from tests.support.suite_expected import Outcome
from tests.support.suite_world import BIN, BOTH, PLAIN, Form, fixture, gateway

LEGACY: Final = "2025-11-25"
MODERN: Final = "2026-07-28"
DUAL: Final = Form("http")
FORMS: Final = {
    "http": DUAL,
    "http-legacy": Form("http", "legacy"),
    "http-modern": Form("http", "modern"),
    "sse": Form("sse", "legacy"),
    "stdio": Form("stdio"),
    "websocket": Form("websocket", "legacy"),
}
# A second server with tools of other names.
SECOND: Final = {
    "name": "time",
    "transport": "stdio",
    "command": [str(BIN / "mcp-server-time"), "--local-timezone", "UTC"],
}


@dataclass(frozen=True)
class Cell:
    """One revision of the suite, one form of the fixture, with another server beside or not."""

    revision: str
    form: str
    beside: bool

    @property
    def name(self) -> str:
        """Give the name that the file of expected differences uses."""
        return f"{self.revision}/{self.form}/{'beside' if self.beside else 'alone'}"

    @property
    def straight(self) -> bool:
        """Say whether client and server speak alike: then nothing may differ."""
        spoken = "legacy" if self.revision == LEGACY else "modern"
        era = FORMS[self.form].era
        return self.form.startswith("http") and spoken == ("modern" if era == "both" else era)

    @property
    def module(self) -> str:
        """Name the fixture: where eras are crossed its tools must be able to ask in both."""
        return PLAIN if self.straight else BOTH


def list_cells() -> Iterator[Cell]:
    """List all cells."""
    for beside in (False, True):
        for revision in (LEGACY, MODERN):
            for form in FORMS:
                yield Cell(revision, form, beside)


@final
class Suite:
    """Run cells; what a fixture answers without a gateway is found once and kept."""

    def __init__(self, folder: Path, jobs: int = 1, kind: str = "granian") -> None:
        """Keep the results of all runs in this folder; gateways get this kind of listener."""
        self.folder = folder
        self._kind = kind
        self.turn = asyncio.Semaphore(jobs)
        self._direct: dict[tuple[str, str], asyncio.Task[Checks]] = {}

    async def run(self, cell: Cell) -> Outcome:
        """Run the suite through a gateway and compare with the run without one."""
        async with asyncio.TaskGroup() as group:
            through = group.create_task(self._through(cell))
            direct = group.create_task(self._find_direct(cell))
        return Outcome(cell.name, cell.straight, compare(direct.result(), through.result().checks))

    async def _find_direct(self, cell: Cell) -> Checks:
        key = (cell.module, cell.revision)
        if key not in self._direct:
            self._direct[key] = asyncio.create_task(self._run_direct(*key))
        return await self._direct[key]

    async def _run_direct(self, module: str, revision: str) -> Checks:
        folder = self._open(f"direct/{module.rpartition('.')[2]}-{revision}")
        async with self.turn, fixture(module, DUAL, folder) as server:
            report = await run_server_suite(str(server["url"]), revision, folder / "results")
        (folder / "suite.log").write_text(report.output)
        assert report.code == 0, f"the suite fails without a gateway:\n{report.output}"
        return report.checks

    async def _through(self, cell: Cell) -> Report:
        folder = self._open(cell.name)
        async with self.turn, AsyncExitStack() as stack:
            server = await stack.enter_async_context(fixture(cell.module, FORMS[cell.form], folder))
            servers: list[Mapping[str, object]] = [{"name": "fixture", **server}]
            if cell.beside:
                servers.append(SECOND)
            url = await stack.enter_async_context(gateway(servers, folder, self._kind))
            report = await run_server_suite(url, cell.revision, folder / "results")
        (folder / "suite.log").write_text(report.output)
        return report

    def _open(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True)
        return folder
