import asyncio

import pytest

from mcpgate.links.lost import Lost
from mcpgate.links.workers import Workers


@pytest.mark.requirement("R-ERRORS")
async def test_the_first_reason_stays_and_wakes_everyone() -> None:
    lost = Lost()
    waiting = [asyncio.ensure_future(lost.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    assert not lost
    lost.set("first")
    lost.set("second")
    assert await asyncio.gather(*waiting) == ["first", "first"]
    assert lost


@pytest.mark.requirement("R-ERRORS")
async def test_workers_outlive_a_failure_and_end_with_close() -> None:
    workers = Workers()
    ended: list[str] = []
    ran = asyncio.Event()

    async def fail() -> None:
        raise ValueError

    async def last() -> None:
        try:
            ran.set()
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append("last")

    workers.start(fail)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    workers.start(last)
    async with asyncio.timeout(5):
        await ran.wait()
    await workers.close()
    workers.start(last)
    assert ended == ["last"]


@pytest.mark.requirement("R-ERRORS")
async def test_workers_that_never_began_are_dropped() -> None:
    workers = Workers()

    async def never() -> None:
        raise AssertionError

    workers.start(never)
    await workers.close()
    await workers.wait_idle()
