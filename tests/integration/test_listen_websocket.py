"""Clients over WebSocket, seen from the wire: handshake, frames, ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest
from websockets.frames import Opcode

from mcpgate.listeners import websocket
from tests.support.gateways import Answer, Client, hello, legacy, notification, wait_until
from tests.support.talk_scene import Scene, call_modern, talk_scene
from tests.support.talks import reading
from tests.support.websockets_raw import Frames, encode, encode_text, shake, upgrade

pytestmark = pytest.mark.requirement("R-LISTEN-WS")
PING = legacy("ping", {}, 7)
OPEN = legacy("initialize", hello("2025-11-25"), 0)


@pytest.fixture
async def scene(free_port: Callable[[], int]) -> AsyncIterator[Scene]:
    async with talk_scene("websocket", free_port()) as made:
        yield made


async def ask(
    scene: Scene, *more: tuple[str, str], without: tuple[str, ...] = (), path: str = "/mcp"
) -> Answer:
    """Ask for a WebSocket that is refused."""
    client = Client(scene.port)
    return await client.ask(f"GET {path}", upgrade(client, *more, without=without))


async def test_what_comes_behind_the_request_is_not_lost(scene: Scene) -> None:
    sent = encode_text(OPEN, PING)
    frames = await shake(scene.port, sent[:-3])
    assert json.loads(await frames.read_text())["id"] == 0
    frames.wire.writer.write(sent[-3:])
    assert json.loads(await frames.read_text())["id"] == 7
    await frames.wire.close()


async def test_requests_before_the_upgrade_are_answered_first(scene: Scene) -> None:
    client = Client(scene.port)
    wire = await client.connect()
    wire.send("POST /mcp", client.headers(), OPEN)
    wire.send("GET /healthz", client.headers(), None)
    wire.send("GET /mcp", upgrade(client), None)
    assert (await wire.read()).status == 200
    assert (await wire.read()).body == b'{"status":"ok"}'
    assert (await wire.read_head()).status == 101
    await wire.close()


async def test_a_client_may_offer_no_subprotocol(scene: Scene) -> None:
    client = Client(scene.port)
    wire = await client.connect()
    wire.send("GET /mcp", upgrade(client, without=("sec-websocket-protocol",)), None)
    head = await wire.read_head()
    assert (head.status, "Sec-WebSocket-Protocol" in head.headers) == (101, False)
    await wire.close()


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (("sec-websocket-protocol", "chat, soap"), "the subprotocol is mcp"),
        (("sec-websocket-version", "8"), "Sec-WebSocket-Version"),
        (("sec-websocket-key", "short"), "Sec-WebSocket-Key"),
        (("sec-websocket-key", "x, y"), "Sec-WebSocket-Key"),
        (("content-length", "4"), "it has a body"),
        (("transfer-encoding", "chunked"), "it has a body"),
        (("connection", "keep-alive"), "Connection"),
        (("upgrade", "websocket, h2c"), "Upgrade"),
    ],
)
async def test_a_broken_request_is_refused_with_what_is_wrong(
    scene: Scene, field: tuple[str, str], text: str
) -> None:
    answer = await ask(scene, field)
    assert (answer.status, answer.reason) == (400, "invalid_request")
    assert text in str(answer.error["message"])
    assert await scene.wait_for("refuse", 1) == ["invalid_request"]


async def test_other_upgrades_are_not_taken_up(scene: Scene) -> None:
    client = Client(scene.port)
    headers = client.headers(("connection", "Upgrade"), ("upgrade", "h2c"))
    answer = await client.ask("POST /mcp", headers, OPEN)
    assert answer.status == 200


async def test_a_message_may_come_in_pieces_with_a_ping_between(scene: Scene) -> None:
    frames = await shake(scene.port)
    frames.send(Opcode.TEXT, OPEN[:20], fin=False)
    frames.send(Opcode.PING, b"still there?")
    pong = await frames.read()
    assert pong is not None
    assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, b"still there?")
    frames.send(Opcode.CONT, b"", fin=False)
    frames.send(Opcode.CONT, OPEN[20:])
    assert json.loads(await frames.read_text())["id"] == 0
    await frames.wire.close()


async def test_a_binary_message_ends_the_connection(scene: Scene) -> None:
    frames = await shake(scene.port)
    frames.send(Opcode.BINARY, PING)
    frames.send(Opcode.TEXT, PING)
    assert await frames.read_close() == (1003, websocket.NOT_TEXT)
    assert await frames.read() is None
    assert await scene.wait_for("refuse", 1) == ["invalid_request"]


@pytest.mark.requirement("R-STRICT")
@pytest.mark.parametrize("pieces", [1, 3])
async def test_a_message_over_the_limit_ends_the_connection(scene: Scene, pieces: int) -> None:
    frames = await shake(scene.port)
    frames.wire.writer.write(encode_text(call_modern("old__hang", 5)))
    await scene.old.wait_for("tools/call", "hang")
    size = (1 << 16) // pieces + 1
    for piece in range(pieces):
        opcode = Opcode.CONT if piece else Opcode.TEXT
        frames.send(opcode, b"x" * size, fin=piece == pieces - 1)
    assert (await frames.read_close())[0] == 1009
    assert await frames.read() is None
    assert await scene.wait_for("refuse", 1) == ["too_large"]
    assert await scene.wait_for_ends(1) == ["cancelled"]


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x81\x02{}",  # not masked
        b"\xc1\x80\0\0\0\0",  # compressed
        b"\x83\x80\0\0\0\0",  # an unknown opcode
        encode(Opcode.CONT, b"x"),
        encode(Opcode.TEXT, b"x", fin=False) + encode(Opcode.TEXT, b"y"),
        b"\x89\xfe\x00\x7e\0\0\0\0" + bytes(126),  # a ping too large
    ],
)
async def test_broken_frames_end_the_connection(scene: Scene, rubbish: bytes) -> None:
    frames = await shake(scene.port)
    frames.wire.writer.write(rubbish)
    assert (await frames.read_close())[0] == 1002
    assert await frames.read() is None
    assert await scene.wait_for("refuse", 1) == ["invalid_request"]


async def test_bytes_that_are_no_text_are_refused_by_the_gate(scene: Scene) -> None:
    frames = await shake(scene.port)
    frames.send(Opcode.TEXT, b'{"jsonrpc":"2.0","id":1,"method":"\xff"}')
    assert json.loads(await frames.read_text())["error"]["data"]["reason"] == "parse"
    await frames.wire.close()


async def test_goodbye_is_answered_and_cancels_what_is_open(scene: Scene) -> None:
    frames = await shake(scene.port)
    frames.wire.writer.write(encode_text(call_modern("old__hang", 5)))
    await scene.old.wait_for("tools/call", "hang")
    frames.send(Opcode.CLOSE, (1000).to_bytes(2) + b"done")
    assert await frames.read_close() == (1000, "done")
    assert await frames.read() is None
    await frames.wire.close()
    assert await scene.wait_for_ends(1) == ["cancelled"]


@pytest.mark.requirement("R-CANCEL")
async def test_who_sends_no_more_has_left(scene: Scene) -> None:
    frames = await shake(scene.port)
    frames.wire.writer.write(encode_text(call_modern("old__hang", 5)))
    await scene.old.wait_for("tools/call", "hang")
    frames.wire.writer.write_eof()
    assert await scene.wait_for_ends(1) == ["cancelled"]
    await frames.wire.close()


@pytest.mark.requirement("R-RUN")
async def test_a_stopping_gateway_says_goodbye(scene: Scene) -> None:
    frames = await shake(scene.port)
    frames.wire.writer.write(encode_text(call_modern("old__slow", 5)))
    await scene.old.wait_for("tools/call", "slow")
    scene.gateway.stop()
    await wait_until(scene.gateway, lambda core: core.streams.draining)
    frames.wire.writer.write(encode_text(PING))
    scene.old.released.set()
    assert json.loads(await frames.read_text())["id"] == 5
    assert await frames.read_close() == (1001, websocket.STOPPING)
    frames.send(Opcode.CLOSE, (1001).to_bytes(2))
    assert await frames.read() is None


async def test_more_requests_than_may_be_in_work_are_all_answered(scene: Scene) -> None:
    frames = await shake(scene.port, encode_text(OPEN))
    assert await frames.read_text()
    pings = (legacy("ping", {}, number) for number in range(3000))
    frames.wire.writer.write(encode_text(notification("notifications/initialized"), *pings))
    found = [json.loads(await frames.read_text())["id"] for _ in range(3000)]
    assert found == list(range(3000))
    await frames.wire.close()


async def ping_on(frames: Frames) -> None:
    """Send pings and read nothing, until the connection is gone."""
    reading(frames.wire.writer).pause_reading()
    while not frames.wire.writer.transport.is_closing():
        frames.wire.writer.write(encode(Opcode.PING, b"x" * 125) * 500)
        await frames.wire.writer.drain()


async def test_who_makes_us_answer_and_does_not_read_is_cut(scene: Scene) -> None:
    frames = await shake(scene.port)
    with suppress(ConnectionError):
        async with asyncio.timeout(25):
            await ping_on(frames)
    await frames.wire.close()


@pytest.mark.requirement("R-CANCEL")
@pytest.mark.parametrize("cut", [False, True])
async def test_who_leaves_while_nothing_is_read_is_noticed(scene: Scene, cut: bool) -> None:
    scene.hang_old()
    calls = [call_modern("old__hang", number) for number in range(520)]
    frames = await shake(scene.port, encode_text(*calls))
    await wait_until(scene.gateway, lambda core: len(core.exchange.open) == 256)
    if cut:
        frames.wire.writer.transport.abort()
    else:
        await frames.wire.close()
    await wait_until(scene.gateway, lambda core: not len(core.exchange.open))
    assert set(await scene.wait_for_ends(256)) == {"cancelled"}
