"""Bodies and replies made to cost much: a real gateway's memory stays within its limits."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.integration.test_drain_process import gateway_process, wait_for_log, write_settings
from tests.support.gateways import Answer, Client, legacy_call
from tests.support.hostile import MEBI

pytestmark = pytest.mark.requirement("R-READING")

LIMIT: Final = 4 * MEBI
# Python's own copies of a body, and the 20 bytes that the tape needs for each of its values.
SLACK: Final = 64 * MEBI
HUGE: Final = 64 * MEBI
PIECE: Final = b"x" * (256 << 10)


@dataclass
class Scene:
    """A gateway process and a client with a session."""

    client: Client
    pid: int

    def peak(self) -> int:
        """Give the largest memory that the process ever had."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))

    def resident(self) -> int:
        """Give the memory that the process has now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    async def is_alive(self) -> bool:
        return (await self.client.post(b'{"jsonrpc":"2.0","id":1,"method":"ping"}')).status == 200


@pytest.fixture(params=["granian", "native"])
async def scene(
    free_port: Callable[[], int], tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Scene]:
    port = free_port()
    listener = {"address": f"127.0.0.1:{port}", "kind": request.param}
    path = write_settings(tmp_path, port, listeners=[listener], limits={"message_bytes": LIMIT})
    async with gateway_process(path) as process:
        await wait_for_log(process, "listener.opened")
        client = Client(port)
        await client.open_session()
        yield Scene(client, process.pid)


async def flood(client: Client, chunked: bool) -> Answer:
    """Send 64 MiB, or as much of it as is taken; return the answer."""
    wire = await client.connect()
    size = ("transfer-encoding", "chunked") if chunked else ("content-length", str(HUGE))
    wire.send("POST /mcp", client.headers(size), None)
    piece = b"%x\r\n%b\r\n" % (len(PIECE), PIECE) if chunked else PIECE
    try:
        for _ in range(HUGE // len(PIECE)):
            wire.writer.write(piece)
            await wire.writer.drain()
    except ConnectionError:
        pass  # it is refused before it has all come
    try:
        return await wire.read()
    finally:
        await wire.close()


@pytest.mark.parametrize("chunked", [False, True], ids=["said", "chunked"])
async def test_a_huge_body_costs_no_more_than_the_limit(scene: Scene, chunked: bool) -> None:
    before = scene.peak()
    for _ in range(3):
        try:
            answer = await flood(scene.client, chunked)
        except (ConnectionError, asyncio.IncompleteReadError):
            continue  # closed with bytes of ours unread, the answer may be lost on the way
        assert (answer.status, answer.reason) == (413, "too_large")
    assert scene.peak() - before < LIMIT + SLACK
    assert await scene.is_alive()


async def test_a_huge_size_that_is_only_said_is_refused_at_once(scene: Scene) -> None:
    wire = await scene.client.connect()
    wire.send("POST /mcp", scene.client.headers(("content-length", str(HUGE))), None)
    answer = await wire.read()
    assert (answer.status, answer.error["code"], answer.reason) == (413, -32600, "too_large")
    await wire.close()


@pytest.mark.parametrize(
    ("shape", "status"),
    [
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b"[" * (LIMIT - 1000), 400),
        (b"[%b0]" % (b"0," * (LIMIT // 2 - 1000)), 200),
        (b"[%b0]" % (b'{"":0},' * (LIMIT // 7 - 1000)), 200),
        (b'"%b"' % (b"\\\\" * (LIMIT // 2 - 1000)), 200),
        (b"{%b}" % b",".join(b'"%06x":0' % n for n in range(LIMIT // 11 - 1000)), 200),
        (b"{%b}" % b",".join(rb'"\u0061%05x":0' % n for n in range(LIMIT // 16 - 1000)), 200),
        (b"1" * (LIMIT - 1000), 400),
    ],
    ids=["100,000 deep", "deep", "items", "objects", "escapes", "keys", "escaped keys", "number"],
)
async def test_costly_bodies_within_the_limit(scene: Scene, shape: bytes, status: int) -> None:
    body = legacy_call("s__none", b'{"a":%b}' % shape)
    assert len(body) <= LIMIT
    before = scene.peak()
    start = time.perf_counter()
    answers = [await scene.client.post(body) for _ in range(4)]
    took = time.perf_counter() - start
    assert {answer.status for answer in answers} == {status}
    assert all(answer.reason in {"parse", "unknown_tool"} for answer in answers)
    assert scene.peak() - before < LIMIT + SLACK
    assert await scene.is_alive()
    assert took < 8
