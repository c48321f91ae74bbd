"""The keepers' links: found, awaited, replaced once, closed in time."""

import pytest

from mcpgate.links.waiting import WAITING_CALLS, WaitingLink
from tests.support.link_pool import KeptTaker, PooledLink, World
from tests.support.link_world import Sent
from tests.support.links import settle


@pytest.mark.requirement("R-PATH")
async def test_a_link_is_found_until_it_is_replaced_or_removed() -> None:
    pool = World().pool
    old, new = PooledLink(), PooledLink()
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
    world = World()
    pool = world.pool
    good, late, busy = PooledLink(), PooledLink(hangs=True), PooledLink()
    world.call(busy)
    pool.put("good", good)
    pool.put("late", late)
    pool.retire("busy", busy)
    assert await pool.close(deadline_s=0.05) == ["late"]
    assert (good.closes, busy.closes, world.base.closes) == (1, 1, 1)
    assert pool.find("good") is None
    assert await pool.close() == []


@pytest.mark.requirement("R-HEAL")
async def test_a_retired_link_is_closed_after_its_open_calls() -> None:
    world = World()
    idle, busy, late = PooledLink(), PooledLink(), PooledLink()
    call, _ = world.call(busy)
    world.call(late)
    for link in (idle, busy, late):
        world.pool.retire("s", link)
    await world.advance(1)
    assert (idle.closes, busy.closes, late.closes) == (1, 0, 0)
    call.close()
    await world.advance(1)
    assert (busy.closes, late.closes) == (1, 0)
    await world.advance(9)
    assert (busy.closes, late.closes) == (1, 1)


@pytest.mark.requirement("R-HEAL")
async def test_calls_wait_for_the_next_link_of_a_server_that_may_come_back() -> None:
    world = World()
    world.pool.remove("s", world.base)
    assert world.pool.find("s") is None, "nothing is expected"
    world.expect_base()
    first, other = world.pool.find("s"), world.pool.find("s")
    assert first is other
    assert world.revived == 2
    pairs = [world.call(first) for _ in range(20)]
    pairs[0][0].close()
    new = PooledLink()
    world.pool.put("s", new)
    await settle()
    assert world.pool.find("s") is new
    assert [call.upstream_id for call in new.called] == list(range(2, 21))
    pairs[1][0].cancel(b"why")
    assert new.called[0].cancelled == [b"why"]
    assert new.called[0].taker is pairs[1][1]
    pairs[1][0].close()
    assert len(new.called) == 18
    assert len(world.wheel) == 0
    assert first is not None
    first.tell(b"x")
    assert (new.told, first.open_calls, first.usable) == ([b"x"], 18, True)
    assert not any(taker.faults for _, taker in pairs)


@pytest.mark.requirement("R-HEAL")
async def test_what_does_not_come_back_in_time_is_down() -> None:
    world = World()
    world.pool.remove("s", world.base)
    world.expect_base(5)
    link = world.pool.find("s")
    _, early = world.call(link, within_s=1)
    _, late = world.call(link)
    await world.advance(1)
    assert (early.reasons, late.reasons) == (["unavailable"], [])
    await world.advance(4)
    assert late.reasons == ["unavailable"]
    assert world.pool.find("s") is None
    assert world.heal(world.base) == [None]
    assert len(world.wheel) == 0
    _, after = world.call(link)
    assert after.reasons == ["unavailable"]


@pytest.mark.requirement("R-HEAL")
async def test_only_a_lost_link_is_replaced_and_once_for_all_who_ask() -> None:
    world = World()
    assert world.heal(world.base) == [None], "it answers: another link would not help"
    assert world.revived == 0
    world.expect_base()
    (one,), (two,) = world.heal(world.base), world.heal(world.base)
    assert isinstance(one, WaitingLink)
    assert one is two is world.pool.find("s")
    assert world.revived == 1
    new = PooledLink()
    world.pool.put("s", new)
    assert world.heal(world.base) == [new]
    assert not world.pool.remove("s", world.base), "its keeper comes late"
    new.usable = False
    (third,) = world.heal(one)
    assert isinstance(third, WaitingLink)
    assert third is not one


@pytest.mark.requirement("R-HEAL")
async def test_waiting_calls_are_bounded() -> None:
    world = World()
    world.expect_base()
    (link,) = world.heal(world.base)
    pairs = [world.call(link) for _ in range(WAITING_CALLS + 1)]
    assert [taker.reasons for _, taker in pairs[-2:]] == [[], ["unavailable"]]
    pairs[0][0].close()
    _, next_one = world.call(link)
    assert next_one.faults == []
    await world.pool.close()
    assert next_one.reasons == ["unavailable"]
    assert len(world.wheel) == 0


@pytest.mark.requirement("R-HEAL", "R-CANCEL")
async def test_a_waiting_call_that_lasts_is_told_so_once() -> None:
    world = World()
    world.expect_base()
    (link,) = world.heal(world.base)
    slow: list[int] = []
    assert link is not None
    for ident in (1, 2):
        call = link.call(Sent({}), ident, world.clock.now() + 10**12)
        call.slow = lambda: slow.append(1)
        call.attach(KeptTaker())
        if ident == 1:
            await world.advance(0.1)
            await world.advance(0.1)
    new = PooledLink()
    world.pool.put("s", new)
    await settle()
    assert slow == [1]
    call.deadline_ns = 7
    assert [each.deadline_ns == 7 for each in new.called] == [False, True]
    told = {call.upstream_id: call.slow for call in new.called if call.slow is not None}
    assert list(told) == [2]
    told[2]()
    assert slow == [1, 1]
    taker = KeptTaker()
    call.attach(taker)
    assert new.called[1].taker is taker
    call.slow = None
    assert new.called[1].slow is None
