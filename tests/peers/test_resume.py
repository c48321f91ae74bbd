"""The official clients come back by themselves when a call's stream breaks, and miss nothing."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp.client.client import Client
from mcp_types import TextContent

from tests.support.gateways import http_server, running, wait_for_entries, wait_until
from tests.support.relay import Relay
from tests.support.resuming import Worker

pytestmark = [
    pytest.mark.requirement("R-RESUME"),
    pytest.mark.requirement("R-PEERS"),
    pytest.mark.timeout(60),
    pytest.mark.parametrize("kind", ["granian", "native"]),
]


@asynccontextmanager
async def breakable(free_port: Callable[[], int], kind: str, breaks: int) -> AsyncIterator[Relay]:
    """Run a gateway that a client reaches through a cable, which breaks so often."""
    port, outer = free_port(), free_port()
    listener = {"address": f"127.0.0.1:{port}", "kind": kind, "hosts": [f"127.0.0.1:{outer}"]}
    async with Worker() as worker:
        servers = [http_server("s", worker.server.url, deadline_s=30)]
        async with (
            running(port, servers, listeners=[listener]) as gateway,
            Relay(outer, port) as relay,
        ):
            await wait_for_entries(gateway, 1)
            breaking = asyncio.create_task(break_often(worker, relay, breaks))
            yield relay
            await breaking
            assert worker.cancelled == 0
            await wait_until(gateway, lambda core: not len(core.exchange.open))


async def break_often(worker: Worker, relay: Relay, breaks: int) -> None:
    """Break the client's stream after a message, and again once it heard what came meanwhile."""
    await worker.started.wait()
    for amount in range(1, breaks + 1):
        worker.tell(amount)
        await relay.wait_for(b'"progress": %d' % amount)
        relay.cut()
    worker.tell(*range(breaks + 1, 5), 0)


async def test_python_sdk(free_port: Callable[[], int], kind: str) -> None:
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async with (
        # once: when a stream that it came back for breaks, it asks from the first break on again
        breakable(free_port, kind, breaks=1) as relay,
        Client(f"http://127.0.0.1:{relay.port}/mcp", mode="legacy") as client,
    ):
        result = await client.call_tool("s__work", {"size": 5}, progress_callback=hear)
        (content,) = result.content
        assert isinstance(content, TextContent)
        assert content.text == "xxxxx"
    assert heard == [1, 2, 3, 4]


async def test_typescript_sdk(
    free_port: Callable[[], int], kind: str, node: Path, npm_parts: Path
) -> None:
    async with breakable(free_port, kind, breaks=3) as relay:
        script = Path(__file__).with_name("resume.mjs")
        url = f"http://127.0.0.1:{relay.port}/mcp"
        process = await asyncio.create_subprocess_exec(
            node, script, npm_parts, url, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
    assert json.loads(said) == {"heard": [1, 2, 3, 4], "answer": "xxxxx"}
