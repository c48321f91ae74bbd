import asyncio
from collections.abc import Callable

import pytest

from mcpgate.links.wheel import Wheel

MS = 1_000_000


class ManualClock:
    def __init__(self) -> None:
        self.at_ns = 0

    def now(self) -> int:
        return self.at_ns

    def wall(self) -> int:
        return self.at_ns

    def random(self, size_bytes: int) -> bytes:
        return bytes(size_bytes)


class Item:
    def __init__(self, deadline_ms: int, wheel: Wheel | None = None) -> None:
        self.deadline_ns = deadline_ms * MS
        self.slow: Callable[[], None] | None = None
        self.expired = 0
        self._wheel = wheel

    def expire(self) -> None:
        self.expired += 1
        if self._wheel is not None:
            self._wheel.discard(self)


@pytest.mark.requirement("R-ERRORS")
@pytest.mark.parametrize("discards", [True, False])
def test_an_item_expires_once_at_the_first_sweep_after_its_deadline(discards: bool) -> None:
    clock = ManualClock()
    wheel = Wheel(clock)
    item = Item(250, wheel if discards else None)
    wheel.add(item)
    for at_ms, expected in ((100, 0), (200, 0), (300, 1), (400, 1)):
        clock.at_ns = at_ms * MS
        wheel.sweep()
        assert item.expired == expected
    assert len(wheel) == 0


@pytest.mark.requirement("R-ERRORS")
def test_slow_runs_once_and_only_for_what_has_been_open_for_a_period() -> None:
    clock = ManualClock()
    wheel = Wheel(clock)
    told: list[str] = []
    quick, lasting = Item(10_000), Item(10_000)
    quick.slow = lambda: told.append("quick")
    lasting.slow = lambda: told.append("lasting")
    wheel.add(quick)
    wheel.add(lasting)
    wheel.sweep()
    assert told == []
    wheel.discard(quick)
    wheel.sweep()
    wheel.sweep()
    assert told == ["lasting"]


@pytest.mark.requirement("R-ERRORS")
def test_discard_works_at_every_age_and_for_strangers() -> None:
    wheel = Wheel(ManualClock())
    for sweeps in range(4):
        item = Item(10_000)
        wheel.add(item)
        for _ in range(sweeps):
            wheel.sweep()
        wheel.discard(item)
        wheel.discard(item)
        assert len(wheel) == 0


@pytest.mark.requirement("R-ERRORS")
def test_periodic_callbacks_run_each_sweep_even_beside_a_broken_one() -> None:
    wheel = Wheel(ManualClock())
    runs: list[int] = []

    def broken() -> None:
        raise ValueError

    def good() -> None:
        runs.append(1)

    wheel.every(broken)
    wheel.every(good)
    wheel.sweep()
    wheel.sweep()
    wheel.never(good)
    wheel.sweep()
    assert len(runs) == 2


@pytest.mark.requirement("R-ERRORS")
def test_an_item_may_discard_others_while_it_expires() -> None:
    clock = ManualClock()
    wheel = Wheel(clock)
    other = Item(500)

    class Selfish(Item):
        def expire(self) -> None:
            super().expire()
            wheel.discard(other)

    first = Selfish(50)
    wheel.add(first)
    wheel.add(other)
    clock.at_ns = 100 * MS
    wheel.sweep()
    assert (first.expired, other.expired, len(wheel)) == (1, 0, 0)


@pytest.mark.requirement("R-ERRORS")
async def test_a_started_wheel_turns_by_itself_until_it_is_stopped() -> None:
    wheel = Wheel(ManualClock())
    turned = asyncio.Event()
    wheel.every(turned.set)
    wheel.start()
    wheel.start()
    async with asyncio.timeout(5):
        await turned.wait()
    wheel.stop()
    wheel.stop()
