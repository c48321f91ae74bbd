"""Attacks on the ways in that keep a client's session for it: WebSocket and HTTP+SSE."""

import json
from collections.abc import AsyncIterator, Callable

import pytest

from tests.support.gateways import Answer, Client, hello, legacy
from tests.support.talk_scene import Scene, talk_scene
from tests.support.talks import StreamWay, open_stream
from tests.support.websockets_raw import upgrade

OPEN = legacy("initialize", hello("2025-11-25"))
PING = legacy("ping", {}, 7)


@pytest.fixture(params=["sse-granian", "sse-native"])
async def scene(
    request: pytest.FixtureRequest, free_port: Callable[[], int]
) -> AsyncIterator[Scene]:
    async with talk_scene(request.param, free_port()) as made:
        yield made


@pytest.fixture
async def sockets(free_port: Callable[[], int]) -> AsyncIterator[Scene]:
    async with talk_scene("websocket", free_port()) as made:
        yield made


def session_of(way: StreamWay) -> str:
    return way.address.partition("session=")[2]


async def opened(scene: Scene) -> StreamWay:
    way = await open_stream(Client(scene.port))
    assert await way.put(OPEN)
    assert json.loads(await way.get())["id"] == 1
    return way


@pytest.mark.requirement("R-HOST", "R-LISTEN-WS")
@pytest.mark.parametrize(
    ("field", "status"),
    [
        (("host", "evil.example"), 421),
        (("host", "evil.example:80"), 421),
        (("origin", "https://evil.example"), 403),
        (("origin", "null"), 403),
        (("origin", "http://localhost.evil.example"), 403),
    ],
)
async def test_a_page_of_another_site_opens_no_websocket(
    sockets: Scene, field: tuple[str, str], status: int
) -> None:
    client = Client(sockets.port)
    answer = await client.ask("GET /mcp", upgrade(client, field))
    assert answer.status == status
    assert await sockets.wait_for("refuse", 1) == [field[0]]


@pytest.mark.requirement("R-HOST", "R-LISTEN-WS")
async def test_a_second_origin_or_host_is_no_way_around(sockets: Scene) -> None:
    client = Client(sockets.port)
    for name in ("host", "origin"):
        headers = [*upgrade(client, ("origin", "http://localhost")), (name, "http://evil.example")]
        answer = await client.ask("GET /mcp", headers)
        assert answer.status in (400, 403, 421)


@pytest.mark.requirement("R-SEAL", "R-LISTEN-SSE")
async def test_an_id_counts_in_one_place_only(scene: Scene) -> None:
    way = await opened(scene)
    client, session = Client(scene.port), session_of(way)
    named = client.headers(("mcp-session-id", session))
    answers: dict[str, Answer] = {
        "header of a post": await client.ask("POST /messages", named, PING),
        "Streamable HTTP": await client.ask("POST /mcp", named, PING),
        "its end": await client.ask("DELETE /mcp", named),
        "its stream": await client.ask("GET /mcp", named),
        "another path": await client.ask(f"POST /mcp?session={session}", client.headers(), PING),
        "another name": await client.ask(f"POST /messages?id={session}", client.headers(), PING),
    }
    assert {answer.status for answer in answers.values()} <= {400, 404}
    reasons = {answer.reason for answer in answers.values()}
    assert reasons == {"session_missing", "session_unknown"}
    assert await way.put(PING), "it still is what it was"
    await way.stream.close()


@pytest.mark.requirement("R-SEAL", "R-LISTEN-SSE")
async def test_a_session_of_streamable_http_is_none_here(scene: Scene) -> None:
    client = Client(scene.port)
    await client.open_session()
    plain = Client(scene.port)
    for target in (f"/messages?session={client.session}", "/messages"):
        answer = await plain.ask(f"POST {target}", client.headers(), PING)
        assert answer.status in (400, 404)
    assert (await client.post(PING)).status == 200


@pytest.mark.requirement("R-SESSION", "R-LISTEN-SSE")
async def test_replies_go_to_the_stream_that_the_id_names(scene: Scene) -> None:
    first, second = await opened(scene), await opened(scene)
    stranger = Client(scene.port)
    # Whoever has the id can post; nobody but the stream's own client hears of it.
    answer = await stranger.ask(f"POST {first.address}", stranger.headers(), PING)
    assert (answer.status, answer.body) == (202, b"")
    assert json.loads(await first.get())["id"] == 7
    assert await second.put(legacy("ping", {}, "own"))
    assert json.loads(await second.get())["id"] == "own"
    await first.stream.close()
    await second.stream.close()


@pytest.mark.requirement("R-SESSION", "R-LISTEN-SSE")
async def test_a_client_cannot_choose_an_id(scene: Scene) -> None:
    client = Client(scene.port)
    wire = await client.connect()
    headers = client.headers(("mcp-session-id", "chosen"))
    wire.send("GET /sse?session=chosen", headers, None)
    assert (await wire.read_head()).status == 200
    assert b"chosen" not in await wire.read_chunk()
    assert (await client.ask("POST /messages?session=chosen", headers, PING)).status == 404
    await wire.close()


@pytest.mark.requirement("R-SECRET", "R-LISTEN-SSE")
async def test_an_id_is_in_no_event_and_no_log(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "mcpgate")
    way = await opened(scene)
    await Client(scene.port).ask(f"POST {way.address}x", Client(scene.port).headers(), PING)
    await scene.wait_for("refuse", 1)
    session = session_of(way)
    assert session not in json.dumps(scene.events)
    assert session not in "".join(str(vars(record)) for record in caplog.records)
    await way.stream.close()
