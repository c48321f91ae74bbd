"""Clients over WebSocket and over HTTP+SSE: the same gateway as over Streamable HTTP."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable

import pytest

from mcpgate.listeners.conversation import Conversation
from mcpgate.listeners.sink import HttpSink
from mcpgate.listeners.sse import SseStream
from mcpgate.listeners.websocket import WebSocketConnection
from tests.support.gateways import legacy, legacy_call, modern, notification, wait_until
from tests.support.recording_server import TOOLS
from tests.support.talk_scene import Scene, call_modern, talk_scene
from tests.support.talks import TALKS, Talk, reason_of

pytestmark = pytest.mark.requirement("R-LISTEN-WS", "R-LISTEN-SSE")


@pytest.fixture(params=TALKS)
async def scene(
    request: pytest.FixtureRequest, free_port: Callable[[], int]
) -> AsyncIterator[Scene]:
    async with talk_scene(request.param, free_port()) as made:
        yield made


@pytest.mark.parametrize("server", ["old", "new"])
@pytest.mark.parametrize("revision", ["2024-11-05", "2025-11-25"])
async def test_legacy_client(scene: Scene, server: str, revision: str) -> None:
    async with scene.talking() as talk:
        result = (await talk.open_session(revision))["result"]
        assert isinstance(result, dict)
        assert result["protocolVersion"] == revision
        answer = await talk.ask(legacy_call(f"{server}__echo", b"{}", "id-1"))
        assert (answer["id"], "result" in answer) == ("id-1", True)
        listed = (await talk.ask(legacy("tools/list")))["result"]
        assert isinstance(listed, dict)
        assert len(listed["tools"]) == 2 * len(TOOLS)


@pytest.mark.parametrize("server", ["old", "new"])
async def test_modern_client(scene: Scene, server: str) -> None:
    async with scene.talking() as talk:
        found = (await talk.ask(modern("server/discover")))["result"]
        assert isinstance(found, dict)
        assert found["supportedVersions"] == ["2026-07-28"]
        answer = await talk.ask(call_modern(f"{server}__echo", 12345678901234567))
        result = answer["result"]
        assert isinstance(result, dict)
        assert (answer["id"], result["resultType"]) == (12345678901234567, "complete")


async def test_nothing_passes_before_the_handshake(scene: Scene) -> None:
    async with scene.talking() as talk:
        assert reason_of(await talk.ask(legacy_call("old__echo"))) == "session_missing"
        await talk.send(notification("notifications/initialized"))
        assert (await talk.open_session())["id"] == 1
    assert not scene.old.find("tools/call")


async def test_replies_leave_as_they_come(scene: Scene) -> None:
    async with scene.talking() as talk:
        await talk.open_session()
        await talk.send(*(legacy_call("old__slow", b"{}", f"slow-{n}") for n in range(5)))
        await scene.old.wait_for("tools/call", "slow", 5)
        assert (await talk.ask(legacy_call("new__echo", b"{}", "quick")))["id"] == "quick"
        scene.old.released.set()
        slow = [(await talk.receive())["id"] for _ in range(5)]
        assert sorted(map(str, slow)) == [f"slow-{n}" for n in range(5)]


@pytest.mark.parametrize("modernly", [False, True])
async def test_progress_comes_before_the_reply(scene: Scene, modernly: bool) -> None:
    async with scene.talking() as talk:
        if modernly:
            await talk.send(call_modern("old__progress", 7, progressToken="t"))
        else:
            await talk.open_session()
            params = {"name": "old__progress", "arguments": {}, "_meta": {"progressToken": "t"}}
            await talk.send(legacy("tools/call", params, 7))
        for step in (1, 2):
            told = (await talk.receive())["params"]
            assert isinstance(told, dict)
            assert (told["progressToken"], told["progress"]) == ("t", step)
            scene.old.released.set()
        assert (await talk.receive())["id"] == 7


@pytest.mark.requirement("R-CANCEL")
@pytest.mark.parametrize("modernly", [False, True])
async def test_a_cancelled_exchange_ends_without_a_reply(scene: Scene, modernly: bool) -> None:
    async with scene.talking() as talk:
        if not modernly:
            await talk.open_session()
        make = call_modern if modernly else legacy_call
        await talk.send(make("old__hang", request_id=1), make("old__slow", request_id="1"))
        await scene.old.wait_for("tools/call", "hang")
        await scene.old.wait_for("tools/call", "slow")
        await talk.send(notification("notifications/cancelled", {"requestId": 1}))
        assert await scene.wait_for_ends(1) == ["cancelled"]
        scene.old.released.set()
        assert (await talk.receive())["id"] == "1"
    assert await scene.wait_for_ends(2) == ["cancelled", "done"]


async def test_ids_of_another_client_are_not_cancelled(scene: Scene) -> None:
    async with scene.talking() as talk, scene.talking() as other:
        await other.open_session()
        await talk.send(call_modern("old__slow", 1))
        await scene.old.wait_for("tools/call", "slow")
        await other.send(notification("notifications/cancelled", {"requestId": 1}))
        assert (await other.ask(legacy("ping", {}, 2)))["id"] == 2
        scene.old.released.set()
        assert (await talk.receive())["id"] == 1


async def listen(talk: Talk, request_id: object) -> dict[str, object]:
    lists = {"toolsListChanged": True, "promptsListChanged": False}
    return await talk.ask(modern("subscriptions/listen", {"notifications": lists}, request_id))


@pytest.mark.requirement("R-CHANGED")
async def test_clients_are_told_of_changed_lists(scene: Scene) -> None:
    async with scene.talking() as talk, scene.talking() as session:
        acknowledged = await listen(talk, "L")
        assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
        await session.open_session()
        assert "result" in await session.ask(legacy("ping"))
        scene.announce()
        params = (await talk.receive())["params"]
        assert isinstance(params, dict)
        assert params["_meta"]["io.modelcontextprotocol/subscriptionId"] == "L"
        told = await session.receive()
        assert told == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    await wait_until(scene.gateway, lambda core: not len(core.streams))


@pytest.mark.requirement("R-STRICT")
@pytest.mark.parametrize(
    "rubbish",
    [
        b"this is no message",
        b"[]",
        b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
        b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
        b'{"_meta":{"io.modelcontextprotocol/protocolVersion":1}}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping"} {"jsonrpc":"2.0","id":2,"method":"ping"}',
    ],
)
async def test_rubbish_is_refused_and_harms_no_other(scene: Scene, rubbish: bytes) -> None:
    async with scene.talking() as talk:
        assert "error" in await talk.ask(rubbish)
        await talk.open_session()
        await talk.send(legacy_call("old__slow", b"{}", 8))
        await scene.old.wait_for("tools/call", "slow")
        assert "error" in await talk.ask(rubbish)
        scene.old.released.set()
        assert (await talk.receive())["id"] == 8


@pytest.mark.requirement("R-CANCEL")
async def test_who_leaves_cancels_what_is_open(scene: Scene) -> None:
    async with scene.talking() as talk:
        await talk.open_session()
        await talk.send(
            legacy_call("old__hang"), legacy_call("old__hang"), call_modern("new__hang", 2)
        )
        await scene.old.wait_for("tools/call", "hang", 2)
        await scene.new.wait_for("tools/call", "hang")
        await talk.way.leave()
        ends = await scene.wait_for_ends(3)
        assert sorted(map(str, ends)) == ["abandoned", "cancelled", "cancelled"]
        await scene.old.wait_for("notifications/cancelled")


@pytest.mark.requirement("R-LEAK")
async def test_nothing_is_left_of_who_left(scene: Scene) -> None:
    for _ in range(3):
        async with scene.talking() as talk:
            await talk.open_session()
            await listen(talk, "L")
            await talk.send(legacy_call("old__hang", b"{}", 5))
            await talk.way.leave()
    await wait_until(
        scene.gateway,
        lambda core: not (len(core.streams) or len(core.exchange.open) or core.sessions.live),
    )
    await wait_until(scene.gateway, lambda _: not count_what_stays())


def count_what_stays() -> int:
    """Count what conversations are made of; the library has cycles, which the collector finds."""
    gc.collect()
    kinds = (Conversation, WebSocketConnection, SseStream, HttpSink)
    return len([each for each in gc.get_objects() if isinstance(each, kinds)])


async def test_who_does_not_read_is_cut_and_slows_nobody(scene: Scene) -> None:
    scene.old.text = b"x" * (1 << 20)
    async with scene.talking() as talk, scene.talking() as other:
        talk.way.stall()
        sent = 0
        while sent < 80 and await talk.way.put(call_modern("old__echo", sent)):
            sent += 1
        await scene.wait_for_ends(15)
        scene.old.text = b""
        assert "result" in await other.ask(call_modern("old__echo", 1))
        talk.way.read_on()
        received = 0
        while not await talk.is_over():
            received += 1
        assert received < sent


@pytest.mark.requirement("R-RUN")
async def test_a_stopping_gateway_ends_what_is_open(scene: Scene) -> None:
    async with scene.talking() as talk, scene.talking() as idle:
        await idle.open_session()
        assert "id" in await idle.ask(legacy("ping"))
        await listen(talk, "L")
        await talk.send(call_modern("old__slow", "late"))
        await scene.old.wait_for("tools/call", "slow")
        scene.gateway.stop()
        assert (await talk.receive())["id"] == "L"
        assert await idle.is_over()
        scene.old.released.set()
        assert (await talk.receive())["id"] == "late"
        assert await talk.is_over()


@pytest.mark.requirement("R-RUN")
async def test_a_gateway_in_a_hurry_says_why_there_is_no_reply(scene: Scene) -> None:
    async with scene.talking() as talk:
        await talk.send(call_modern("old__hang", "never"))
        await scene.old.wait_for("tools/call", "hang")
        scene.gateway.stop()
        scene.gateway.stop()
        refused = await talk.receive()
        assert (refused["id"], reason_of(refused)) == ("never", "draining")
        assert await talk.is_over()


@pytest.mark.requirement("R-EVENT")
async def test_events_say_the_same_as_over_http(scene: Scene) -> None:
    async with scene.talking() as talk:
        await talk.open_session()
        await talk.ask(legacy_call("old__echo"))
        await talk.ask(legacy_call("nothing"))
    kept = [each for each in scene.events if each.get("method") == "tools/call"]
    assert [each["outcome"] for each in kept] == ["forward", "refuse"]
    assert [each["principal"] for each in kept] == ["anonymous", "anonymous"]
    assert (kept[0]["server"], bool(kept[0]["session"])) == ("old", True)


async def test_large_messages_pass_both_ways(scene: Scene) -> None:
    scene.old.text = b"y" * (3 << 20)
    async with scene.talking() as talk:
        await talk.open_session()
        params = json.dumps({"pad": "z" * 60_000}).encode()
        answer = await talk.ask(legacy("ping", json.loads(params), 3))
        assert answer["id"] == 3
        result = (await talk.ask(legacy_call("old__echo")))["result"]
        assert isinstance(result, dict)
        assert len(result["content"][0]["text"]) == 3 << 20


async def test_many_clients_at_once(scene: Scene) -> None:
    async def one(number: int) -> object:
        async with scene.talking() as talk:
            await talk.open_session()
            return (await talk.ask(legacy_call("new__echo", b"{}", number)))["id"]

    assert await asyncio.gather(*map(one, range(30))) == list(range(30))
