"""Batches of one client that is there for a while: they count as what they hold."""

import json
from collections.abc import AsyncIterator

import pytest

from mcpgate.gate import BATCH_MESSAGES
from mcpgate.listeners.conversation import IN_WORK
from tests.support.conversing import HELLO, World, settle
from tests.support.exchanges import encode, encode_call

pytestmark = pytest.mark.requirement("R-BATCH")

BATCHED = HELLO.replace(b"2025-11-25", b"2025-03-26")
REPLY = b'{"jsonrpc":"2.0","id":"ours","result":{}}'


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    made.room.abort()
    await settle()


def pack(*messages: bytes) -> bytes:
    return b"[%b]" % b",".join(messages)


def calls(count: int) -> bytes:
    return pack(*(encode_call("every__echo", number) for number in range(count)))


async def test_replies_leave_as_one_message(world: World) -> None:
    conversation, carrier = world.converse()
    conversation.take([BATCHED, pack(encode("ping", {}, 1), encode("ping", {}, 2))])
    await settle()
    assert [each["id"] for each in json.loads(carrier.sent[1])] == [1, 2]
    assert len(carrier.sent) == 2


async def test_messages_of_a_batch_are_counted(world: World) -> None:
    conversation, carrier = world.converse()
    conversation.take([BATCHED])
    await settle()
    conversation.take([calls(BATCH_MESSAGES)] * (IN_WORK // BATCH_MESSAGES + 2))
    await settle()
    begun = (IN_WORK // BATCH_MESSAGES + 1) * BATCH_MESSAGES
    assert len(world.calls) == begun
    for number in range(BATCH_MESSAGES):
        world.calls[number].answer({"content": []})
    await settle()
    assert len(world.calls) == begun + BATCH_MESSAGES
    assert len(carrier.sent) == 2


async def test_replies_never_wait_and_other_batches_do(world: World) -> None:
    conversation, _ = world.converse()
    conversation.take([BATCHED])
    await settle()
    conversation.take([encode_call("every__echo", number) for number in range(IN_WORK)])
    await settle()
    seen = len(world.events)
    conversation.take([pack(encode("ping", {}, 1), REPLY), pack(REPLY, REPLY)])
    await settle()
    sizes = [event["request_bytes"] for event in world.events[seen:] if event["kind"] == "verdict"]
    assert sizes.count(len(REPLY)) == 2
    assert len(world.calls) == IN_WORK


async def test_what_is_no_batch_is_refused_and_counts_as_one(world: World) -> None:
    conversation, carrier = world.converse()
    conversation.take([BATCHED])
    await settle()
    conversation.take([b"[]", pack(*[REPLY] * (BATCH_MESSAGES + 1)), b"[1,"])
    await settle()
    assert world.reasons == ["batch", "batch", "parse"]
    assert len(carrier.sent) == 4
