"""Servers of the official SDK: both transports, both eras, all kinds of entries, changing lists."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from mcpgate.config.model import Config, Server
from mcpgate.errors import LinkFault
from mcpgate.gate import TOOLS
from tests.support import sdk_server
from tests.support.control_path import run_control_path
from tests.support.links import settle

SCRIPT = str(Path(sdk_server.__file__))
Pinned = Literal["auto", "2025-11-25"]


@asynccontextmanager
async def run_http(port: int) -> AsyncIterator[None]:
    """Run the server as a process of its own; links find it when it is there."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, SCRIPT, str(port), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


@pytest.mark.requirement("R-CATALOG")
@pytest.mark.requirement("R-CHANGED")
@pytest.mark.parametrize(("pinned", "era"), [("auto", "modern"), ("2025-11-25", "legacy")])
async def test_an_http_server_that_comes_late(
    tmp_path: Path, free_port: Callable[[], int], pinned: Pinned, era: str
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    server = Server(name="sdk", transport="http", url=url, revision=pinned)
    async with run_http(port):
        await check_server(server, tmp_path, era)


@pytest.mark.requirement("R-CATALOG")
@pytest.mark.requirement("R-CHANGED")
@pytest.mark.parametrize(("pinned", "era"), [("auto", "modern"), ("2025-11-25", "legacy")])
async def test_a_stdio_server(tmp_path: Path, pinned: Pinned, era: str) -> None:
    command = (sys.executable, SCRIPT, "stdio")
    server = Server(name="sdk", transport="stdio", command=command, revision=pinned)
    await check_server(server, tmp_path, era)


@pytest.mark.requirement("R-CATALOG")
async def test_an_http_server_that_dies_keeps_its_entries_and_comes_back(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    server = Server(name="sdk", transport="http", url=f"http://127.0.0.1:{port}/mcp")
    config = Config(servers=(server,), state_dir=str(tmp_path / "state"))
    async with run_control_path(config) as path:
        async with run_http(port):
            await path.expect(lambda: path.names("sdk") == ["grow"])
        while path.pool.find("sdk") is not None:  # calls find out that nobody is there
            with pytest.raises(LinkFault):
                await path.call("sdk", "grow")
            await settle()
        assert path.names("sdk") == ["grow"]
        async with run_http(port):
            await path.expect(lambda: path.pool.find("sdk") is not None)
            assert b"done" in await path.call("sdk", "grow")


async def check_server(server: Server, folder: Path, era: str) -> None:
    """Find every entry, then change the list."""
    config = Config(servers=(server,), state_dir=str(folder / "state"))
    async with run_control_path(config) as path:
        await path.expect(lambda: bool(path.rows()))
        assert sorted((row.kind, row.own) for row in path.rows()) == [
            ("prompt", "ask"),
            ("resource", "test://fixed"),
            ("template", "test://{name}/part"),
            ("tool", "grow"),
        ]
        entries = path.catalog.find("sdk")
        assert entries is not None
        assert entries.peer.era == era
        assert entries.problems == ()
        path.bits.clear()
        await path.call("sdk", "grow")
        await path.expect(lambda: path.names("sdk") == ["grow", "grown"])
        assert path.bits == [TOOLS]
