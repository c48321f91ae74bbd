"""Waiting on the running loop."""

import asyncio

import pytest

from mcpgate.clock import SystemClock
from mcpgate.registry.waiter import SystemWaiter


@pytest.mark.requirement("R-CATALOG")
async def test_it_returns_on_the_event_or_at_the_moment() -> None:
    waiter, event = SystemWaiter(SystemClock()), asyncio.Event()
    await waiter.wait(event, 0)
    await waiter.wait(event, waiter.clock.now() + 1_000_000)
    assert not event.is_set()
    asyncio.get_running_loop().call_soon(event.set)
    await waiter.wait(event, waiter.clock.now() + 60_000_000_000)
    assert event.is_set()
