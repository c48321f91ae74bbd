"""A WebSocket without a socket: however its bytes are cut, the messages are the same."""

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from mcpgate.listeners import websocket
from mcpgate.listeners.conversation import UNREAD_BYTES
from mcpgate.listeners.native_head import Fields
from mcpgate.listeners.websocket import Handshake, WebSocketConnection, asks_for_websocket
from tests.support.conversing import HELLO, World, settle
from tests.support.exchanges import MODERN_META, encode, encode_call
from tests.support.native_fakes import SECOND, FakeTransport
from tests.support.websockets_raw import ACCEPT, KEY, encode_text, make_parser
from tests.support.websockets_raw import encode as encode_frame

pytestmark = pytest.mark.requirement("R-LISTEN-WS")
FIELDS = [
    ("host", "h"),
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", KEY),
]


class Carried(FakeTransport):
    """A transport that can be given another protocol."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


class House:
    """A listener's side of it."""

    def __init__(self) -> None:
        self.now_ns = SECOND
        self.left: list[WebSocketConnection] = []

    def discard(self, connection: WebSocketConnection) -> None:
        self.left.append(connection)


class Bench:
    """One WebSocket and everything around it."""

    def __init__(self, rest: bytes = b"") -> None:
        self.world = World()
        self.house = House()
        self.transport = Carried()
        self.connection = WebSocketConnection(self.world.room, Handshake(Fields(FIELDS)))
        self.connection.take_over(self.house, self.transport, rest)

    @property
    def frames(self) -> list[Frame]:
        """What was sent behind the handshake."""
        head, _, rest = self.transport.sent.partition(b"\r\n\r\n")
        assert ACCEPT.encode() in head
        parser = make_parser()
        parser.receive_data(rest)
        return [event for event in parser.events_received() if isinstance(event, Frame)]

    @property
    def texts(self) -> list[dict[str, object]]:
        return [
            json.loads(bytes(frame.data)) for frame in self.frames if frame.opcode is Opcode.TEXT
        ]

    def pass_time(self, seconds: float) -> None:
        self.house.now_ns += int(seconds * SECOND)
        self.connection.expire(self.house.now_ns)

    def lose(self) -> None:
        self.connection.connection_lost(None)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    made.lose()
    await settle()


def cut(data: bytes, rng: random.Random) -> list[bytes]:
    """Cut bytes anywhere."""
    ends = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(12)))
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]


def fragment(message: bytes, rng: random.Random) -> bytes:
    """Write a message as frames, with pings and pongs between."""
    pieces = cut(message, rng)
    sent = b""
    for index, piece in enumerate(pieces):
        opcode = Opcode.CONT if index else Opcode.TEXT
        sent += encode_frame(opcode, piece, fin=index == len(pieces) - 1)
        if rng.random() < 0.3:
            sent += encode_frame(rng.choice([Opcode.PING, Opcode.PONG]), b"x")
    return sent


@given(texts=st.lists(st.text(max_size=300), max_size=8), rng=st.randoms(use_true_random=False))
def test_messages_survive_any_cut(texts: list[str], rng: random.Random) -> None:
    messages = [encode("ping", {"a": text}, number) for number, text in enumerate(texts)]
    sent = encode_text(HELLO) + b"".join(fragment(message, rng) for message in messages)

    async def carry() -> list[object]:
        pieces = cut(sent, rng)
        bench = Bench(pieces[0])
        await settle()
        for piece in pieces[1:]:
            bench.connection.data_received(piece)
            await settle()
        found = [each["id"] for each in bench.texts]
        assert all("result" in each for each in bench.texts)
        bench.lose()
        await settle()
        return found

    assert asyncio.run(carry()) == [0, *range(len(messages))]


@given(data=st.binary(max_size=200), rng=st.randoms(use_true_random=False))
def test_rubbish_ends_at_most_the_connection(data: bytes, rng: random.Random) -> None:
    async def carry() -> None:
        bench = Bench()
        for piece in cut(data, rng):
            bench.connection.data_received(piece)
        await settle()
        bench.pass_time(websocket.LINGER_NS / SECOND + 1)
        bench.lose()
        await settle()
        assert (len(bench.world.room), bench.house.left) == (0, [bench.connection])

    asyncio.run(carry())


def test_only_a_websocket_is_asked_for() -> None:
    assert asks_for_websocket(Fields([("upgrade", "WebSocket")]))
    assert asks_for_websocket(Fields([("upgrade", "h2c"), ("upgrade", "websocket")]))
    assert not asks_for_websocket(Fields([("upgrade", "h2c")]))
    assert not asks_for_websocket(Fields([]))


def test_a_text_of_a_refusal_is_short() -> None:
    fields = [each for each in FIELDS if each[0] != "sec-websocket-key"]
    handshake = Handshake(Fields([*fields, ("sec-websocket-key", "x" * 10_000)]))
    assert 0 < len(handshake.text) <= websocket.TEXT_LENGTH + 1


async def test_a_silent_client_is_pinged_and_then_left(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "mcpgate.listeners")
    bench.pass_time(19)
    assert not bench.frames
    for _ in range(3):
        bench.pass_time(20)
        assert bench.frames[-1].opcode is Opcode.PING
        bench.connection.data_received(encode_frame(Opcode.PONG, b""))
    bench.pass_time(20)
    bench.pass_time(19)
    assert not bench.transport.ends
    bench.pass_time(1)
    assert bench.transport.ends == ["abort"]
    assert "it answers no ping" in str(vars(caplog.records[-1]))


async def test_a_client_that_reads_slowly_is_not_left(bench: Bench) -> None:
    bench.transport.unread = 10_000
    bench.pass_time(20)
    for _ in range(10):
        bench.transport.unread -= 100
        bench.pass_time(19)
    assert not bench.transport.ends
    bench.pass_time(20)
    assert bench.transport.ends == ["abort"]


async def test_what_is_unread_is_bounded(bench: Bench) -> None:
    bench.connection.data_received(encode_text(encode_call("every__echo", 1, **MODERN_META)))
    await settle()
    bench.transport.unread = UNREAD_BYTES - 10
    bench.world.calls[0].answer({"content": []})
    assert bench.transport.ends == ["abort"]
    bench.lose()
    await settle()
    assert len(bench.world.room) == 0


async def test_pongs_that_are_not_read_are_bounded(bench: Bench) -> None:
    bench.transport.unread = 2 * UNREAD_BYTES
    bench.connection.data_received(encode_frame(Opcode.PING, b""))
    assert not bench.transport.ends
    bench.transport.unread += 1
    bench.connection.data_received(encode_frame(Opcode.PING, b""))
    assert bench.transport.ends == ["abort"]


async def test_a_goodbye_that_is_not_answered_ends_by_time(bench: Bench) -> None:
    bench.connection.retire()
    (goodbye,) = bench.frames
    assert (goodbye.opcode, bytes(goodbye.data)[:2]) == (Opcode.CLOSE, (1001).to_bytes(2))
    bench.pass_time(2)
    assert not bench.transport.ends
    bench.pass_time(0.1)
    assert bench.transport.ends == ["abort"]


async def test_a_goodbye_is_answered_once(bench: Bench) -> None:
    bench.connection.data_received(encode_frame(Opcode.CLOSE, (1000).to_bytes(2)))
    bench.connection.data_received(encode_text(HELLO))
    await settle()
    assert [frame.opcode for frame in bench.frames] == [Opcode.CLOSE]
    assert bench.transport.ends == ["eof"]
    assert not bench.connection.write(b"{}")


async def test_too_much_in_work_is_not_read(bench: Bench) -> None:
    calls = [encode_call("every__echo", number, **MODERN_META) for number in range(513)]
    bench.connection.data_received(encode_text(*calls))
    await settle()
    assert not bench.transport.reading
    for call in list(bench.world.calls):
        call.answer({"content": []})
    await settle()
    assert bench.transport.reading


async def test_who_was_not_read_is_not_left_for_its_silence(bench: Bench) -> None:
    bench.pass_time(20)
    assert bench.frames[-1].opcode is Opcode.PING
    bench.connection.hold()
    bench.house.now_ns += 100 * SECOND
    bench.connection.proceed()
    bench.pass_time(19)
    assert not bench.transport.ends
    bench.pass_time(20)
    bench.pass_time(20)
    assert bench.transport.ends == ["abort"]
