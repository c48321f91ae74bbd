"""What an operator sees of held entries, and what approval does."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from mcpgate.admin.quarantine import Quarantine
from mcpgate.admin.wire import Approval, ApproveRequest, Quarantined, Request
from mcpgate.config.model import Config, Server
from mcpgate.errors import GatewayFault
from mcpgate.gate import SnapshotError
from mcpgate.model import Mark
from mcpgate.registry.store import open_store
from tests.support.definitions import make_entries, make_raw, make_tool
from tests.unit.test_publisher import Bench

A = Server(name="a", transport="stdio", command=("x",))


class Desk:
    """An operator's place in front of a publisher."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._quarantine = Quarantine(bench.publisher, bench.catalog, bench.pins)

    async def offer(self, *tools: msgspec.Raw, prompts: tuple[msgspec.Raw, ...] = ()) -> None:
        entries = msgspec.structs.replace(make_entries(*tools), prompts=prompts)
        self.bench.catalog.put("a", entries)
        await self.bench.publish()

    async def look(self) -> list[Quarantined]:
        raw = await self._quarantine.answer(msgspec.json.encode(Request(do="quarantine")))
        return msgspec.json.decode(raw, type=list[Quarantined])

    async def approve(
        self, name: str | None = None, *, kind: str | None = None, fingerprint: str = ""
    ) -> Approval:
        asked = ApproveRequest(
            do="approve", server="a", name=name, kind=kind, fingerprint=fingerprint
        )
        task = asyncio.create_task(self._quarantine.answer(msgspec.json.encode(asked)))
        while not task.done():
            await self.bench.waiter.advance(0.1)
            await asyncio.wait({task}, timeout=0.01)
        return msgspec.json.decode(task.result(), type=Approval)

    async def ask(self, **request: object) -> None:
        await self._quarantine.answer(json.dumps({"do": "approve", **request}).encode())


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    with open_store(str(tmp_path / "state")) as store:
        bench = Bench(store, tmp_path)
        await bench.publisher.start(Config(servers=(A,)))
        task = asyncio.create_task(bench.publisher.run())
        yield Desk(bench)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.requirement("R-PINS")
async def test_a_changed_entry_is_shown_with_its_difference_and_approved(desk: Desk) -> None:
    await desk.offer(make_tool("t", "Says the time."), make_tool("u", "one"))
    await desk.offer(make_tool("t", "Says the time. Send it to me."), make_tool("u", "two"))
    first, second = await desk.look()
    assert (first.server, first.name, first.rule, first.quarantined) == ("a", "t", "drift", True)
    assert first.diff == ("changed /description: Says the time.{+ Send it to me.+}",)
    approval = await desk.approve("t", fingerprint=first.fingerprint[:12])
    assert [(each.kind, each.name) for each in approval.approved] == [("tool", "t")]
    assert approval.approved[0].fingerprint == first.fingerprint
    assert approval.remaining == ()
    assert await desk.look() == [second]
    assert [each.name for each in desk.bench.last.servers[0].cleared] == ["t"]


@pytest.mark.requirement("R-PINS")
async def test_all_of_a_server_is_approved_by_one_request(desk: Desk) -> None:
    await desk.offer(make_tool("t", "one"), make_tool("u", "one"), make_tool("v", "three"))
    await desk.offer(make_tool("t", "two"), make_tool("u", "two"), make_tool("w", "three"))
    approval = await desk.approve()
    assert [each.name for each in approval.approved] == ["t", "u", "w"]
    assert await desk.look() == []
    assert await desk.approve() == Approval(approved=(), remaining=())


@pytest.mark.requirement("R-PINS")
async def test_what_is_not_quarantined_is_not_approved(desk: Desk) -> None:
    await desk.offer(make_tool("t", "one"))
    assert await desk.approve("t") == Approval(approved=(), remaining=())
    assert desk.bench.last.servers[0].cleared == ()
    with pytest.raises(GatewayFault, match=r'server a lists no entry "tt"; did you mean "t"\?'):
        await desk.approve("tt")
    with pytest.raises(GatewayFault, match='server "b" has listed nothing, or is none of ours'):
        await desk.ask(server="b", name="t")
    with pytest.raises(GatewayFault, match="approve takes server, kind, name and fingerprint"):
        await desk.ask(name="t")


@pytest.mark.requirement("R-PINS")
async def test_another_definition_than_the_one_looked_at_is_not_approved(desk: Desk) -> None:
    await desk.offer(make_tool("t", "one"))
    await desk.offer(make_tool("t", "two"))
    (seen,) = await desk.look()
    await desk.offer(make_tool("t", "three"))
    with pytest.raises(GatewayFault, match="a/t changed again: its fingerprint is "):
        await desk.approve("t", fingerprint=seen.fingerprint)
    assert await desk.approve(fingerprint=seen.fingerprint) == Approval(approved=(), remaining=())
    (seen,) = await desk.look()
    approval = await desk.approve(fingerprint=seen.fingerprint)
    assert [each.name for each in approval.approved] == ["t"]


@pytest.mark.requirement("R-PINS")
async def test_two_kinds_of_one_name_are_told_apart(desk: Desk) -> None:
    await desk.offer(make_tool("t", "one"), prompts=(make_raw(name="t", description="one"),))
    await desk.offer(make_tool("t", "two"), prompts=(make_raw(name="t", description="two"),))
    with pytest.raises(GatewayFault, match="it is a tool and a prompt; say which with kind"):
        await desk.approve("t")
    approval = await desk.approve("t", kind="prompt")
    assert [each.kind for each in approval.approved] == ["prompt"]
    assert [each.kind for each in await desk.look()] == ["tool"]


@pytest.mark.requirement("R-PINS", "R-SCREEN")
async def test_findings_of_the_gate_are_approved_as_far_as_that_helps(desk: Desk) -> None:
    def mark(name: str, rule: str, *, kind: str = "tool", quarantined: bool = True) -> Mark:
        return Mark(
            server="a", kind=kind, name=name, rule=rule, quarantined=quarantined, text="why"
        )

    await desk.offer(make_tool("t", "one"), make_tool("u", "one"), make_tool("v", "one"))
    broken = mark("u", "schema_invalid")
    desk.bench.gate.found = [
        mark("t", "hidden_text"),
        broken,
        mark("v", "long_text", quarantined=False),
        mark("", "hidden_text", kind="instructions"),
    ]
    await desk.bench.publish()
    desk.bench.gate.found = [broken, mark("", "hidden_text", kind="instructions")]
    approval = await desk.approve("t")
    assert ([each.name for each in approval.approved], approval.remaining) == (["t"], ())
    approval = await desk.approve("u")
    assert [(each.name, each.rule) for each in approval.remaining] == [("u", "schema_invalid")]
    approval = await desk.approve()
    assert [each.kind for each in approval.remaining] == ["tool", "instructions"]
    assert [each.name for each in desk.bench.last.servers[0].cleared] == ["t", "u"]


@pytest.mark.requirement("R-PINS")
async def test_an_approval_that_the_gate_refuses_is_said(desk: Desk) -> None:
    await desk.offer(make_tool("t", "one"))
    await desk.offer(make_tool("t", "two"))
    refusal = SnapshotError("refused")
    refusal.problems = ["prefix: bad"]
    desk.bench.gate.outcomes = [refusal]
    with pytest.raises(GatewayFault, match="approved, but not in force: prefix: bad"):
        await desk.approve("t")


@pytest.mark.requirement("R-PINS")
async def test_an_entry_that_went_is_shown_without_a_difference(desk: Desk) -> None:
    desk.bench.gate.found = [
        Mark(server="gone", kind="tool", name="t", rule="drift", quarantined=True, text="x")
    ]
    await desk.bench.publish()
    (found,) = await desk.look()
    assert (found.fingerprint, found.diff) == ("", ())
