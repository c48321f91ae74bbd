"""A call that surely was not run is sent once more; nothing else is, and every ticket is closed."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from mcpgate.exchange import Exchange
from mcpgate.sessions.open_exchange import OpenExchange
from mcpgate.sessions.watches import Watches
from tests.support.exchanges import (
    KeptSink,
    ManualClock,
    ScriptedCall,
    ScriptedLink,
    ScriptedLinks,
    encode_call,
    encode_modern,
    make_gate,
    modern_head,
    open_session,
    read_events,
)

pytestmark = pytest.mark.requirement("R-HEAL")

OK: dict[str, object] = {"content": []}


class Scene:
    """One exchange whose server is restarted."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.gate = make_gate(self.clock)
        self.links = ScriptedLinks()
        self.old, self.new = ScriptedLink(), ScriptedLink()
        self.links.links = {"every": self.old}
        self.exchange = Exchange(self.gate, self.links, self.clock.now, lambda: True, Watches())
        self.caller = open_session(self.gate, self.clock)
        self.sink = KeptSink()
        self.gate.drain()

    def begin(self) -> ScriptedCall:
        self.exchange.begin(encode_call("every__echo", 7), self.caller, None, self.sink)
        return self.old.calls[-1]

    def restart(self) -> None:
        self.links.links = {"every": self.new}

    def endings(self) -> list[object]:
        events = read_events(self.gate.drain())
        return [event["outcome"] for event in events if event["kind"] == "end"]

    @property
    def reason(self) -> str:
        error = self.sink.read()["error"]
        assert isinstance(error, dict)
        return str(error["data"]["reason"])


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    assert len(made.exchange.open) == 0
    assert len(made.sink.sent) + made.sink.ended == 1
    assert all(call.closed == 1 for call in (*made.old.calls, *made.new.calls))


def test_the_same_bytes_go_over_the_next_link(scene: Scene) -> None:
    first = scene.begin()
    scene.restart()
    first.fail("unavailable")
    (again,) = scene.new.calls
    assert (again.sent, again.upstream_id, again.deadline_ns) == (
        first.sent,
        first.upstream_id,
        first.deadline_ns,
    )
    again.answer(OK)
    assert scene.sink.read() == {"jsonrpc": "2.0", "id": 7, "result": OK}
    assert scene.endings() == ["done"]


@pytest.mark.parametrize("reason", ["lost", "deadline", "unreadable", "reply_too_large"])
def test_what_may_have_run_is_not_sent_again(scene: Scene, reason: str) -> None:
    first = scene.begin()
    scene.restart()
    first.fail(reason)
    assert scene.new.calls == []
    assert scene.reason == reason


def test_a_second_fault_is_final(scene: Scene) -> None:
    first = scene.begin()
    scene.restart()
    first.fail("unavailable")
    scene.new.calls[0].fail("unavailable")
    assert (len(scene.new.calls), scene.reason, len(scene.links.healing)) == (1, "unavailable", 1)
    assert scene.endings() == ["failed"]


def test_without_another_link_it_is_unavailable(scene: Scene) -> None:
    scene.begin().fail("unavailable")
    assert scene.reason == "unavailable"
    assert scene.endings() == ["failed"]


@pytest.mark.parametrize(("late", "sent"), [(True, 1), (False, 0)])
def test_a_link_that_comes_later_is_used_unless_it_is_over(
    scene: Scene, late: bool, sent: int
) -> None:
    scene.links.heals_at_once = False
    opened = scene.exchange.begin(encode_call("every__echo", 7), scene.caller, None, scene.sink)
    assert isinstance(opened, OpenExchange)
    scene.old.calls[0].fail("unavailable")
    ((server, lost, then),) = scene.links.healing
    assert (server, lost, opened.over) == ("every", scene.old, False)
    if not late:
        opened.cancel()
    then(scene.new)
    assert len(scene.new.calls) == sent
    if late:
        scene.new.calls[0].answer(OK)
    assert opened.over
    assert scene.old.calls[0].cancelled == []


@pytest.mark.requirement("R-CANCEL", "R-RUN")
@pytest.mark.parametrize("how", ["cancel", "drain"])
def test_who_waits_for_a_link_can_be_stopped(scene: Scene, how: str) -> None:
    scene.links.heals_at_once = False
    scene.begin().fail("unavailable")
    if how == "drain":
        scene.exchange.open.stop_all()
        assert scene.reason == "draining"
    else:
        raw = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}'
        scene.exchange.begin(raw, scene.caller, None, KeptSink())
        assert scene.sink.ended == 1
    assert len(scene.exchange.open) == 0


@pytest.mark.requirement("R-CANCEL")
def test_a_modern_client_that_leaves_cancels_the_second_try_too(scene: Scene) -> None:
    modern = scene.gate.new_caller("anonymous", modern=True)
    raw = encode_modern("tools/call", name="every__echo", arguments={})
    head = modern_head("tools/call", "every__echo")
    scene.exchange.begin(raw, modern, head, scene.sink)
    scene.restart()
    scene.old.calls[0].fail("unavailable")
    (again,) = scene.new.calls
    assert again.slow is not None
    again.slow()
    assert scene.sink.gone is not None
    scene.sink.gone()
    assert (len(again.cancelled), scene.endings()) == (1, ["cancelled"])


@pytest.mark.requirement("R-CLOSE")
def test_a_link_that_breaks_ends_its_own_call_alone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_off(*_: object) -> ScriptedCall:
        raise ZeroDivisionError

    first = scene.begin()
    scene.restart()
    monkeypatch.setattr(scene.new, "call", break_off)
    first.fail("unavailable")
    assert "exchange.failed" in caplog.text
    assert scene.reason == "internal"


@pytest.mark.requirement("R-CLOSE")
async def test_nothing_of_a_healed_call_outlives_it(scene: Scene) -> None:
    await asyncio.sleep(0)
    gc.collect()
    gc.disable()
    try:
        first = scene.begin()
        scene.restart()
        first.fail("unavailable")
        scene.new.calls[0].answer(OK)
        scene.links.healing.clear()
        assert not [each for each in gc.get_objects() if isinstance(each, OpenExchange)]
    finally:
        gc.enable()
