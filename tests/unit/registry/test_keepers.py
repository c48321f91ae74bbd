"""All keepers follow the configuration."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault
from mcpgate.model import COMMON, Terms
from mcpgate.registry.catalog import Catalog
from mcpgate.registry.era import Eras
from mcpgate.registry.keeper import Means
from mcpgate.registry.keepers import Keepers
from mcpgate.registry.store import open_store
from mcpgate.sessions.streams import Streams
from tests.support.links import (
    FakeLink,
    FakeOpener,
    FakePool,
    ManualWaiter,
    make_peer,
    make_tools,
    settle,
)

A = Server(name="a", transport="stdio", command=("x",))
B = Server(name="b", transport="http", url="http://127.0.0.1:1/mcp")
change = msgspec.structs.replace


class Bench:
    """Keepers with everything around them."""

    def __init__(self, eras: Eras) -> None:
        self.opener, self.pool, self.catalog = FakeOpener(), FakePool(), Catalog()
        self.eras, self.waiter = eras, ManualWaiter()
        self.keepers = Keepers(
            Means(
                open_link=self.opener,
                pool=self.pool,
                catalog=self.catalog,
                eras=eras,
                waiter=self.waiter,
                news=Streams(),
            )
        )

    def expect(self, server: str, *tools: str) -> FakeLink:
        link = FakeLink(make_tools(*tools))
        self.opener.next.setdefault(server, []).append((link, make_peer("tools")))
        return link

    async def apply(self, *servers: Server) -> None:
        self.catalog.configure([server.name for server in servers if server.enabled])
        self.keepers.apply(servers)
        await settle()

    @property
    def states(self) -> dict[str, str]:
        return {status.name: status.state for status in self.keepers.list_status()}


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    with open_store(str(tmp_path / "state")) as store:
        found = Bench(Eras(store))
        task = asyncio.create_task(found.keepers.run())
        yield found
        found.keepers.stop()
        await task


@pytest.mark.requirement("R-CATALOG")
async def test_a_server_that_is_down_disturbs_no_other(bench: Bench) -> None:
    bench.expect("b", "one")
    off = Server(name="off", transport="stdio", command=("y",), enabled=False)
    await bench.apply(A, off, B)
    assert bench.states == {"a": "down", "off": "stopped", "b": "up"}
    assert [name for name, _ in bench.opener.opened] == ["a", "b"]


@pytest.mark.requirement("R-RELOAD")
async def test_unchanged_servers_keep_their_links(bench: Bench) -> None:
    link = bench.expect("a", "one")
    await bench.apply(A)
    bench.expect("b", "two")
    calmer = change(A, refresh_s=10, deadline_s=5, environment="test", labels={"x": "y"})
    await bench.apply(calmer, B)
    assert bench.states == {"a": "up", "b": "up"}
    assert bench.pool.links["a"] is link
    assert len(bench.opener.opened) == 2
    asked = len(link.asked)
    await bench.waiter.advance(10)
    assert len(link.asked) > asked


@pytest.mark.requirement("R-RELOAD")
async def test_a_changed_server_is_opened_anew_while_its_calls_end(bench: Bench) -> None:
    old = bench.expect("a", "one")
    await bench.apply(A)
    new = bench.expect("a", "two")
    await bench.apply(change(A, env={"KEY": "other"}))
    assert bench.pool.links["a"] is new
    assert old.closes == 0
    assert bench.catalog.find("a") is not None
    await bench.waiter.advance(10)
    assert old.closes == 1
    assert bench.pool.links["a"] is new
    assert bench.states == {"a": "up"}


@pytest.mark.requirement("R-RELOAD")
async def test_entries_of_another_address_are_forgotten(bench: Bench) -> None:
    bench.expect("a", "one")
    await bench.apply(A)
    await bench.apply(change(A, command=("z",)))
    assert bench.catalog.find("a") is None
    assert bench.states == {"a": "down"}


@pytest.mark.requirement("R-RELOAD")
async def test_a_removed_server_is_drained_and_forgotten(bench: Bench) -> None:
    link = bench.expect("a", "one")
    await bench.apply(A)
    assert bench.eras.find(A) == "legacy"
    await bench.apply()
    assert bench.states == {}
    assert bench.pool.links == {}
    assert bench.eras.find(A) is None
    assert link.closes == 0
    await bench.waiter.advance(10)
    assert link.closes == 1


@pytest.mark.requirement("R-RELOAD")
async def test_a_disabled_server_stops_but_is_not_forgotten(bench: Bench) -> None:
    bench.expect("a", "one")
    await bench.apply(A)
    await bench.apply(change(A, enabled=False))
    assert bench.states == {"a": "stopped"}
    assert bench.eras.find(A) == "legacy"


@pytest.mark.requirement("R-STDIO-LIFE")
async def test_stop_closes_every_link_at_once_draining_ones_too(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "state")) as store:
        bench = Bench(Eras(store))
        links = [bench.expect("a", "one"), bench.expect("b", "two")]
        await bench.apply(A, B)
        assert bench.opener.opened == []
        task = asyncio.create_task(bench.keepers.run())
        await settle()
        await bench.apply(B)
        assert [link.closes for link in links] == [0, 0]
        bench.keepers.stop()
        await task
        assert [link.closes for link in links] == [1, 1]


@pytest.mark.requirement("R-STDIO-LIFE")
async def test_cancelling_closes_every_link(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "state")) as store:
        bench = Bench(Eras(store))
        link = bench.expect("a", "one")
        task = asyncio.create_task(bench.keepers.run())
        await bench.apply(A)
        await settle()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert link.closes == 1


@pytest.mark.requirement("R-HEAL")
async def test_a_lost_link_is_opened_again_for_who_asks_by_name(bench: Bench) -> None:
    first, second = bench.expect("a", "one"), bench.expect("a", "two")
    await bench.apply(A)
    first.lose()
    await settle()
    assert bench.keepers.revive("a") > bench.waiter.clock.now()
    await settle()
    assert bench.pool.links == {"a": second}
    assert bench.keepers.revive("unknown") == 0
    bench.keepers.stop()
    assert bench.keepers.revive("a") == 0


@pytest.mark.requirement("R-LINK-KEYS")
async def test_more_links_are_opened_to_a_server_as_it_is_now(bench: Bench) -> None:
    bench.expect("a", "one")
    more = bench.expect("a", "one")
    await bench.apply(A)
    terms = Terms(capabilities=b'{"roots":{}}', owned=True)
    assert (await bench.keepers.open_link("a", terms))[0] is more
    assert bench.opener.opened == [("a", None), ("a", "legacy")]
    assert bench.opener.terms == [COMMON, terms]
    assert bench.pool.links["a"] is not more
    with pytest.raises(LinkFault, match="no server 'b'"):
        await bench.keepers.open_link("b", terms)
