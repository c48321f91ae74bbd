"""Publishing with pins: what is held goes to the gate, its marks to the operator."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from mcpgate.config.model import Config, Firewall, Server, Tool
from mcpgate.model import Mark
from mcpgate.registry.store import Store, open_store
from tests.support.definitions import make_entries, make_tool
from tests.unit.test_publisher import Bench

A = Server(name="a", transport="stdio", command=("x",))


def mark(name: str, rule: str = "drift", *, quarantined: bool = True) -> Mark:
    return Mark(
        server="a", kind="tool", name=name, rule=rule, quarantined=quarantined, text="changed"
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "state")) as found:
        yield found


@pytest.fixture
async def bench(store: Store, tmp_path: Path) -> AsyncIterator[Bench]:
    found = Bench(store, tmp_path)
    await found.publisher.start(Config(servers=(A,)))
    task = asyncio.create_task(found.publisher.run())
    yield found
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def offer(bench: Bench, *tools: msgspec.Raw) -> list[tuple[str, str, bool]]:
    bench.catalog.put("a", make_entries(*tools))
    await bench.publish()
    return held(bench)


def held(bench: Bench) -> list[tuple[str, str, bool]]:
    (part,) = bench.last.servers
    return [(each.name, each.rule, each.quarantine) for each in part.held]


@pytest.mark.requirement("R-PINS")
async def test_a_changed_definition_is_held_in_the_document(bench: Bench) -> None:
    assert await offer(bench, make_tool("t", "one"), make_tool("u")) == []
    assert await offer(bench, make_tool("t", "two"), make_tool("u")) == [("t", "drift", True)]
    assert await offer(bench, make_tool("t", "one"), make_tool("u")) == []


@pytest.mark.requirement("R-PINS")
async def test_a_new_run_holds_the_same_before_any_server_is_up(
    bench: Bench, store: Store, tmp_path: Path
) -> None:
    await offer(bench, make_tool("t", "one"))
    await offer(bench, make_tool("t", "two"))
    again = Bench(store, tmp_path)
    await again.publisher.start(Config(servers=(A,)))
    assert held(again) == [("t", "drift", True)]


@pytest.mark.requirement("R-FIREWALL", "R-RELOAD")
async def test_a_reload_changes_the_checks_at_once(bench: Bench) -> None:
    await offer(bench, make_tool("t", "one"))
    await offer(bench, make_tool("t", "two"))
    loose = Firewall(pins="warn", arguments="schema")
    own = (Tool(name="t", firewall=Firewall(arguments="off")), Tool(name="gone"))
    server = msgspec.structs.replace(A, firewall=loose, tools=own)
    await bench.reload(Config(servers=(server,)))
    assert held(bench) == [("t", "drift", False)]
    (part,) = bench.last.servers
    assert (part.firewall.arguments, part.exceptions[0].arguments) == ("schema", "off")
    assert [each.tool for each in part.exceptions] == ["t"]
    status = bench.publisher.status
    assert status.restart_for == ()
    assert status.unlisted == (
        'servers[0].tools[1].name: server a lists no tool "gone"; its settings are not used',
    )
    await bench.reload(Config(servers=(A,)))
    assert bench.publisher.status.unlisted == ()


@pytest.mark.requirement("R-PINS")
async def test_pins_go_when_their_server_leaves_the_configuration(bench: Bench) -> None:
    await offer(bench, make_tool("t", "one"))
    await bench.reload(Config())
    await bench.reload(Config(servers=(A,)))
    assert await offer(bench, make_tool("t", "two")) == []


@pytest.mark.requirement("R-PINS")
async def test_another_address_keeps_the_pins(bench: Bench) -> None:
    await offer(bench, make_tool("t", "one"))
    bench.catalog.drop("a")
    await bench.reload(Config(servers=(msgspec.structs.replace(A, command=("other",)),)))
    assert await offer(bench, make_tool("t", "two")) == [("t", "drift", True)]


@pytest.mark.requirement("R-PINS")
async def test_a_store_that_fails_stops_no_publishing(bench: Bench, store: Store) -> None:
    await offer(bench, make_tool("t", "one"))
    store.close()
    assert await offer(bench, make_tool("t", "two"), make_tool("new")) == [("t", "drift", True)]
    assert bench.publisher.status.last_error == ()


@pytest.mark.requirement("R-PINS")
async def test_marks_are_shown_and_told_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="mcpgate.publisher")
    bench.gate.found = [mark("t"), mark("t", "hidden_text"), mark("u", quarantined=False)]
    await bench.publish()
    await bench.publish()
    assert bench.publisher.status.marks == tuple(bench.gate.found)
    bench.gate.found = [mark("t", "hidden_text", quarantined=False)]
    await bench.publish()
    told = [
        (record.getMessage(), record.__dict__["entry"], record.__dict__.get("rule"))
        for record in caplog.records
        if record.getMessage().startswith("entry.")
    ]
    assert told == [
        ("entry.quarantined", "t", "drift"),
        ("entry.quarantined", "t", "hidden_text"),
        ("entry.flagged", "u", "drift"),
        ("entry.flagged", "t", "hidden_text"),
        ("entry.released", "t", None),
    ]
