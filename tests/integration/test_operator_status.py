"""What is wrong with a running gateway shows where its operator looks."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from mcpgate.admin.wire import CallRequest
from mcpgate.cli.control import Client
from tests.support.gateways import running

CALL = CallRequest(name="none", arguments=msgspec.Raw(b"{}"))
SEGMENT_BYTES = 4096
# Each refused call takes more than a hundredth of a file.
CALLS = 100


@pytest.mark.requirement("R-EVENT")
async def test_events_that_cannot_be_written_are_a_problem(free_port: Callable[[], int]) -> None:
    async with running(free_port(), audit={"segment_bytes": SEGMENT_BYTES}) as gateway:
        client = Client(gateway.state_dir)
        assert (await asyncio.to_thread(client.read_status)).problems == ()
        events = Path(gateway.state_dir) / "events"
        shutil.rmtree(events)
        for _ in range(CALLS):
            await asyncio.to_thread(client.ask, CALL)
        (problem,) = (await asyncio.to_thread(client.read_status)).problems
        assert problem.startswith(f"events cannot be written to {events}: ")
        assert problem.endswith("; free space or set audit.path")
        events.mkdir()
        await asyncio.to_thread(client.ask, CALL)
        assert (await asyncio.to_thread(client.read_status)).problems == ()
