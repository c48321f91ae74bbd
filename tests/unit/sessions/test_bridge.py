"""What a server asks in the middle of a call reaches its client and nobody else, in both eras."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from mcpgate.gate import Caller
from mcpgate.sessions import bridge, parked
from tests.support.exchanges import (
    KeptSink,
    ScriptedCall,
    encode,
    encode_call,
    modern_head,
    open_session,
)
from tests.support.path import Path

OK: dict[str, object] = {"content": []}
ABLE: dict[str, object] = {"elicitation": {}, "sampling": {}, "roots": {}}
FORM: dict[str, object] = {"message": "Sure?", "requestedSchema": {"type": "object"}}
YES: dict[str, object] = {"action": "accept", "content": {"n": 1}}


class World:
    """One path with a legacy session that can be asked."""

    def __init__(self) -> None:
        self.path = Path()
        self.path.caller = self.open(ABLE)

    def open(self, capabilities: dict[str, object]) -> Caller:
        path = self.path
        return open_session(path.gate, path.clock, capabilities=capabilities)

    async def call(self, sink: KeptSink, name: str = "every__echo") -> ScriptedCall:
        if name == "time__convert":
            arguments = {"time": "9:00", "zone": "UTC"}
            raw = encode("tools/call", {"name": name, "arguments": arguments}, "c")
        else:
            raw = encode_call(name, "c")
        return await self.path.begin(raw, sink)

    async def answer(
        self, request_id: object, caller: Caller | None = None, **outcome: object
    ) -> tuple[int, bytes, str]:
        sink = KeptSink()
        raw = json.dumps({"jsonrpc": "2.0", "id": request_id, **outcome}).encode()
        await self.path.exchange.run(raw, caller or self.path.caller, None, sink)
        return sink.sent[0]

    def told(self) -> list[dict[str, object]]:
        return [json.loads(body) for body in self.path.link.told]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    for task in made.path.tasks:
        task.cancel()
    await asyncio.gather(*made.path.tasks, return_exceptions=True)
    assert (len(made.path.exchange.asks), len(made.path.exchange.open)) == (0, 0)


def ask(call: ScriptedCall, request_id: object, method: str = "elicitation/create") -> None:
    call.put(encode(method, FORM if "elicit" in method else {}, request_id))


@pytest.mark.requirement("R-BRIDGE")
async def test_legacy_client_is_asked_on_the_stream_of_its_call(world: World) -> None:
    sink = KeptSink()
    call = await world.call(sink)
    ask(call, "s-1")
    asked = json.loads(sink.messages[0])
    assert (asked["method"], asked["params"]) == ("elicitation/create", FORM)
    assert asked["id"] != "s-1"
    assert (await world.answer(asked["id"], result=YES))[:2] == (202, b"")
    assert world.told() == [{"jsonrpc": "2.0", "id": "s-1", "result": YES}]
    call.answer(OK)
    await asyncio.gather(*world.path.tasks)
    assert sink.read()["result"] == OK


@pytest.mark.requirement("R-BRIDGE")
async def test_an_answer_counts_once_and_from_the_session_that_was_asked(world: World) -> None:
    sink = KeptSink()
    call = await world.call(sink)
    ask(call, 1)
    asked = json.loads(sink.messages[0])["id"]
    other = world.open(ABLE)
    assert (await world.answer(asked, other, result=YES))[0] == 400
    assert (await world.answer(str(asked), result=YES))[0] == 400
    assert world.told() == []
    error = {"code": -1, "message": "user said no"}
    assert (await world.answer(asked, error=error))[0] == 202
    assert (await world.answer(asked, result=YES))[0] == 400
    assert world.told() == [{"jsonrpc": "2.0", "id": 1, "error": error}]
    assert world.path.events[-1]["reason"] == "answer_unknown"


@pytest.mark.requirement("R-BRIDGE")
async def test_what_the_client_cannot_do_is_refused_to_the_server_at_once(world: World) -> None:
    world.path.caller = world.open({"roots": {}})
    sink = KeptSink()
    call = await world.call(sink)
    ask(call, 1)
    ask(call, 2, "roots/list")
    assert [json.loads(message)["method"] for message in sink.messages] == ["roots/list"]
    assert [(said["id"], "error" in said) for said in world.told()] == [(1, True)]


@pytest.mark.requirement("R-BRIDGE")
async def test_the_deadline_waits_while_a_client_is_asked(world: World) -> None:
    call = await world.call(KeptSink())
    before = call.deadline_ns
    ask(call, 1)
    assert call.deadline_ns == world.path.clock.now() + bridge.INPUT_NS > before


@pytest.mark.requirement("R-BRIDGE")
async def test_a_server_cannot_ask_without_end(world: World) -> None:
    sink = KeptSink()
    call = await world.call(sink)
    for number in range(bridge.OPEN_ASKS + 1):
        ask(call, number)
    assert len(sink.messages) == bridge.OPEN_ASKS
    assert [said["id"] for said in world.told()] == [bridge.OPEN_ASKS]


def want(call: ScriptedCall, state: str | None, **requests: str) -> None:
    """Answer as a modern server does that wants input."""
    wanted = {key: {"method": method, "params": FORM} for key, method in requests.items()}
    result = {"resultType": "input_required", "inputRequests": wanted}
    call.answer(result | ({"requestState": state} if state is not None else {}))


@pytest.mark.requirement("R-BRIDGE")
async def test_modern_server_is_called_again_with_what_the_client_answered(world: World) -> None:
    sink, link = KeptSink(), world.path.link
    call = await world.call(sink, "time__convert")
    want(call, "one", a="elicitation/create", b="roots/list")
    ids = [json.loads(message)["id"] for message in sink.messages]
    await world.answer(ids[0], result=YES)
    assert len(link.calls) == 1
    await world.answer(ids[1], error={"code": 1, "message": "m"})
    again = link.calls[1]
    assert again.sent["id"] == again.upstream_id != call.upstream_id
    assert again.sent["params"]["requestState"] == "one"
    assert again.sent["params"]["inputResponses"] == {"a": YES, "b": {"roots": []}}
    want(again, None)
    assert "requestState" not in link.calls[2].sent["params"]
    link.calls[2].answer({"resultType": "complete", "content": []})
    await asyncio.gather(*world.path.tasks)
    assert sink.read()["result"] == OK
    assert world.path.endings() == ["done"]


@pytest.mark.requirement("R-BRIDGE")
async def test_rounds_are_bounded(world: World) -> None:
    sink = KeptSink()
    await world.call(sink, "time__convert")
    for number in range(bridge.ROUNDS + 1):
        want(world.path.link.calls[number], "s")
    await asyncio.gather(*world.path.tasks)
    error = sink.read()["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["data"]["reason"]) == (-31008, "rounds")


@pytest.mark.requirement("R-BRIDGE")
async def test_input_that_cannot_be_had_ends_the_call(world: World) -> None:
    sink = KeptSink()
    call = await world.call(sink, "time__convert")
    want(call, "s", a="sampling/createMessage")
    asked = json.loads(sink.messages[0])["id"]
    await world.answer(asked, error={"code": -1, "message": "no"})
    await asyncio.gather(*world.path.tasks)
    error = sink.read()["error"]
    assert isinstance(error, dict)
    assert error["data"]["reason"] == "input_refused"


def encode_able(request_id: object, **more: object) -> bytes:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": ABLE,
    }
    params: dict[str, object] = {"name": "every__echo", "arguments": {}, "_meta": meta, **more}
    return encode("tools/call", params, request_id)


async def come_back(world: World, state: object, **responses: object) -> KeptSink:
    sink = KeptSink()
    raw = encode_able("again", requestState=state, inputResponses=responses)
    world.path.start(raw, sink, modern_head("tools/call", "every__echo"))
    await asyncio.sleep(0)
    return sink


async def park(world: World, request_id: object = "s-1") -> tuple[ScriptedCall, dict[str, object]]:
    """Have a legacy server ask a modern client; return the call and what the client got."""
    sink = KeptSink()
    head = modern_head("tools/call", "every__echo")
    call = await world.path.begin(encode_able("c"), sink, head)
    ask(call, request_id)
    await asyncio.gather(*world.path.tasks)
    result = sink.read()["result"]
    assert isinstance(result, dict)
    assert call.closed == 0
    return call, result


@pytest.mark.requirement("R-BRIDGE")
async def test_call_of_a_modern_client_is_parked_until_it_comes_back(world: World) -> None:
    call, told = await park(world)
    assert told["resultType"] == "input_required"
    assert isinstance(told["inputRequests"], dict)
    [(key, wanted)] = told["inputRequests"].items()
    assert wanted == {"method": "elicitation/create", "params": FORM}
    assert call.deadline_ns == world.path.clock.now() + parked.PARK_NS
    sink = await come_back(world, told["requestState"], **{key: YES})
    assert world.told() == [{"jsonrpc": "2.0", "id": "s-1", "result": YES}]
    call.answer(OK)
    await asyncio.gather(*world.path.tasks)
    assert sink.read() == {
        "jsonrpc": "2.0",
        "id": "again",
        "result": {**OK, "resultType": "complete"},
    }
    late = await come_back(world, told["requestState"], **{key: YES})
    error = late.read()["error"]
    assert isinstance(error, dict)
    assert error["data"]["reason"] == "input_late"
    assert (call.closed, len(world.path.exchange.parked)) == (1, 0)


@pytest.mark.requirement("R-BRIDGE")
async def test_missing_input_is_asked_for_again(world: World) -> None:
    call, told = await park(world)
    sink = await come_back(world, told["requestState"], other=YES)
    again = sink.read()["result"]
    assert isinstance(again, dict)
    assert again["inputRequests"] == told["inputRequests"]
    assert world.told() == []
    key = next(iter(again["inputRequests"]))
    await come_back(world, again["requestState"], **{key: YES})
    call.answer(OK)


@pytest.mark.requirement("R-BRIDGE")
async def test_what_comes_while_a_call_is_parked_is_kept(world: World) -> None:
    call, told = await park(world)
    call.answer(OK)
    assert isinstance(told["inputRequests"], dict)
    key = next(iter(told["inputRequests"]))
    sink = await come_back(world, told["requestState"], **{key: YES})
    assert sink.read()["id"] == "again"


@pytest.mark.requirement("R-BRIDGE")
async def test_a_parked_call_that_nobody_wants_is_cancelled_at_its_server(world: World) -> None:
    call, _ = await park(world)
    call.fail("deadline")
    assert json.loads(call.cancelled[0])["params"] == {"requestId": call.upstream_id}
    assert call.closed == 1
    other, _ = await park(world)
    world.path.exchange.parked.end_all()
    assert (len(other.cancelled), other.closed) == (1, 1)


@pytest.mark.requirement("R-BRIDGE")
async def test_a_parked_call_that_was_answered_is_forgotten_in_time_too(world: World) -> None:
    exchange, clock = world.path.exchange, world.path.clock
    answered, _ = await park(world)
    answered.answer(OK)
    clock.at += parked.PARK_NS - 1
    open_call, told = await park(world)
    exchange.sweep()
    assert (answered.closed, open_call.closed, len(exchange.parked)) == (0, 0, 2)
    clock.at += 1
    exchange.sweep()
    assert (answered.closed, open_call.closed, len(exchange.parked)) == (1, 0, 1)
    assert isinstance(told["inputRequests"], dict)
    sink = await come_back(world, told["requestState"], **dict.fromkeys(told["inputRequests"], YES))
    open_call.answer(OK)
    await asyncio.gather(*world.path.tasks)
    assert sink.read()["id"] == "again"
