"""Replies that come in several messages, as they come."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest

from tests.support.gateways import (
    Client,
    http_server,
    legacy,
    modern,
    modern_headers,
    running,
    wait_for_entries,
)
from tests.support.recording_server import TOOLS, RecordingServer

pytestmark = pytest.mark.usefixtures("either_listener")


@pytest.fixture(params=[False, True], ids=["legacy server", "modern server"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[RecordingServer]:
    async with RecordingServer(modern=request.param) as made:
        yield made


@pytest.fixture
async def client(server: RecordingServer, free_port: Callable[[], int]) -> AsyncIterator[Client]:
    port = free_port()
    async with running(port, [http_server("s", server.url)]) as gateway:
        await wait_for_entries(gateway, len(TOOLS))
        client = Client(port)
        await client.open_session()
        yield client


@pytest.mark.requirement("R-SSE")
@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_progress_flows_before_the_reply_exists(
    server: RecordingServer, client: Client, era: str
) -> None:
    params: dict[str, object] = {"name": "s__progress", "arguments": {}}
    meta = {"progressToken": "mine"}
    wire = await client.connect()
    if era == "legacy":
        body = legacy("tools/call", {**params, "_meta": meta}, 5)
        wire.send("POST /mcp", client.headers(), body)
    else:
        body = modern("tools/call", params, 5).replace(
            b'"_meta": {', b'"_meta": {"progressToken": "mine", '
        )
        wire.send("POST /mcp", client.headers(*modern_headers("tools/call", "s__progress")), body)
    head = await wire.read_head()
    assert head.headers["content-type"] == "text/event-stream"
    assert head.headers["x-accel-buffering"] == "no"
    assert head.headers["cache-control"] == "no-store, no-transform"
    first = await wire.read_event()
    assert first is not None
    assert json.loads(first)["params"] == {"progressToken": "mine", "progress": 1, "odd": [1.0]}
    assert b'"odd":[1.0]' in first
    recorded = await server.wait_for("tools/call")
    assert b"mine" not in recorded.body  # the token towards the server is our own
    server.released.set()
    second, last = await wire.read_event(), await wire.read_event()
    assert second is not None
    assert b'"progress":2' in second
    assert last is not None
    assert json.loads(last)["id"] == 5
    assert await wire.read_event() is None
    await wire.close()


@pytest.mark.requirement("R-SSE")
async def test_progress_nobody_asked_for_is_not_passed_on(
    server: RecordingServer, client: Client
) -> None:
    server.released.set()
    answer = await client.call("s__echo")
    assert answer.headers["content-type"] == "application/json"
    assert b"progressToken" not in server.find("tools/call")[0].body


@pytest.mark.requirement("R-SSE")
async def test_many_calls_at_once_do_not_mix(server: RecordingServer, client: Client) -> None:
    server.released.set()
    calls = [
        client.post(
            legacy(
                "tools/call",
                {
                    "name": f"s__{'progress' if number % 2 else 'echo'}",
                    "arguments": {},
                    "_meta": {"progressToken": number},
                },
                number,
            )
        )
        for number in range(40)
    ]
    for number, answer in enumerate(await asyncio.gather(*calls)):
        if answer.headers["content-type"] == "application/json":
            assert answer.message["id"] == number
        else:
            *progress, last = [json.loads(event) for event in answer.events]
            assert last["id"] == number
            assert {event["params"]["progressToken"] for event in progress} == {number}
