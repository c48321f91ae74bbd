"""Which transports a listener carries is the operator's to say."""

from collections.abc import Callable

import pytest

from tests.support.gateways import Answer, Client, hello, legacy, running
from tests.support.websockets_raw import upgrade

pytestmark = pytest.mark.requirement("R-LISTEN-WS", "R-LISTEN-SSE")
OPEN = legacy("initialize", hello("2025-11-25"))


async def find(port: int) -> dict[str, Answer]:
    """Ask for each transport, and return the heads of the answers."""
    client = Client(port)
    asked = {
        "http": ("POST /mcp", client.headers(), OPEN),
        "sse": ("GET /sse", client.headers(), None),
        "messages": ("POST /messages", client.headers(), OPEN),
        "websocket": ("GET /mcp", upgrade(client), None),
    }
    found = {}
    for name, (target, headers, body) in asked.items():
        wire = await client.connect()
        wire.send(target, headers, body)
        found[name] = await wire.read_head()
        if "content-length" in found[name].headers:
            length = int(found[name].headers["content-length"])
            found[name].body = await wire.reader.readexactly(length)
        await wire.close()
    return found


CARRIED = {"http": 200, "sse": 200, "messages": 400, "websocket": 101}
MISSING = {"http": 404, "sse": 404, "messages": 404, "websocket": 400}


@pytest.mark.parametrize(
    ("kind", "listed"),
    [
        ("native", None),
        ("native", ["http"]),
        ("native", ["sse"]),
        ("native", ["websocket"]),
        ("native", ["http", "websocket"]),
        ("granian", ["http"]),
        ("granian", ["sse"]),
        ("granian", ["http", "sse"]),
    ],
)
async def test_what_is_not_listed_is_not_there(
    free_port: Callable[[], int], kind: str, listed: list[str] | None
) -> None:
    port = free_port()
    listener = {"address": f"127.0.0.1:{port}", "kind": kind, "transports": listed}
    if listed is None:
        del listener["transports"]
    async with running(port, listeners=[listener]):
        found = await find(port)
    here = set(listed or CARRIED)
    if "sse" in here:
        here.add("messages")
    expected = {name: (CARRIED if name in here else MISSING)[name] for name in CARRIED}
    assert {name: answer.status for name, answer in found.items()} == expected
    if "websocket" not in here:
        assert "list websocket under its transports" in str(found["websocket"].error["message"])


async def test_granian_says_what_a_websocket_needs(free_port: Callable[[], int]) -> None:
    port = free_port()
    async with running(port):
        refused = (await find(port))["websocket"]
        client = Client(port)
        foreign = await client.ask("GET /mcp", upgrade(client, ("host", "evil.example")))
    assert (refused.status, refused.reason) == (400, "invalid_request")
    assert "kind: native" in str(refused.error["message"])
    assert foreign.reason == "host"
