"""A server that is killed and started again under load: what it ran, by its own count."""

import asyncio
import itertools
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.gateways import Answer, Client, http_server, running, wait_for_entries

pytestmark = pytest.mark.requirement("R-HEAL")

CLIENTS = 50
CALLS = 600
KILL_AT = (200, 400)


async def start(port: int, counts: Path, root: Path) -> Process:
    command = (sys.executable, "-m", "tests.support.counting_server", str(port), str(counts))
    process = await asyncio.create_subprocess_exec(*command, cwd=root, stdout=PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(20):
        assert await process.stdout.readline() == b"up\n"
    return process


async def end(process: Process) -> None:
    process.kill()
    await process.wait()


class Load:
    """Clients that call one after the other, until all calls were made."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = itertools.count()
        self.answers: dict[int, Answer] = {}
        self.reached = asyncio.Condition()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(self._call())

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(20), self.reached:
            await self.reached.wait_for(lambda: len(self.answers) >= count)

    async def _call(self) -> None:
        client = Client(self._port)
        await client.open_session()
        while (number := next(self._numbers)) < CALLS:
            arguments = json.dumps({"n": number}).encode()
            self.answers[number] = await client.call("s__run", arguments, number)
            async with self.reached:
                self.reached.notify_all()

    def name(self, number: int) -> str:
        """Say how a call ended: its reason, or `ok`."""
        answer = self.answers[number]
        return "ok" if "result" in answer.message else answer.reason


async def test_a_server_killed_under_load_runs_nothing_twice(
    tmp_path: Path, root: Path, free_port: Callable[[], int]
) -> None:
    counts, at, port = tmp_path / "counts", free_port(), free_port()
    process = await start(at, counts, root)
    try:
        server = http_server("s", f"http://127.0.0.1:{at}/mcp", deadline_s=20)
        async with running(port, [server]) as gateway:
            await wait_for_entries(gateway, 1)
            load = Load(port)
            loading = asyncio.create_task(load.run())
            for count in KILL_AT:
                await load.wait_for(count)
                await end(process)
                process = await start(at, counts, root)
            await loading
    finally:
        await end(process)
    ran = Counter(int(line) for line in counts.read_text().split())
    ended = {number: load.name(number) for number in range(CALLS)}
    assert set(ended.values()) <= {"ok", "lost"}
    assert max(ran.values()) == 1
    assert all(ran[number] == 1 for number, end in ended.items() if end == "ok")
    assert Counter(ended.values())["lost"] <= len(KILL_AT) * CLIENTS
