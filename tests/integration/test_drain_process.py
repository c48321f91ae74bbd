"""A gateway as a process: signals, exit codes, and one gateway for each state directory."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.gateways import Client


def write_settings(folder: Path, port: int, **more: object) -> Path:
    settings = {
        "listeners": [{"address": f"127.0.0.1:{port}"}],
        "state_dir": str(folder / "state"),
        "log": {"format": "json"},
        **more,
    }
    path = folder / f"{port}.json"
    path.write_text(json.dumps(settings))
    return path


@asynccontextmanager
async def gateway_process(path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mcpgate", "serve", "-c", str(path)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def wait_for_log(process: asyncio.subprocess.Process, event: str) -> dict[str, object]:
    """Read the log up to an event."""
    assert process.stderr is not None
    async with asyncio.timeout(15):
        while True:
            line = await process.stderr.readline()
            assert line, f"the gateway ended before {event}"
            found: dict[str, object] = json.loads(line) if line.startswith(b"{") else {}
            if found.get("event") == event:
                return found


@pytest.mark.requirement("R-RUN")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_ends_it_cleanly(
    free_port: Callable[[], int], tmp_path: Path, number: signal.Signals
) -> None:
    port = free_port()
    async with gateway_process(write_settings(tmp_path, port)) as process:
        await wait_for_log(process, "listener.opened")
        client = Client(port)
        await client.open_session()
        own, listening = await client.open_stream(), await client.listen({}, 1)
        await listening.read_event()
        process.send_signal(number)
        assert await own.read_event() is None
        assert b'"resultType":"complete"' in (await listening.read_event() or b"")
        await wait_for_log(process, "gateway.stopped")
        async with asyncio.timeout(10):
            assert await process.wait() == 0
        await own.close()
        await listening.close()
    assert not (tmp_path / "state/control.sock").exists()


@pytest.mark.requirement("R-RELOAD")
async def test_hangup_reloads(free_port: Callable[[], int], tmp_path: Path) -> None:
    port = free_port()
    path = write_settings(tmp_path, port)
    async with gateway_process(path) as process:
        await wait_for_log(process, "listener.opened")
        write_settings(tmp_path, port).write_text("{broken")
        process.send_signal(signal.SIGHUP)
        await wait_for_log(process, "config.refused")
        client = Client(port)
        await client.open_session()
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


@pytest.mark.requirement("R-STORE")
async def test_state_directory_has_one_gateway(
    free_port: Callable[[], int], tmp_path: Path
) -> None:
    first, second = (write_settings(tmp_path, free_port()) for _ in range(2))
    async with gateway_process(first) as process:
        await wait_for_log(process, "listener.opened")
        async with gateway_process(second) as other:
            _, said = await other.communicate()
            assert other.returncode == 1
            assert b"another gateway uses this state directory" in said
            assert b"Traceback" not in said
        process.terminate()
        assert await process.wait() == 0


@pytest.mark.requirement("R-CONFIG")
async def test_more_workers_are_refused(free_port: Callable[[], int], tmp_path: Path) -> None:
    path = write_settings(tmp_path, free_port(), workers=2)
    async with gateway_process(path) as process:
        _, said = await process.communicate()
        assert process.returncode == 2
        assert b"workers" in said
        assert b"Traceback" not in said


@pytest.mark.requirement("R-SESSION")
async def test_session_outlives_the_process(free_port: Callable[[], int], tmp_path: Path) -> None:
    client = Client(free_port())
    path = write_settings(tmp_path, client.port)
    async with gateway_process(path) as process:
        await wait_for_log(process, "listener.opened")
        await client.open_session()
        process.terminate()
        assert await process.wait() == 0
    async with gateway_process(path) as process:
        await wait_for_log(process, "listener.opened")
        wire = await client.open_stream()
        await wire.close()
