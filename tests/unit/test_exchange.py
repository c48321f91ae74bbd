"""The path of a message: one close for every ticket, one reply, and nothing retried."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from mcpgate.gate import LISTS, TOOLS
from mcpgate.sessions.open_exchange import OpenExchange
from mcpgate.sessions.opened import DRAINING
from tests.support.exchanges import (
    KeptSink,
    ScriptedCall,
    encode,
    encode_call,
    encode_modern,
    modern_head,
    open_session,
)
from tests.support.path import Path

OK: dict[str, object] = {"content": []}


@pytest.fixture
async def path() -> AsyncIterator[Path]:
    made = Path()
    yield made
    await asyncio.gather(*made.tasks, return_exceptions=True)
    assert len(made.exchange.open) == 0
    assert all(call.closed == 1 for call in made.link.calls)


@pytest.mark.requirement("R-PATH")
async def test_call_goes_through_and_comes_back(path: Path) -> None:
    sink = KeptSink()
    call = await path.begin(encode_call("every__echo", "seven"), sink)
    assert call.sent["params"]["name"] == "echo"
    assert call.sent["id"] == call.upstream_id
    assert [event["kind"] for event in path.events] == ["verdict"]
    call.answer(OK)
    await asyncio.gather(*path.tasks)
    assert sink.read() == {"jsonrpc": "2.0", "id": "seven", "result": OK}
    assert path.endings() == ["done"]


@pytest.mark.requirement("R-LISTS")
async def test_answers_of_the_gate_need_no_server(path: Path) -> None:
    path.links.links.clear()
    sink = KeptSink()
    assert await path.start(encode("tools/list", {}), sink) is None
    assert "result" in sink.read()
    assert path.endings() == []


@pytest.mark.requirement("R-STATUS")
async def test_notification_is_accepted_without_a_body(path: Path) -> None:
    sink = KeptSink()
    await path.start(b'{"jsonrpc":"2.0","method":"notifications/initialized"}', sink)
    assert sink.sent == [(202, b"", "")]


@pytest.mark.requirement("R-ERRORS")
@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"jsonrpc":"2.0"}', b"\xff"])
async def test_broken_message_is_refused(path: Path, raw: bytes) -> None:
    sink = KeptSink()
    await path.start(raw, sink)
    assert sink.sent[0][0] == 400
    assert path.events[-1]["outcome"] == "refuse"


@pytest.mark.requirement("R-ERRORS")
async def test_server_without_a_link_is_unavailable(path: Path) -> None:
    path.links.links.clear()
    sink = KeptSink()
    await path.start(encode_call("every__echo"), sink)
    error = sink.read()["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["data"]["reason"]) == (-31005, "unavailable")
    assert path.endings() == ["failed"]


@pytest.mark.requirement("R-ERRORS")
@pytest.mark.parametrize(
    ("reason", "ending", "told"),
    [
        ("unavailable", "failed", 0),
        ("lost", "lost", 0),
        ("deadline", "deadline", 1),
        ("unreadable", "failed", 0),
        ("reply_too_large", "failed", 0),
    ],
)
async def test_fault_of_a_link_is_an_error(path: Path, reason: str, ending: str, told: int) -> None:
    sink = KeptSink()
    call = await path.begin(encode_call("every__echo", 9), sink)
    call.fail(reason)
    await asyncio.gather(*path.tasks)
    answer = sink.read()
    assert answer["id"] == 9
    assert isinstance(answer["error"], dict)
    assert answer["error"]["data"]["reason"] == reason
    assert path.endings() == [ending]
    assert len(call.cancelled) == told


@pytest.mark.requirement("R-ERRORS")
@pytest.mark.parametrize("raw", [b"rubbish", b'{"jsonrpc":"2.0","id":1,"id":1,"result":{}}'])
async def test_unreadable_reply_is_an_error(path: Path, raw: bytes) -> None:
    sink = KeptSink()
    call = await path.begin(encode_call("every__echo"), sink)
    call.put(raw)
    await asyncio.gather(*path.tasks)
    assert "error" in sink.read()
    assert path.endings() == ["failed"]


@pytest.mark.requirement("R-SSE")
async def test_progress_comes_before_the_reply(path: Path) -> None:
    sink = KeptSink()
    call = await path.begin(encode_call("every__echo", progressToken="p"), sink)
    call.progress(1)
    call.progress(2)
    call.answer(OK)
    await asyncio.gather(*path.tasks)
    assert [b'"p"' in message for message in sink.messages] == [True, True]
    assert sink.read()["result"] == OK
    assert [event["kind"] for event in path.events] == ["verdict", "end"]


@pytest.mark.requirement("R-CANCEL")
async def test_cancelled_call_gets_no_reply_and_the_server_is_told(path: Path) -> None:
    sink, word = KeptSink(), KeptSink()
    call = await path.begin(encode_call("every__echo", "x"), sink)
    raw = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"x"}}'
    await path.start(raw, word)
    await asyncio.gather(*path.tasks)
    assert word.sent == [(202, b"", "")]
    assert (sink.sent, sink.ended) == ([], 1)
    assert len(call.cancelled) == 1
    assert str(call.upstream_id).encode() in call.cancelled[0]
    assert path.endings() == ["cancelled"]


@pytest.mark.requirement("R-CANCEL")
async def test_only_the_named_call_of_the_same_session_is_cancelled(path: Path) -> None:
    sink = KeptSink()
    call = await path.begin(encode_call("every__echo", 1), sink)
    mine = path.caller
    path.caller = open_session(path.gate, path.clock)
    assert path.caller.session != mine.session
    raw = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%b}}'
    await path.start(raw % b"1", KeptSink())
    path.caller = mine
    await path.start(raw % b'"1"', KeptSink())
    assert call.cancelled == []
    call.answer(OK)
    await asyncio.gather(*path.tasks)
    assert path.endings() == ["done"]


@pytest.mark.requirement("R-CANCEL")
async def test_modern_client_that_leaves_cancels(path: Path) -> None:
    sink = KeptSink()
    raw = encode_modern("tools/call", name="every__echo", arguments={})
    call = await path.begin(raw, sink, modern_head("tools/call", "every__echo"))
    assert sink.gone is None
    assert call.slow is not None
    call.slow()  # as the link does with a call that lasts
    assert sink.gone is not None
    sink.gone()
    await asyncio.gather(*path.tasks)
    assert (sink.sent, len(call.cancelled)) == ([], 1)
    assert path.endings() == ["cancelled"]


@pytest.mark.requirement("R-CANCEL")
async def test_legacy_client_that_leaves_cancels_nothing(path: Path) -> None:
    sink = KeptSink()
    call = await path.begin(encode_call("every__echo"), sink)
    assert sink.gone is None
    assert call.slow is not None
    call.slow()
    assert sink.gone is not None
    sink.gone()
    await asyncio.gather(*path.tasks)  # who waited for the connection's sake is free
    assert (len(path.exchange.open), path.endings(), call.cancelled) == (1, [], [])
    call.answer(OK)
    assert (len(path.exchange.open), path.endings(), call.cancelled) == (0, ["done"], [])
    assert sink.read()["result"] == OK


@pytest.mark.requirement("R-SSE")
async def test_client_that_takes_no_more_is_cut(path: Path) -> None:
    sink = KeptSink(room=1)
    call = await path.begin(encode_call("every__echo", progressToken=1), sink)
    call.progress(1)
    call.progress(2)
    await asyncio.gather(*path.tasks)
    assert (len(sink.messages), sink.sent, len(call.cancelled)) == (1, [], 1)
    assert path.endings() == ["abandoned"]


@pytest.mark.requirement("R-RUN")
async def test_drain_answers_open_calls(path: Path) -> None:
    sink = KeptSink()
    await path.begin(encode_call("every__echo", 5), sink)
    path.exchange.open.stop_all()
    await asyncio.gather(*path.tasks)
    answer = sink.read()
    assert answer["id"] == 5
    assert isinstance(answer["error"], dict)
    assert answer["error"]["data"]["reason"] == "draining"
    assert path.endings() == ["abandoned"]


@pytest.mark.requirement("R-CLOSE")
async def test_cancelled_task_closes_its_ticket(path: Path) -> None:
    await path.begin(encode_call("every__echo"), KeptSink())
    path.tasks[-1].cancel()
    await asyncio.gather(*path.tasks, return_exceptions=True)
    assert path.endings() == ["abandoned"]


@pytest.mark.requirement("R-CLOSE")
async def test_link_that_breaks_closes_the_ticket_and_the_fault_rises(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object) -> ScriptedCall:
        raise ZeroDivisionError

    monkeypatch.setattr(path.link, "call", break_off)
    with pytest.raises(ZeroDivisionError):
        path.exchange.begin(encode_call("every__echo"), path.caller, None, KeptSink())
    assert path.endings() == ["abandoned"]


@pytest.mark.requirement("R-CLOSE")
async def test_sink_that_breaks_ends_its_own_call_and_no_other(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(KeptSink):
        def write(self, message: bytes) -> bool:
            raise ZeroDivisionError

    sink = Broken()
    call = await path.begin(encode_call("every__echo", progressToken="p"), sink)
    call.progress(1)
    await asyncio.gather(*path.tasks)
    assert "exchange.failed" in caplog.text
    assert b'"internal"' in sink.sent[0][1]
    assert path.endings() == ["failed"]


@pytest.mark.requirement("R-PATH")
async def test_a_call_needs_no_task_and_its_end_is_told_once(path: Path) -> None:
    sink = KeptSink()
    over: list[int] = []
    opened = path.exchange.begin(encode_call("every__echo"), path.caller, None, sink)
    assert isinstance(opened, OpenExchange)
    opened.then(lambda: over.append(len(sink.sent)))
    call = path.link.calls[-1]
    call.answer(OK)
    assert over == [1], "the reply is sent before anyone is told"
    opened.cancel()
    opened.stop(DRAINING)
    assert (over, opened.over, call.cancelled) == ([1], True, [])
    assert path.endings() == ["done"]


@pytest.mark.requirement("R-CLOSE")
async def test_nothing_of_a_call_outlives_it(path: Path) -> None:
    raw = encode_modern("tools/call", name="every__echo", arguments={})
    head = modern_head("tools/call", "every__echo")
    gc.collect()
    gc.disable()  # what is left is what only the collector would find
    try:
        assert path.exchange.begin(raw, path.modern, head, KeptSink()) is not None
        path.link.calls[-1].answer(OK)
        assert not [each for each in gc.get_objects() if isinstance(each, OpenExchange)]
    finally:
        gc.enable()


@pytest.mark.requirement("R-EVENT")
async def test_no_call_goes_ahead_without_its_event(path: Path) -> None:
    path.recording = False
    sink = KeptSink()
    await path.start(encode_call("every__echo"), sink)
    error = sink.read()["error"]
    assert isinstance(error, dict)
    assert error["data"]["reason"] == "overloaded"
    assert path.link.calls == []


@pytest.mark.requirement("R-CHANGED")
async def test_listen_is_handed_to_the_listener(path: Path) -> None:
    sink = KeptSink()
    raw = encode_modern("subscriptions/listen", "L", notifications={"toolsListChanged": True})
    verdict = await path.exchange.run(raw, path.modern, modern_head("subscriptions/listen"), sink)
    assert verdict is not None
    assert (verdict.streams & LISTS, verdict.subscription) == (TOOLS, b'"L"')
    assert sink.sent == []


@pytest.mark.requirement("R-PATH")
async def test_repeated_client_id_disturbs_no_one(path: Path) -> None:
    first, second = KeptSink(), KeptSink()
    one = await path.begin(encode_call("every__echo", 1), first)
    two = await path.begin(encode_call("every__echo", 1), second)
    two.answer({"content": [2]})
    one.answer({"content": [1]})
    await asyncio.gather(*path.tasks)
    assert first.read()["result"] == {"content": [1]}
    assert second.read()["result"] == {"content": [2]}
