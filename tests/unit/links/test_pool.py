import asyncio
from collections.abc import Callable

import pytest

from mcpgate.links.call import OpenCall
from mcpgate.links.pool import Pool
from mcpgate.model import Forward


class FakeLink:
    def __init__(self, *, hangs: bool = False) -> None:
        self.closed = False
        self._hangs = hangs

    def call(self, forward: Forward, upstream_id: int, deadline_ns: int) -> OpenCall:
        raise AssertionError("no test asks for this")

    async def request(self, method: str, params: bytes, timeout_s: float) -> bytes:
        raise AssertionError("no test asks for this")

    def listen(self, notice: Callable[[int], None]) -> None:
        raise AssertionError("no test asks for this")

    async def wait_lost(self) -> str:
        raise AssertionError("no test asks for this")

    async def close(self) -> None:
        if self._hangs:
            await asyncio.get_running_loop().create_future()
        self.closed = True


@pytest.mark.requirement("R-PATH")
async def test_a_link_is_found_until_it_is_replaced_or_removed() -> None:
    pool = Pool()
    old, new = FakeLink(), FakeLink()
    assert pool.find("a") is None
    assert pool.put("a", old) is None
    assert pool.find("a") is old
    assert pool.put("a", new) is old
    assert not pool.remove("a", old)
    assert pool.find("a") is new
    assert pool.remove("a", new)
    assert pool.find("a") is None


@pytest.mark.requirement("R-STDIO-LIFE")
async def test_all_links_close_side_by_side_within_the_deadline() -> None:
    pool = Pool()
    good, late = FakeLink(), FakeLink(hangs=True)
    pool.put("good", good)
    pool.put("late", late)
    assert await pool.close(deadline_s=0.05) == ["late"]
    assert good.closed
    assert pool.find("good") is None
    assert await pool.close() == []
