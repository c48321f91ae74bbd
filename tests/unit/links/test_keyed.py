"""Links of clients' own: opened once, bounded, closed when idle, and never tried in a storm."""

import asyncio

import pytest

from mcpgate.errors import LinkFault, RemoteError
from mcpgate.links.keyed import PER_SERVER
from mcpgate.links.waiting import WaitingLink
from mcpgate.model import Terms
from tests.support.link_pool import PooledLink, World
from tests.support.links import make_peer, settle

REFUSED = LinkFault("unavailable", "connection refused")


async def open_keyed(world: World, capabilities: int = 1, owner: str = "") -> PooledLink:
    world.pool.find("s", capabilities, owner)
    await settle()
    link = world.pool.find("s", capabilities, owner)
    assert isinstance(link, PooledLink)
    return link


@pytest.mark.requirement("R-LINK-KEYS")
async def test_many_first_calls_open_one_link() -> None:
    world = World()
    world.gate.clear()
    pairs = [world.call(world.pool.find("s", 5, "me")) for _ in range(20)]
    await settle()
    assert world.opened == [("s", Terms(capabilities=b'{"bits":5}', owned=True))]
    assert world.made == []
    world.gate.set()
    await settle()
    (link,) = world.made
    assert len(link.called) == 20
    assert world.pool.find("s", 5, "me") is link
    assert world.pool.find("s") is world.base
    assert not any(taker.faults for _, taker in pairs)
    assert link.streams == 1, "its server may ask on a stream of its own"


@pytest.mark.requirement("R-LINK-KEYS")
async def test_each_capability_and_owner_has_a_link_of_its_own() -> None:
    world = World()
    keys = [(1, ""), (2, ""), (1, "a"), (1, "b"), (0, "a")]
    links = [await open_keyed(world, *key) for key in keys]
    assert len(set(map(id, links))) == 5
    assert [link.streams for link in links] == [1, 1, 1, 1, 1]
    assert [terms.owned for _, terms in world.opened] == [False, False, True, True, True]


@pytest.mark.requirement("R-LINK-KEYS")
async def test_a_modern_server_has_no_stream_of_an_owner() -> None:
    world = World()
    world.peer = make_peer(era="modern")
    assert (await open_keyed(world, 0, "me")).streams == 0


@pytest.mark.requirement("R-LINK-KEYS")
async def test_a_failed_opening_fails_who_waits_and_is_not_repeated_at_once() -> None:
    world = World()
    world.faults = [REFUSED, RemoteError(-32600, "no"), REFUSED]
    for delay_s in (0.5, 1, 2):
        _, taker = world.call(world.pool.find("s", 1))
        await settle()
        assert taker.reasons == ["unavailable"]
        tried = len(world.opened)
        await world.advance(delay_s - 0.01)
        _, at_once = world.call(world.pool.find("s", 1))
        assert at_once.reasons == ["unavailable"]
        assert "a moment ago" in str(at_once.faults[0])
        assert len(world.opened) == tried
        await world.advance(0.01)
    other = await open_keyed(world, 2)
    assert isinstance(await open_keyed(world, 1), PooledLink)
    assert world.pool.find("s", 2) is other
    assert len(world.wheel) == 0


@pytest.mark.requirement("R-LINK-KEYS", "R-HEAL")
async def test_while_the_server_is_down_its_keeper_finds_out_first() -> None:
    world = World()
    world.pool.remove("s", world.base)
    assert world.pool.find("s", 1) is None
    world.expect_base()
    _, taker = world.call(world.pool.find("s", 1))
    await settle()
    assert world.opened == []
    world.pool.put("s", PooledLink())
    await settle()
    assert len(world.made[0].called) == 1
    assert taker.faults == []


@pytest.mark.requirement("R-LINK-KEYS", "R-HEAL")
async def test_a_server_that_went_unnoticed_is_tried_again_when_it_is_back() -> None:
    world = World()
    world.faults = [REFUSED]
    world.base.answers_ping = False
    world.until_ns = world.clock.now() + 5_000_000_000
    _, taker = world.call(world.pool.find("s", 1))
    await settle()
    assert (len(world.opened), world.revived) == (1, 1)
    world.pool.put("s", PooledLink())
    await settle()
    assert (len(world.opened), len(world.made[0].called), taker.faults) == (2, 1, [])


@pytest.mark.requirement("R-LINK-KEYS", "R-HEAL")
async def test_a_lost_link_is_replaced_once_and_a_usable_one_never() -> None:
    world = World()
    link = await open_keyed(world, 1, "me")
    assert world.heal(link, 1, "me") == [None]
    link.usable = False
    (one,), (two,) = world.heal(link, 1, "me"), world.heal(link, 1, "me")
    assert isinstance(one, WaitingLink)
    assert one is two
    _, taker = world.call(one)
    await settle()
    assert (len(world.opened), link.closes, taker.faults) == (2, 1, [])
    assert len(world.made[1].called) == 1
    assert world.heal(one, 1, "me") == [None], "what was waited for has come, and is usable"


@pytest.mark.requirement("R-LINK-KEYS", "R-HEAL")
async def test_a_link_that_is_lost_again_and_again_is_not_opened_in_a_storm() -> None:
    world = World()
    for _ in range(200):
        world.call(world.pool.find("s", 1, "me"))
        await world.advance(0.05)
        if len(world.made) and world.made[-1].usable:
            world.made[-1].usable = False
    assert 4 <= len(world.opened) <= 7
    await world.advance(8)
    await open_keyed(world, 1, "me")
    await world.advance(1)
    for _ in range(3):  # one that lasts is healed at once again
        world.made[-1].usable = False
        await open_keyed(world, 1, "me")
        await world.advance(1)


@pytest.mark.requirement("R-LINK-KEYS")
async def test_the_longest_idle_link_makes_room() -> None:
    world = World()
    links = []
    for bits in range(1, PER_SERVER + 1):
        links.append(await open_keyed(world, bits))
        world.clock.at_ns += 1_000_000
    world.pool.find("s", 1)  # used again: the second is the oldest now
    held, _ = world.call(links[1])
    await open_keyed(world, 100)
    assert [link.closes for link in links[:4]] == [0, 0, 1, 0]
    held.close()
    assert world.pool.find("s", 2) is links[1]


@pytest.mark.requirement("R-LINK-KEYS")
async def test_without_an_idle_link_there_is_no_room() -> None:
    world = World()
    calls = [world.call(await open_keyed(world, bits))[0] for bits in range(1, PER_SERVER + 1)]
    _, taker = world.call(world.pool.find("s", 100))
    assert taker.reasons == ["unavailable"]
    assert "64 links" in str(taker.faults[0])
    world.pool.put("other", PooledLink())
    assert isinstance(world.pool.find("other", 1), WaitingLink)
    calls[7].close()
    await open_keyed(world, 100)
    assert world.made[7].closes == 1


@pytest.mark.requirement("R-LINK-KEYS")
async def test_what_is_idle_for_five_minutes_is_closed() -> None:
    world = World()
    idle, busy = await open_keyed(world, 1), await open_keyed(world, 2)
    call, _ = world.call(busy)
    await world.advance(299)
    assert idle.closes == 0
    await world.advance(1)
    assert (idle.closes, busy.closes) == (1, 0)
    call.close()
    await world.advance(299)
    assert busy.closes == 0
    await world.advance(1)
    assert busy.closes == 1
    assert await open_keyed(world, 1) is not idle
    assert world.base.closes == 0


@pytest.mark.requirement("R-LINK-KEYS")
async def test_a_lost_link_is_closed_without_being_asked_for() -> None:
    world = World()
    link = await open_keyed(world)
    link.usable = False
    await world.advance(1)
    assert link.closes == 1


@pytest.mark.requirement("R-LINK-KEYS")
async def test_an_owner_that_leaves_takes_its_links_along() -> None:
    world = World()
    mine, other, shared = [await open_keyed(world, 1, owner) for owner in ("me", "you", "")]
    call, taker = world.call(mine)
    world.pool.leave("me")
    world.pool.leave("")
    await world.advance(1)
    assert (mine.closes, other.closes, shared.closes) == (0, 0, 0)
    call.close()
    await world.advance(1)
    assert (mine.closes, other.closes, shared.closes) == (1, 0, 0)
    assert taker.faults == []


@pytest.mark.requirement("R-LINK-KEYS")
@pytest.mark.parametrize("why", ["owner", "server"])
async def test_who_leaves_while_a_link_opens_still_gets_its_answers(why: str) -> None:
    world = World()
    world.gate.clear()
    call, taker = world.call(world.pool.find("s", 1, "me"))
    await settle()
    if why == "owner":
        world.pool.leave("me")
    else:
        world.pool.end("s")
    world.gate.set()
    await settle()
    (link,) = world.made
    assert (len(link.called), taker.faults, link.streams) == (1, [], 0)
    call.close()
    await world.advance(1)
    assert link.closes == 1


@pytest.mark.requirement("R-LINK-KEYS", "R-RELOAD")
async def test_a_server_that_leaves_or_changes_loses_its_keyed_links() -> None:
    world = World()
    mine = await open_keyed(world, 1, "me")
    world.pool.put("other", PooledLink())
    world.pool.find("other", 1, "me")
    await settle()
    world.pool.end("s")
    await settle()
    assert [link.closes for link in world.made] == [1, 0]
    assert await open_keyed(world, 1, "me") is not mine


@pytest.mark.requirement("R-LINK-KEYS")
async def test_closing_ends_all_and_fails_who_waits() -> None:
    world = World()
    link = await open_keyed(world)
    world.gate.clear()
    _, taker = world.call(world.pool.find("s", 2))
    _, early = world.call(world.pool.find("s", 3))
    await asyncio.sleep(0)
    assert await world.pool.close() == []
    assert (link.closes, taker.reasons, early.reasons) == (1, ["unavailable"], ["unavailable"])
    assert len(world.wheel) == 0
