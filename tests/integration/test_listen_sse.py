"""Clients over HTTP+SSE, seen from the wire: the stream, the posts beside it, their ends."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable

import pytest

from tests.support.gateways import Client, hello, legacy, running, wait_until
from tests.support.talk_scene import Scene, call_modern, talk_scene
from tests.support.talks import open_stream

pytestmark = pytest.mark.requirement("R-LISTEN-SSE")
PING = legacy("ping", {}, 7)
OPEN = legacy("initialize", hello("2024-11-05"), 0)


@pytest.fixture(params=["sse-granian", "sse-native"])
async def scene(
    request: pytest.FixtureRequest, free_port: Callable[[], int]
) -> AsyncIterator[Scene]:
    async with talk_scene(request.param, free_port()) as made:
        yield made


async def test_the_first_event_says_where_to_post(scene: Scene) -> None:
    client = Client(scene.port)
    addresses = set()
    for _ in range(3):
        way = await open_stream(client)
        assert re.fullmatch(r"/messages\?session=[A-Za-z0-9_-]{43}", way.address)
        addresses.add(way.address)
        await way.stream.close()
    assert len(addresses) == 3


async def test_the_paths_lie_beside_the_listeners(free_port: Callable[[], int]) -> None:
    port = free_port()
    listener = {"address": f"127.0.0.1:{port}", "path": "/gate/mcp", "kind": "native"}
    async with running(port, listeners=[listener]):
        way = await open_stream(Client(port), "/gate/sse")
        assert way.address.startswith("/gate/messages?session=")
        assert await way.put(OPEN)
        assert json.loads(await way.get())["result"]["protocolVersion"] == "2024-11-05"
        await way.stream.close()


async def test_posts_are_answered_on_the_stream_alone(scene: Scene) -> None:
    way = await open_stream(Client(scene.port))
    for body in (OPEN, b"no message", b""):
        answer = await way.post(body)
        assert (answer.status, answer.body) == (202, b"")
        assert json.loads(await way.get())["jsonrpc"] == "2.0"
    await way.stream.close()


async def test_posts_may_share_a_connection_and_come_in_pieces(scene: Scene) -> None:
    client = Client(scene.port)
    way = await open_stream(client)
    wire = await client.connect()
    headers = client.headers(("transfer-encoding", "chunked"), without=("accept",))
    for number in range(3):
        body = legacy("ping", {}, number) if number else OPEN
        wire.send(f"POST {way.address}", headers, None)
        for piece in (body[:10], body[10:]):
            wire.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await wire.writer.drain()
        wire.writer.write(b"0\r\n\r\n")
        assert (await wire.read()).status == 202
        assert json.loads(await way.get())["id"] == number
    await wire.close()
    await way.stream.close()


@pytest.mark.parametrize(
    ("target", "headers", "status", "reason"),
    [
        ("PUT /sse", [], 405, "method_not_allowed"),
        ("POST /sse", [], 405, "method_not_allowed"),
        ("GET /sse", [("accept", "application/json")], 406, "not_acceptable"),
        ("GET /messages", [], 405, "method_not_allowed"),
        ("POST /messages", [], 400, "session_missing"),
        ("POST /messages?other=1", [], 400, "session_missing"),
        ("POST /messages?session=", [], 404, "session_unknown"),
        ("POST /messages?session=guess", [], 404, "session_unknown"),
        ("POST {}", [("content-type", "text/plain")], 415, "media_type"),
        ("POST {}", [("content-length", "65537")], 413, "too_large"),
        ("POST {}&session=x", [], 404, "session_unknown"),
        ("POST {}x", [], 404, "session_unknown"),
        ("POST {}", [("host", "evil.example")], 421, "host"),
        ("POST {}", [("origin", "http://evil.example")], 403, "origin"),
        ("GET /sse", [("host", "evil.example")], 421, "host"),
        ("GET /sse", [("origin", "http://evil.example")], 403, "origin"),
    ],
)
async def test_refusals(
    scene: Scene, target: str, headers: list[tuple[str, str]], status: int, reason: str
) -> None:
    client = Client(scene.port)
    way = await open_stream(client)
    body = PING if target.startswith("P") else None
    answer = await client.ask(target.format(way.address), client.headers(*headers), body)
    assert (answer.status, answer.reason) == (status, reason)
    if status == 405:
        assert answer.headers["allow"] == ("GET" if "sse" in target else "POST")
    assert await scene.wait_for("refuse", 1) == [reason]
    assert await way.put(OPEN)
    assert json.loads(await way.get())["id"] == 0
    await way.stream.close()


@pytest.mark.requirement("R-STRICT")
async def test_a_chunked_body_over_the_limit_is_refused(scene: Scene) -> None:
    client = Client(scene.port)
    way = await open_stream(client)
    wire = await client.connect()
    wire.send(f"POST {way.address}", client.headers(("transfer-encoding", "chunked")), None)
    wire.writer.write(b"10001\r\n" + b"x" * 0x10001 + b"\r\n0\r\n\r\n")
    assert (await wire.read()).reason == "too_large"
    await wire.close()
    await way.stream.close()


@pytest.mark.requirement("R-SESSION")
async def test_an_id_ends_with_its_stream(scene: Scene) -> None:
    way = await open_stream(Client(scene.port))
    assert await way.put(OPEN)
    assert await way.get()
    await way.leave()
    await wait_until(scene.gateway, lambda core: not core.sessions.live)
    answer = await way.post(PING)
    assert (answer.status, answer.reason) == (404, "session_unknown")


@pytest.mark.requirement("R-CANCEL")
async def test_a_stream_whose_client_left_while_it_posted(scene: Scene) -> None:
    client = Client(scene.port)
    way = await open_stream(client)
    wire = await client.connect()
    wire.send(f"POST {way.address}", client.headers(("content-length", "70000")), None)
    assert (await wire.read()).reason == "too_large"
    await wire.close()
    wire = await client.connect()
    wire.send(f"POST {way.address}", client.headers(("content-length", str(len(PING)))), None)
    wire.writer.write(PING[:5])
    await way.leave()
    await wait_until(scene.gateway, lambda core: not core.sessions.live)
    wire.writer.write(PING[5:])
    assert (await wire.read()).reason == "session_unknown"
    await wire.close()


async def test_a_quiet_stream_is_kept_alive(scene: Scene) -> None:
    way = await open_stream(Client(scene.port))
    (sink,) = scene.core.sessions.live
    sink.beat()
    assert await way.stream.read_chunk() == b": keep-alive\n\n"
    await way.stream.close()


@pytest.mark.requirement("R-LEAK")
async def test_what_is_too_much_is_refused_by_its_id_and_a_reply_is_not(scene: Scene) -> None:
    link = scene.hang_old()
    way = await open_stream(Client(scene.port))
    for number in range(512):
        assert await way.put(call_modern("old__hang", number))
    assert await way.put(call_modern("old__echo", "too many"))
    refused = json.loads(await way.get())
    assert (refused["id"], refused["error"]["data"]["reason"]) == ("too many", "overloaded")
    assert await way.put(b'{"jsonrpc":"2.0","id":"ours","result":{}}')
    await way.leave()
    await wait_until(
        scene.gateway, lambda core: not (core.sessions.live or len(core.exchange.open))
    )
    # The gate judged the reply, which no handshake came before.
    assert await scene.wait_for("refuse", 2) == ["overloaded", "session_missing"]
    assert (len(link.calls), {len(call.cancelled) for call in link.calls}) == (256, {1})


@pytest.mark.requirement("R-RUN")
async def test_a_stopping_gateway_takes_no_more(scene: Scene) -> None:
    client = Client(scene.port)
    way = await open_stream(client)
    wire = await client.connect()
    assert await way.put(call_modern("old__slow", 1))
    await scene.old.wait_for("tools/call", "slow")
    wire.send(f"POST {way.address}", client.headers(("content-length", str(len(PING)))), None)
    scene.gateway.stop()
    await wait_until(scene.gateway, lambda core: core.streams.draining)
    wire.writer.write(PING)
    answer = await wire.read()
    assert (answer.status, answer.reason) == (503, "draining")
    scene.old.released.set()
    async with asyncio.timeout(10):
        assert json.loads(await way.get())["id"] == 1
        assert await way.get() == b""
    await wire.close()
    await way.stream.close()
