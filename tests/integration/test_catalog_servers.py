"""Real servers over stdio in one catalog."""

import sys
from pathlib import Path

import pytest

from mcpgate.config.model import Config, Server
from mcpgate.errors import LinkFault
from mcpgate.gate import TOOLS
from tests.support import changing_server
from tests.support.control_path import run_control_path

SCRIPT = str(Path(changing_server.__file__))
CHANGING = Server(name="changing", transport="stdio", command=(sys.executable, "-I", SCRIPT))
DEAD = Server(name="dead", transport="stdio", command=("/nonexistent/server",))


def own_server(name: str, *arguments: str) -> Server:
    program = str(Path(sys.executable).parent / f"mcp-server-{name}")
    return Server(name=name, transport="stdio", command=(program, *arguments))


def configure(folder: Path, *servers: Server) -> Config:
    return Config(servers=servers, state_dir=str(folder / "state"))


@pytest.mark.requirement("R-CATALOG")
async def test_real_servers_are_listed_beside_a_dead_one(tmp_path: Path) -> None:
    servers = (DEAD, own_server("time"), own_server("git"))
    async with run_control_path(configure(tmp_path, *servers)) as path:
        assert path.rows() == []
        await path.expect(lambda: bool(path.names("time")) and bool(path.names("git")))
        assert path.names("time") == ["get_current_time", "convert_time"]
        assert {"git_status", "git_log"} <= set(path.names("git"))
        assert [row.name for row in path.rows()][:1] == ["time__get_current_time"]
        assert path.states() == {"dead": "down", "time": "up", "git": "up"}
        dead, *_ = path.keepers.list_status()
        assert dead.reason == "unavailable"
        assert dead.detail
        for name, entries in path.catalog.list_entries():
            assert (entries is None) == (name == "dead")


@pytest.mark.requirement("R-CATALOG")
async def test_entries_are_known_before_servers_are_up_again(tmp_path: Path) -> None:
    config = configure(tmp_path, own_server("time"))
    async with run_control_path(config) as path:
        await path.expect(lambda: bool(path.names("time")))
        assert path.eras == [("time", None)]
        before = path.gate.catalog()
    async with run_control_path(config) as path:
        assert path.gate.catalog() == before
        assert path.catalog.is_stale("time")
        await path.expect(lambda: path.pool.find("time") is not None)
        assert [hint is not None for _, hint in path.eras] == [True]


@pytest.mark.requirement("R-CHANGED")
async def test_every_page_and_every_change_of_a_list_arrives(tmp_path: Path) -> None:
    async with run_control_path(configure(tmp_path, CHANGING)) as path:
        await path.expect(lambda: path.names("changing") == changing_server.NAMES)
        path.bits.clear()
        await path.call("changing", "grow")
        await path.expect(lambda: path.names("changing") == [*changing_server.NAMES, "grown-4"])
        assert path.bits == [TOOLS]


@pytest.mark.requirement("R-CATALOG")
async def test_a_server_that_dies_keeps_its_entries_and_comes_back(tmp_path: Path) -> None:
    async with run_control_path(configure(tmp_path, CHANGING)) as path:
        await path.expect(lambda: path.names("changing") == changing_server.NAMES)
        first = path.pool.find("changing")
        with pytest.raises(LinkFault, match="status 3"):
            await path.call("changing", "die")
        await path.expect(lambda: path.pool.find("changing") is not first)
        assert path.names("changing") == changing_server.NAMES
        await path.expect(lambda: path.pool.find("changing") not in {None, first})
        assert await path.call("changing", "release")
        assert path.eras == [("changing", None), ("changing", "legacy")]
