"""The path of a change: build, swap, or keep the old."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from mcpgate.config.model import Config, Limits, Listener, Log, Server
from mcpgate.errors import ConfigError
from mcpgate.gate import LOG, TOOLS, SnapshotError
from mcpgate.publisher import Publisher, PublisherStatus, Sources
from mcpgate.registry.catalog import Catalog, ServerEntries
from mcpgate.registry.document import Document
from mcpgate.registry.last_good import FILE_NAME, LastGood
from mcpgate.registry.owners import Owners
from mcpgate.registry.pins import Pins
from mcpgate.registry.store import Store, open_store
from tests.support.definitions import digest
from tests.support.links import FakeSwap, FakeSwapper, ManualWaiter, make_peer, settle

A = Server(name="a", transport="stdio", command=("x",))
B = Server(name="b", transport="http", url="http://127.0.0.1:1/mcp")
OFF = Server(name="off", transport="stdio", command=("y",), enabled=False)


def offer(*tools: str, uris: Sequence[str] = ()) -> ServerEntries:
    return ServerEntries(
        peer=make_peer("tools"),
        tools=tuple(msgspec.Raw(f'{{"name":"{tool}"}}'.encode()) for tool in tools),
        resources=tuple(msgspec.Raw(f'{{"uri":"{uri}"}}'.encode()) for uri in uris),
    )


class Keeping:
    """Remember what was to be kept."""

    def __init__(self) -> None:
        self.applied: list[tuple[str, ...]] = []

    def apply(self, servers: Sequence[Server]) -> None:
        self.applied.append(tuple(server.name for server in servers))


class Bench:
    """A publisher with everything around it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.gate, self.catalog, self.keeping = FakeSwapper(), Catalog(), Keeping()
        self.waiter = ManualWaiter()
        self.pins = Pins(store, digest, self.waiter.clock.wall)
        sources = Sources(
            catalog=self.catalog,
            owners=Owners(store),
            pins=self.pins,
            keepers=self.keeping,
            version="0.1.0",
        )
        self.publisher = Publisher(self.gate, sources, LastGood(str(folder)), self.waiter)
        self.bits: list[int] = []
        self.publisher.subscribe(self.bits.append)

    async def publish(self) -> None:
        """Ask for a build and let it come about."""
        await self.follow(asyncio.create_task(self.publisher.publish()))

    async def reload(self, config: Config) -> None:
        await self.follow(asyncio.create_task(self.publisher.reload(lambda: config)))

    async def follow(self, task: asyncio.Task[PublisherStatus]) -> None:
        """Move the clock until it is done; the build runs on a thread in its own time."""
        while not task.done():
            await self.waiter.advance(0.1)
            await asyncio.wait({task}, timeout=0.01)

    @property
    def last(self) -> Document:
        return msgspec.json.decode(self.gate.documents[-1], type=Document)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "state")) as found:
        yield found


@pytest.fixture
async def bench(store: Store, tmp_path: Path) -> AsyncIterator[Bench]:
    found = Bench(store, tmp_path)
    await found.publisher.start(Config(servers=(A, OFF, B)))
    task = asyncio.create_task(found.publisher.run())
    yield found
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def refuse_document(*problems: str) -> SnapshotError:
    refusal = SnapshotError("refused")
    refusal.problems = list(problems)
    return refusal


def tools(document: Document) -> dict[str, list[bytes]]:
    return {part.name: [bytes(tool) for tool in part.tools] for part in document.servers}


@pytest.mark.requirement("R-SNAPSHOT")
async def test_the_start_publishes_before_any_server_is_up(bench: Bench) -> None:
    assert tools(bench.last) == {"a": [], "b": []}
    assert bench.keeping.applied == [("a", "off", "b")]
    assert (bench.publisher.status.generation, bench.last.generation) == (1, 1)


@pytest.mark.requirement("R-SNAPSHOT")
async def test_a_burst_of_changes_makes_one_build(bench: Bench) -> None:
    for count in range(1, 20):
        bench.catalog.put("a", offer(*(f"t{n}" for n in range(count))))
    bench.catalog.put("b", offer("x"))
    await bench.publish()
    assert len(bench.gate.documents) == 2
    assert {name: len(found) for name, found in tools(bench.last).items()} == {"a": 19, "b": 1}
    assert bench.last.generation == 2


@pytest.mark.requirement("R-SNAPSHOT")
async def test_a_change_while_building_makes_another_build(bench: Bench) -> None:
    bench.publisher.subscribe(lambda bits: bench.catalog.put("b", offer("late")))
    bench.gate.outcomes = [FakeSwap(changed=TOOLS)]
    bench.catalog.put("a", offer("one"))
    await bench.publish()
    await bench.publish()
    assert tools(bench.last)["b"] == [b'{"name":"late"}']


@pytest.mark.requirement("R-CHANGED")
async def test_subscribers_hear_which_lists_changed(bench: Bench) -> None:
    bench.gate.outcomes = [FakeSwap(changed=TOOLS | LOG), FakeSwap()]
    await bench.publish()
    await bench.publish()
    assert bench.bits == [TOOLS]


@pytest.mark.requirement("R-SNAPSHOT")
async def test_a_refused_document_keeps_the_old_one_and_names_every_problem(
    bench: Bench, tmp_path: Path
) -> None:
    kept = (tmp_path / FILE_NAME).read_bytes()
    refused = refuse_document("servers[0].name: bad", "prefix: bad")
    bench.gate.outcomes = [refused, RuntimeError("secret"), FakeSwap(problems=["a: tool x twice"])]
    await bench.publish()
    status = bench.publisher.status
    assert status.last_error == ("servers[0].name: bad", "prefix: bad")
    assert status.generation == 1
    assert (tmp_path / FILE_NAME).read_bytes() == kept
    await bench.publish()
    status = bench.publisher.status
    assert status.last_error == ("unexpected RuntimeError",)
    await bench.publish()
    status = bench.publisher.status
    assert (status.last_error, status.left_out) == ((), ("a: tool x twice",))
    assert status.generation == 4


@pytest.mark.requirement("R-NAMES")
async def test_contested_uris_are_in_the_document(bench: Bench) -> None:
    bench.catalog.put("b", offer(uris=["x:1", "x:2"]))
    await bench.publish()
    bench.catalog.put("a", offer(uris=["x:2", "x:3"]))
    await bench.publish()
    assert bench.last.owners == [("x:2", "b")]


@pytest.mark.requirement("R-SNAPSHOT")
async def test_a_new_run_knows_the_entries_of_servers_still_configured(
    bench: Bench, store: Store, tmp_path: Path
) -> None:
    bench.catalog.put("a", offer("one"))
    bench.catalog.put("b", offer("two"))
    await bench.publish()
    again = Bench(store, tmp_path)
    other = Server(name="b", transport="stdio", command=("z",))
    await again.publisher.start(Config(servers=(other, A)))
    assert tools(again.last) == {"b": [], "a": [b'{"name":"one"}']}
    assert again.catalog.is_stale("a")
    assert again.last.generation == bench.last.generation + 1


@pytest.mark.requirement("R-SNAPSHOT")
async def test_a_first_document_that_is_refused_stops_the_start(
    store: Store, tmp_path: Path
) -> None:
    bench = Bench(store, tmp_path)
    bench.gate.outcomes = [refuse_document("bad")]
    with pytest.raises(SnapshotError):
        await bench.publisher.start(Config(servers=(A,)))


@pytest.mark.requirement("R-SNAPSHOT")
async def test_remembered_entries_that_are_refused_are_let_go(
    bench: Bench, store: Store, tmp_path: Path
) -> None:
    bench.catalog.put("a", offer("one"))
    await bench.publish()
    again = Bench(store, tmp_path)
    again.gate.outcomes = [refuse_document("bad")]
    await again.publisher.start(Config(servers=(A, B)))
    assert tools(again.last) == {"a": [], "b": []}


@pytest.mark.requirement("R-SNAPSHOT")
async def test_a_full_disk_does_not_stop_publishing(store: Store, tmp_path: Path) -> None:
    bench = Bench(store, tmp_path / "missing")
    await bench.publisher.start(Config(servers=(A,)))
    assert bench.publisher.status.generation == 1


@pytest.mark.requirement("R-RELOAD")
async def test_reload_takes_the_whole_configuration(bench: Bench) -> None:
    bench.catalog.put("a", offer("one"))
    await bench.reload(Config(servers=(B,), instructions="new", limits=Limits(page_entries=9)))
    assert bench.keeping.applied[-1] == ("b",)
    assert tools(bench.last) == {"b": []}
    assert (bench.last.gateway.instructions, bench.last.page_entries) == ("new", 9)
    assert bench.catalog.find("a") is None
    assert bench.publisher.status.restart_for == ()


@pytest.mark.requirement("R-RELOAD")
async def test_a_broken_configuration_changes_nothing_and_says_so(bench: Bench) -> None:
    status = await bench.publisher.reload(lambda: refuse("line 3: servers[0]: no name"))
    assert status.reload_error == ("line 3: servers[0]: no name",)
    assert len(bench.keeping.applied) == 1
    assert len(bench.gate.documents) == 1
    await bench.reload(Config(servers=(A,)))
    assert bench.publisher.status.reload_error == ()


def refuse(problem: str) -> Config:
    raise ConfigError([problem])


@pytest.mark.requirement("R-RELOAD")
async def test_a_fault_while_loading_changes_nothing(bench: Bench) -> None:
    status = await bench.publisher.reload(lambda: msgspec.json.decode(b"7", type=Config))
    assert status.reload_error[0].startswith("unexpected ValidationError")
    assert len(bench.gate.documents) == 1


@pytest.mark.requirement("R-RELOAD")
async def test_nobody_waits_for_a_build_after_the_end(store: Store, tmp_path: Path) -> None:
    bench = Bench(store, tmp_path)
    await bench.publisher.start(Config(servers=(A,)))
    task = asyncio.create_task(bench.publisher.run())
    asked = asyncio.create_task(bench.publisher.publish())
    await settle()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.wait_for(asked, 5)
    await asyncio.wait_for(bench.publisher.publish(), 5)


@pytest.mark.requirement("R-RELOAD")
async def test_sections_that_need_a_restart_are_named(bench: Bench) -> None:
    changed = Config(
        servers=(A,),
        listeners=(Listener(address="127.0.0.1:9"),),
        limits=Limits(reply_bytes=4096),
        log=Log(level="debug"),
    )
    for _ in range(2):
        await bench.reload(changed)
        assert bench.publisher.status.restart_for == ("listeners", "log", "limits")
