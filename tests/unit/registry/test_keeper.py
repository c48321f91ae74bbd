"""One keeper: link open, entries fresh, faults kept to itself."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault
from mcpgate.gate import LOG, PROMPTS, TOOLS
from mcpgate.model import Peer
from mcpgate.registry.catalog import Catalog
from mcpgate.registry.era import Eras
from mcpgate.registry.keeper import RETURN_NS, Keeper, Means
from mcpgate.registry.store import open_store
from mcpgate.sessions.streams import Streams
from tests.support.links import (
    FakeLink,
    FakeOpener,
    FakePool,
    ManualWaiter,
    make_page,
    make_peer,
    make_tools,
    settle,
)

SERVER = Server(name="a", transport="stdio", command=("x",), refresh_s=300)
PEER = make_peer("tools", "prompts")


class Bench:
    """A keeper with everything around it."""

    def __init__(self, eras: Eras) -> None:
        self.opener, self.pool, self.catalog = FakeOpener(), FakePool(), Catalog()
        self.eras, self.waiter = eras, ManualWaiter()
        self.catalog.configure(["a"])
        means = Means(
            open_link=self.opener,
            pool=self.pool,
            catalog=self.catalog,
            eras=eras,
            waiter=self.waiter,
            news=Streams(),
        )
        self.keeper = Keeper(SERVER, means)
        self.task: asyncio.Task[None] | None = None

    async def start(self, *links: FakeLink | Exception, peer: Peer = PEER) -> None:
        """Let the server be opened with these, in order, and begin."""
        self.opener.next["a"] = [
            link if isinstance(link, Exception) else (link, peer) for link in links
        ]
        self.task = asyncio.create_task(self.keeper.run())
        await settle()

    @property
    def state(self) -> tuple[str, str]:
        status = self.keeper.describe()
        return (status.state, status.reason)

    @property
    def tools(self) -> list[bytes]:
        entries = self.catalog.find("a")
        return [bytes(tool) for tool in entries.tools] if entries else []


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    with open_store(str(tmp_path / "state")) as store:
        found = Bench(Eras(store))
        yield found
        found.keeper.leave(at_once=True)
        if found.task is not None:
            await asyncio.gather(found.task, return_exceptions=True)
            assert found.state[0] == "stopped"


@pytest.mark.requirement("R-CATALOG")
async def test_an_opened_server_is_listed_pooled_and_listened_to(bench: Bench) -> None:
    link = FakeLink(make_tools("one"))
    assert bench.state == ("starting", "")
    await bench.start(link)
    assert bench.state == ("up", "")
    assert bench.pool.links == {"a": link}
    assert bench.tools == [b'{"name":"one"}']
    assert link.notice is not None
    status = bench.keeper.describe()
    assert (status.tools, status.revision, status.detail) == (1, "2025-11-25", "")
    assert status.since_ns == bench.waiter.clock.wall()


@pytest.mark.requirement("R-CHANGED")
async def test_a_burst_of_changes_fetches_only_the_changed_list_once(bench: Bench) -> None:
    link = FakeLink(make_tools("one"))
    await bench.start(link)
    link.pages = make_tools("one", "two")
    link.asked.clear()
    for _ in range(5):
        link.change(TOOLS)
        await bench.waiter.advance(0.1)
    link.change(LOG)
    assert link.asked == []
    await bench.waiter.advance(0.2)
    assert [method for method, _ in link.asked] == ["tools/list"]
    assert bench.tools[1:] == [b'{"name":"two"}']
    link.change(PROMPTS)
    await bench.waiter.advance(2)
    assert [method for method, _ in link.asked] == ["tools/list", "prompts/list"]


@pytest.mark.requirement("R-CHANGED")
async def test_a_change_during_the_first_fetch_is_not_lost(bench: Bench) -> None:
    link = FakeLink(make_tools("one"))
    link.hold = asyncio.Event()
    await bench.start(link)
    link.change(TOOLS)
    link.hold.set()
    await settle()
    link.pages = make_tools("one", "two")
    await bench.waiter.advance(0.3)
    assert len(bench.tools) == 2


@pytest.mark.requirement("R-CHANGED")
async def test_entries_are_fetched_again_when_old(bench: Bench) -> None:
    link = FakeLink(make_tools("one"))
    await bench.start(link)
    await bench.waiter.advance(299)
    assert len(link.asked) == 2
    await bench.waiter.advance(1)
    assert len(link.asked) == 4
    bench.keeper.update(Server(name="a", transport="stdio", command=("x",), refresh_s=10))
    await bench.waiter.advance(10)
    assert len(link.asked) == 6


@pytest.mark.requirement("R-CHANGED")
async def test_partial_fetches_do_not_put_off_the_full_one(bench: Bench) -> None:
    link = FakeLink(make_tools("one"))
    await bench.start(link)
    for _ in range(3):
        await bench.waiter.advance(90)
        link.change(TOOLS)
        await bench.waiter.advance(1)
    link.asked.clear()
    await bench.waiter.advance(27)
    assert [method for method, _ in link.asked] == ["tools/list", "prompts/list"]


@pytest.mark.requirement("R-CHANGED")
@pytest.mark.parametrize(("ttl_ms", "after_s"), [(20_000, 20), (1, 5), (0, 300)])
async def test_a_modern_servers_ttl_is_honoured(bench: Bench, ttl_ms: int, after_s: int) -> None:
    page = make_page("tools/list", '{"name":"one"}', rest=f',"ttlMs":{ttl_ms}')
    link = FakeLink({"tools/list": [page]})
    await bench.start(link, peer=make_peer("tools", era="modern"))
    await bench.waiter.advance(after_s - 0.1)
    assert len(link.asked) == 1
    await bench.waiter.advance(0.2)
    assert len(link.asked) == 2


@pytest.mark.requirement("R-CATALOG")
async def test_a_failed_list_is_tried_again_soon_and_shown(bench: Bench) -> None:
    link = FakeLink({"tools/list": [LinkFault("deadline"), *make_tools("one")["tools/list"]]})
    await bench.start(link)
    assert bench.state == ("up", "")
    assert "tools/list: deadline" in bench.keeper.describe().detail
    await bench.waiter.advance(30)
    assert bench.tools == [b'{"name":"one"}']
    assert bench.keeper.describe().detail == ""


@pytest.mark.requirement("R-CATALOG")
async def test_a_lost_link_leaves_the_pool_and_its_entries_stay(bench: Bench) -> None:
    link, second = FakeLink(make_tools("one")), FakeLink(make_tools("two"))
    await bench.start(link, second)
    link.lose()
    await settle()
    assert bench.state == ("down", "lost")
    assert "child ended" in bench.keeper.describe().detail
    assert bench.pool.links == {}
    assert link.closes == 1
    assert bench.tools == [b'{"name":"one"}']
    assert "from the last time it was up" in bench.keeper.describe().detail
    await bench.waiter.advance(0.4)
    assert bench.pool.links == {"a": second}
    assert bench.tools == [b'{"name":"two"}']
    assert bench.keeper.describe().detail == ""


@pytest.mark.requirement("R-CATALOG")
async def test_a_server_that_is_down_is_tried_with_growing_delay(bench: Bench) -> None:
    await bench.start()
    assert bench.state == ("down", "unavailable")
    await bench.waiter.advance(0.4)
    assert len(bench.opener.opened) == 2
    await bench.waiter.advance(0.7)
    assert len(bench.opener.opened) == 2
    await bench.waiter.advance(0.1)
    assert len(bench.opener.opened) == 3
    await bench.waiter.advance(600)
    assert 20 <= len(bench.opener.opened) <= 30
    bench.opener.next["a"] = [(FakeLink(make_tools("one")), PEER)]
    await bench.waiter.advance(30)
    assert bench.state == ("up", "")


@pytest.mark.requirement("R-CATALOG")
async def test_a_server_that_accepts_and_dies_keeps_waiting_longer(bench: Bench) -> None:
    links = [FakeLink(make_tools("one")) for _ in range(40)]
    for link in links:
        link.lose()
    await bench.start(*links)
    await bench.waiter.advance(60)
    assert len(bench.opener.opened) < 12


@pytest.mark.requirement("R-ERA")
async def test_the_era_is_remembered_and_found_anew_after_a_failed_attempt(bench: Bench) -> None:
    bench.eras.remember(SERVER, "modern")
    first, second = FakeLink(make_tools("one")), FakeLink(make_tools("one"))
    await bench.start(first, LinkFault("unavailable"), second)
    assert bench.eras.find(SERVER) == "legacy"
    first.lose()
    await bench.waiter.advance(5)
    assert [era for _, era in bench.opener.opened] == ["modern", "legacy", None]
    assert bench.state == ("up", "")


@pytest.mark.requirement("R-CATALOG")
@pytest.mark.parametrize("error", [ValueError("secret"), KeyError("x")])
async def test_an_unexpected_fault_becomes_a_reason(bench: Bench, error: Exception) -> None:
    link = FakeLink({"tools/list": [error]})
    await bench.start(error, link)
    assert bench.state == ("down", "internal")
    assert "secret" not in bench.keeper.describe().detail
    await bench.waiter.advance(0.4)
    assert bench.state == ("down", "internal")
    assert link.closes == 1
    assert bench.pool.links == {}


@pytest.mark.requirement("R-RELOAD")
async def test_a_leaving_server_takes_no_new_calls_and_lets_open_ones_end(bench: Bench) -> None:
    link = FakeLink(make_tools("one"))
    await bench.start(link)
    bench.keeper.leave()
    assert (bench.pool.links, bench.pool.ended, bench.keeper.revive()) == ({}, ["a"], 0)
    await bench.waiter.advance(9)
    assert link.closes == 0
    await bench.waiter.advance(1)
    assert link.closes == 1
    assert bench.state == ("stopped", "")


@pytest.mark.requirement("R-RELOAD")
async def test_leaving_at_once_waits_for_nothing(bench: Bench) -> None:
    link = FakeLink(make_tools("one"))
    link.hold = asyncio.Event()
    await bench.start(link)
    bench.keeper.leave(at_once=True)
    await settle()
    assert link.closes == 1
    assert bench.state[0] == "stopped"


@pytest.mark.requirement("R-RELOAD")
async def test_draining_can_be_cut_short(bench: Bench) -> None:
    link = FakeLink(make_tools("one"))
    await bench.start(link)
    bench.keeper.leave()
    await settle()
    assert link.closes == 0
    bench.keeper.leave(at_once=True)
    await settle()
    assert link.closes == 1


@pytest.mark.requirement("R-RELOAD")
async def test_leaving_while_opening_or_waiting_ends_at_once(bench: Bench) -> None:
    bench.opener.hold = asyncio.Event()
    await bench.start()
    bench.keeper.leave()
    await settle()
    assert bench.state[0] == "stopped"


@pytest.mark.requirement("R-RELOAD")
async def test_leaving_between_attempts_ends_at_once(bench: Bench) -> None:
    await bench.start()
    assert bench.state == ("down", "unavailable")
    bench.keeper.leave()
    await settle()
    assert bench.state[0] == "stopped"
    assert len(bench.opener.opened) == 1


@pytest.mark.requirement("R-RELOAD")
async def test_a_draining_server_changes_the_catalog_no_more(bench: Bench) -> None:
    link = FakeLink(make_tools("one"))
    link.hold = asyncio.Event()
    await bench.start(link)
    bench.keeper.leave()
    link.hold.set()
    await settle()
    assert bench.tools == []
    await bench.waiter.advance(10)
    assert link.closes == 1


WEB = Server(name="a", transport="http", url="http://127.0.0.1:1/mcp")


@pytest.mark.requirement("R-HEAL")
async def test_who_waits_for_a_lost_link_is_not_kept_waiting(bench: Bench) -> None:
    first, second = FakeLink(make_tools("one")), FakeLink(make_tools("two"))
    await bench.start(first, second)
    first.lose()
    await settle()
    assert bench.pool.links == {}
    now = bench.waiter.clock.now()
    assert bench.keeper.revive() == now + RETURN_NS
    await settle()
    assert bench.pool.links == {"a": second}
    assert bench.waiter.clock.now() == now


@pytest.mark.requirement("R-HEAL")
async def test_who_waits_may_know_of_a_loss_before_its_keeper_does(bench: Bench) -> None:
    first, second = FakeLink(make_tools("one")), FakeLink(make_tools("two"))
    await bench.start(first, second)
    bench.keeper.revive()
    await settle()
    assert bench.pool.links == {"a": first}
    first.lose()
    await settle()
    assert bench.pool.links == {"a": second}


@pytest.mark.requirement("R-HEAL")
async def test_a_loss_is_healed_by_one_attempt_and_then_the_delays_grow(bench: Bench) -> None:
    await bench.start(FakeLink(make_tools("one")))
    await bench.waiter.advance(10)
    link = bench.pool.links["a"]
    assert isinstance(link, FakeLink)
    link.lose()
    for _ in range(5):
        bench.keeper.revive()
        await settle()
    assert len(bench.opener.opened) == 2
    bench.keeper.revive()
    await bench.waiter.advance(0.5)
    assert len(bench.opener.opened) == 2, "the second failure in a row waits up to 0.8 s"
    down_ns = bench.keeper.revive()
    await bench.waiter.advance(6)
    assert bench.keeper.revive() == down_ns < bench.waiter.clock.now()


@pytest.mark.requirement("R-HEAL")
async def test_a_server_that_accepts_and_dies_is_not_hammered_by_calls(bench: Bench) -> None:
    links = [FakeLink(make_tools("one")) for _ in range(40)]
    for link in links:
        link.lose()
    await bench.start(*links)
    for _ in range(600):
        bench.keeper.revive()
        await bench.waiter.advance(0.1)
    assert len(bench.opener.opened) < 14


@pytest.mark.requirement("R-HEAL")
async def test_a_server_that_forgets_again_and_again_is_healed_each_time(bench: Bench) -> None:
    links = [FakeLink(make_tools("one")) for _ in range(20)]
    await bench.start(*links)
    for link, following in pairwise(links):
        assert bench.pool.links == {"a": link}
        await bench.waiter.advance(2)
        link.lose()
        bench.keeper.revive()
        await settle()
        assert bench.pool.links == {"a": following}


@pytest.mark.requirement("R-HEAL")
async def test_a_lost_link_that_is_no_child_is_closed_beside(bench: Bench) -> None:
    first, second = FakeLink(make_tools("one")), FakeLink(make_tools("two"))
    bench.keeper.update(WEB)
    await bench.start(first, second)
    bench.keeper.revive()
    first.lose()
    await settle()
    assert bench.pool.retired == [first]
    assert first.closes == 0
    assert bench.pool.links == {"a": second}
