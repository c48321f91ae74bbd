"""A changed configuration file, with calls in flight."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from mcpgate.clock import SystemClock
from mcpgate.config.load import ConfigSource, resolve
from mcpgate.registry.waiter import SystemWaiter
from mcpgate.registry.watch import Watch
from tests.support import changing_server
from tests.support.control_path import run_control_path

SCRIPT = str(Path(changing_server.__file__))


def write_config(path: Path, *names: str, **labels: str) -> None:
    command = [sys.executable, "-I", SCRIPT]
    servers = [
        {"name": name, "transport": "stdio", "command": command, "labels": labels} for name in names
    ]
    text = json.dumps({"servers": servers, "state_dir": str(path.parent / "state")})
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


@pytest.mark.requirement("R-RELOAD")
async def test_a_changed_file_starts_and_ends_servers_but_no_call(tmp_path: Path) -> None:
    file = tmp_path / "mcpgate.json"
    write_config(file, "one", "two")
    source = ConfigSource(str(file))
    changed = asyncio.Event()
    watch = Watch(str(file), changed.set, SystemWaiter(SystemClock()))
    async with run_control_path(resolve(source.load())) as path:
        watching = asyncio.create_task(watch.run())
        await path.expect(lambda: bool(path.names("one")) and bool(path.names("two")))
        kept, gone = path.pool.find("one"), path.pool.find("two")
        assert gone is not None
        calls = [asyncio.create_task(path.call(name, "hold")) for name in ("one", "two")]
        await asyncio.sleep(0)
        write_config(file, "three", "one", team="x")
        await asyncio.wait_for(changed.wait(), 10)
        status = await path.publisher.reload(lambda: resolve(source.load()))
        assert (status.reload_error, status.last_error) == ((), ())
        await path.expect(lambda: bool(path.names("three")))
        assert [row.server for row in path.rows()] == ["three"] * 4 + ["one"] * 4
        assert path.pool.find("one") is kept
        assert path.pool.find("two") is None
        assert [call.done() for call in calls] == [False, False]
        await path.call("one", "release")
        await gone.request("tools/call", b'{"name":"release","arguments":{}}', 10)
        assert all(b"hold" in result or b"release" in result for result in await gather(calls))
        watching.cancel()


async def gather(calls: list[asyncio.Task[bytes]]) -> list[bytes]:
    return await asyncio.wait_for(asyncio.gather(*calls), 10)


@pytest.mark.requirement("R-RELOAD")
async def test_a_broken_file_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "mcpgate.json"
    write_config(file, "one")
    source = ConfigSource(str(file))
    async with run_control_path(resolve(source.load())) as path:
        await path.expect(lambda: bool(path.names("one")))
        before = path.gate.catalog()
        file.write_text('{"servers": [{"name": "one", "trnsport": "stdio"}]}')
        status = await path.publisher.reload(lambda: resolve(source.load()))
        assert "trnsport" in " ".join(status.reload_error)
        assert path.gate.catalog() == before
        assert path.states() == {"one": "up"}
