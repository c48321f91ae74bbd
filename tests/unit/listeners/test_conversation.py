"""One client that is there for a while, whatever carries its messages."""

from collections.abc import AsyncIterator

import pytest

from mcpgate.listeners.conversation import IN_WORK, WAITING
from tests.support.conversing import HELLO, World, read_all, settle
from tests.support.exchanges import MODERN_META, encode, encode_call, encode_modern

pytestmark = pytest.mark.requirement("R-STDIO", "R-LISTEN-WS", "R-LISTEN-SSE")
REPLY = b'{"jsonrpc":"2.0","id":"ours","result":{}}'


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    made.room.abort()
    await settle()


def call(request_id: object) -> bytes:
    return encode_call("every__echo", request_id, **MODERN_META)


def cancel(request_id: object) -> bytes:
    params = {"requestId": request_id}
    message = encode("notifications/cancelled", params)
    return message.replace(b'"id": 1, ', b"")


async def test_messages_begin_in_their_order(world: World) -> None:
    conversation, carrier = world.converse()
    conversation.take([HELLO, encode("ping", {}, 1), encode("ping", {}, 2)])
    await settle()
    assert [each["id"] for each in read_all(carrier.sent)] == [0, 1, 2]


async def test_what_is_too_much_waits_and_then_is_not_read(world: World) -> None:
    conversation, carrier = world.converse()
    conversation.take(call(number) for number in range(IN_WORK + WAITING - 1))
    await settle()
    assert (len(world.calls), carrier.calls) == (IN_WORK, [])
    conversation.take([call("last")])
    assert (conversation.full, carrier.calls) == (True, ["hold"])
    world.calls[0].answer({"content": []})
    await settle()
    assert (len(world.calls), carrier.calls) == (IN_WORK + 1, ["hold", "proceed"])
    for number in range(IN_WORK + WAITING):
        if number:
            world.calls[number].answer({"content": []})
            await settle()
    assert len(carrier.sent) == IN_WORK + WAITING


async def test_few_large_messages_are_too_much_too(world: World) -> None:
    conversation, carrier = world.converse()
    conversation.take(call(number) for number in range(IN_WORK))
    conversation.take([encode("ping", {"pad": "x" * 60_000}, 1)])
    assert carrier.calls == []
    conversation.take([encode("ping", {"pad": "x" * 60_000}, 2)])
    assert carrier.calls == ["hold"]


async def test_a_reply_never_waits(world: World) -> None:
    conversation, _ = world.converse()
    conversation.take([HELLO])
    await settle()
    conversation.take(call(number) for number in range(IN_WORK + 1))
    await settle()
    seen = len(world.events)
    conversation.take([REPLY, encode("ping", {}, "waits")])
    await settle()
    event, refused = world.events[seen:]
    assert (event["outcome"], event["request_bytes"]) == ("answer", len(REPLY))
    assert refused["reason"] == "answer_unknown"
    assert len(world.calls) == IN_WORK


async def test_a_cancel_waits_only_behind_what_waits(world: World) -> None:
    conversation, _ = world.converse()
    conversation.take(call(number) for number in range(IN_WORK))
    await settle()
    conversation.take([cancel(3)])
    await settle()
    assert world.ends == ["cancelled"]
    conversation.take([call("new"), call("waits"), cancel("waits")])
    await settle()
    assert world.ends == ["cancelled"]
    world.calls[0].answer({"content": []})
    await settle()
    assert world.ends == ["cancelled", "done", "cancelled"]


async def test_who_leaves_leaves_everything(world: World) -> None:
    conversation, carrier = world.converse()
    conversation.take([HELLO])
    await settle()
    listen = encode_modern("subscriptions/listen", "L", notifications={"toolsListChanged": True})
    conversation.take([encode("ping", {}, 5), listen])
    await settle()
    assert len(world.parts.streams) == 2
    conversation.take([call(1), call(1), call(2)])
    await settle()
    sent = len(carrier.sent)
    conversation.leave()
    conversation.leave()
    conversation.take([call(3)])
    await settle()
    assert sorted(map(str, world.ends)) == ["abandoned", "cancelled", "cancelled"]
    assert (len(world.parts.streams), len(world.exchange.open), len(world.room)) == (0, 0, 0)
    assert (len(carrier.sent), carrier.calls) == (sent, [])
    assert not conversation.write(b"{}")


async def test_what_is_in_work_is_answered_before_the_end(world: World) -> None:
    conversation, carrier = world.converse()
    conversation.take([call(1)])
    await settle()
    conversation.retire()
    conversation.take([call(2)])
    await settle()
    assert carrier.calls == []
    world.calls[0].answer({"content": []})
    await settle()
    assert carrier.calls[-1] == "close"
    assert [each["id"] for each in read_all(carrier.sent)] == [1]
    conversation.leave()
    assert len(world.room) == 0


async def test_a_room_is_full_at_its_limit_and_after_its_end() -> None:
    world = World(limit=1)
    first, _ = world.converse()
    second, carrier = world.converse()
    assert (first.welcome, second.welcome, second.ending) == (True, False, True)
    second.take([HELLO])
    second.leave()
    await settle()
    assert not carrier.sent
    first.leave()
    assert await world.room.wait_vacant(0)
    third, kept = world.converse()
    assert third.welcome
    assert not await world.room.wait_vacant(0)
    world.room.retire()
    assert kept.calls == ["close"]
    third.leave()
    assert not world.converse()[0].welcome
    assert await world.room.wait_vacant(0)


async def test_an_abort_waits_for_nothing(world: World) -> None:
    conversation, carrier = world.converse()
    conversation.take([call(1)])
    await settle()
    world.room.abort()
    await settle()
    assert (carrier.calls, world.ends) == (["cut"], ["abandoned"])


async def test_a_new_handshake_ends_the_older_session(world: World) -> None:
    conversation, carrier = world.converse()
    for _ in range(2):
        conversation.take([HELLO])
        await settle()
        conversation.take([encode("ping", {}, 1)])
        await settle()
        assert len(world.parts.streams) == 1
    assert len(carrier.sent) == 4


async def test_a_message_that_is_not_read_is_refused_by_its_id(world: World) -> None:
    conversation, carrier = world.converse()
    conversation.refuse("overloaded", encode("ping", {"pad": "x" * 5000}, "big"))
    (refused,) = read_all(carrier.sent)
    assert refused["id"] == "big"
    assert world.reasons == ["overloaded"]


async def test_no_stream_is_opened_while_the_gateway_ends(world: World) -> None:
    conversation, carrier = world.converse()
    world.parts.streams.drain()
    listen = encode_modern("subscriptions/listen", "L", notifications={"toolsListChanged": True})
    conversation.take([listen])
    await settle()
    (refused,) = read_all(carrier.sent)
    assert refused["id"] == "L"
    assert world.reasons[-1] == "draining"
