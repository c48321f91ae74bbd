"""Every status code of the HTTP front, for both eras, each with its reason and its event."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from mcpgate.app import Gateway
from tests.support.exchanges import read_events
from tests.support.gateways import (
    ACCEPT,
    Answer,
    Client,
    http_server,
    legacy,
    modern,
    modern_headers,
    notification,
    running,
    wait_for_entries,
)
from tests.support.recording_server import TOOLS, RecordingServer

pytestmark = pytest.mark.usefixtures("either_listener")

LIMIT = 4096
VERSION = ("mcp-protocol-version", "2026-07-28")


@pytest.fixture
async def gateway(free_port: Callable[[], int]) -> AsyncIterator[tuple[Gateway, int]]:
    port = free_port()
    async with RecordingServer(modern=True) as server:
        servers = [http_server("s", server.url)]
        async with running(port, servers, limits={"message_bytes": LIMIT, "body_s": 0.3}) as made:
            await wait_for_entries(made, len(TOOLS))
            yield made, port


@pytest.fixture
def client(gateway: tuple[Gateway, int]) -> Client:
    return Client(gateway[1])


def refused(answer: Answer) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/json"
    assert answer.message["jsonrpc"] == "2.0"
    return answer.status, answer.reason


@pytest.mark.requirement("R-STATUS")
@pytest.mark.parametrize(
    ("more", "without", "expected"),
    [
        ([("host", "evil.example")], (), (421, "host")),
        ([], ("host",), (421, "host")),
        ([("origin", "http://evil.example")], (), (403, "origin")),
        ([("origin", "null")], (), (403, "origin")),
        ([("content-type", "text/plain")], (), (415, "media_type")),
        ([], ("content-type",), (415, "media_type")),
        ([("accept", "application/json")], (), (406, "not_acceptable")),
        ([("accept", "text/event-stream")], (), (406, "not_acceptable")),
        ([], ("accept",), (406, "not_acceptable")),
        ([("mcp-session-id", "unknown")], (), (404, "session_unknown")),
        ([("mcp-session-id", "")], (), (404, "session_unknown")),
        ([], (), (400, "session_missing")),
        ([("mcp-protocol-version", "2024-11-05")], (), (400, "session_missing")),
    ],
)
async def test_headers(
    client: Client, more: list[tuple[str, str]], without: tuple[str, ...], expected: tuple[int, str]
) -> None:
    answer = await client.post(legacy("tools/list"), *more, without=without)
    assert refused(answer) == expected
    assert answer.message["id"] in (None, 1)


@pytest.mark.requirement("R-STATUS")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "parse"),
        (b"{", "parse"),
        (b"\xff", "parse"),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', "parse"),
        (b"[]", "batch"),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', "batch"),
        (b"1", "invalid_request"),
        (b'{"id":1,"method":"ping"}', "invalid_request"),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', "invalid_request"),
    ],
)
async def test_bodies(client: Client, body: bytes, reason: str) -> None:
    assert refused(await client.post(body)) == (400, reason)
    assert refused(await client.post(body, *modern_headers("ping"))) == (400, reason)
    await client.open_session()
    assert refused(await client.post(body)) == (400, reason)


@pytest.mark.requirement("R-STATUS")
async def test_sizes(client: Client) -> None:
    await client.open_session()
    assert refused(await client.post(b" " * (LIMIT + 1))) == (413, "too_large")
    assert (await client.post(legacy("ping").ljust(LIMIT))).status == 200
    claimed = client.headers(("content-length", "99999999999"))
    assert refused(await client.ask("POST /mcp", claimed)) == (413, "too_large")


@pytest.mark.requirement("R-STATUS")
async def test_methods(client: Client) -> None:
    await client.open_session()
    for method in ("GET", "DELETE", "PUT", "OPTIONS", "PATCH"):
        answer = await client.ask(f"{method} /mcp", client.headers(VERSION))
        assert (answer.status, answer.headers["allow"]) == (405, "POST")
    for method in ("PUT", "PATCH", "OPTIONS"):
        answer = await client.ask(f"{method} /mcp", client.headers())
        assert (answer.status, answer.headers["allow"]) == (405, "GET, POST, DELETE")
    answer = await client.ask("GET /mcp", client.headers(("accept", "application/json")))
    assert refused(answer) == (406, "not_acceptable")


@pytest.mark.requirement("R-SESSION")
async def test_sessions(client: Client) -> None:
    for method in ("GET", "DELETE"):
        assert refused(await client.ask(f"{method} /mcp", client.headers())) == (
            400,
            "session_missing",
        )
        unknown = client.headers(("mcp-session-id", "x"))
        assert refused(await client.ask(f"{method} /mcp", unknown)) == (404, "session_unknown")
    answer = await client.open_session()
    assert answer.headers["mcp-session-id"].isascii()
    deleted = await client.ask("DELETE /mcp", client.headers())
    assert (deleted.status, deleted.body) == (204, b"")
    assert refused(await client.post(legacy("ping"))) == (404, "session_unknown")
    assert refused(await client.ask("DELETE /mcp", client.headers())) == (404, "session_unknown")


@pytest.mark.requirement("R-SESSION")
async def test_no_session_without_a_handshake(client: Client) -> None:
    for body in (legacy("tools/list"), b"{", legacy("initialize", {"protocolVersion": 5})):
        assert "mcp-session-id" not in (await client.post(body)).headers


@pytest.mark.requirement("R-STATUS")
async def test_notifications_are_accepted(client: Client) -> None:
    await client.open_session()
    answer = await client.post(notification("notifications/anything"))
    assert (answer.status, answer.body) == (202, b"")
    assert "content-type" not in answer.headers
    answer = await client.post(b'{"jsonrpc":"2.0","id":5,"result":{}}')
    assert (answer.status, answer.reason) == (400, "answer_unknown")


@pytest.mark.requirement("R-STATUS")
async def test_legacy_errors_travel_in_200(client: Client) -> None:
    await client.open_session()
    answer = await client.post(legacy("no/such"))
    assert refused(answer) == (200, "method_unknown")
    assert answer.error["code"] == -32601
    assert refused(await client.call("s__none")) == (200, "unknown_tool")
    assert refused(await client.call("echo")) == (200, "unknown_tool")
    assert refused(await client.post(legacy("tools/list", {"cursor": "x"}))) == (200, "cursor")


@pytest.mark.requirement("R-STATUS")
@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (modern("ping"), modern_headers("ping"), 404, -32601),
        (modern("initialize"), modern_headers("initialize"), 404, -32601),
        (legacy("tools/list"), modern_headers("tools/list"), 400, -32602),
        (modern("tools/list"), modern_headers("prompts/list"), 400, -32020),
        (modern("tools/list"), [VERSION], 400, -32020),
        (modern("tools/list"), [], 400, -32020),
        (modern("tools/list"), [VERSION, *modern_headers("tools/list")], 400, -32020),
        (
            modern("tools/list"),
            [("mcp-protocol-version", "2099-01-01"), ("mcp-method", "tools/list")],
            400,
            -32020,
        ),
        (
            modern("tools/list").replace(b"2026-07-28", b"2099-01-01"),
            [("mcp-protocol-version", "2099-01-01"), ("mcp-method", "tools/list")],
            400,
            -32022,
        ),
        (
            modern("tools/call", {"name": "s__echo"}),
            modern_headers("tools/call", "s__slow"),
            400,
            -32020,
        ),
        (
            modern("tools/call", {"name": "s__none"}),
            modern_headers("tools/call", "s__none"),
            400,
            -32602,
        ),
    ],
)
async def test_modern_ladder(
    client: Client, body: bytes, headers: list[tuple[str, str]], status: int, code: int
) -> None:
    answer = await client.post(body, *headers)
    assert (answer.status, answer.error["code"], answer.message["id"]) == (status, code, 1)


@pytest.mark.requirement("R-SESSION")
async def test_modern_requests_ignore_sessions(client: Client) -> None:
    headers = [*modern_headers("tools/list"), ("mcp-session-id", "x"), ("last-event-id", "y")]
    assert (await client.post(modern("tools/list"), *headers)).status == 200


@pytest.mark.requirement("R-FRONT")
async def test_paths(client: Client) -> None:
    for path in ("/", "/mcp/", "/mcp?x=1/..", "/MCP", "//mcp", "/other"):
        answer = await client.ask(f"POST {path}", client.headers(), b"{}")
        expected = 400 if path.startswith("/mcp?") else 404
        assert answer.status == expected, path
    assert (await client.ask("GET /healthz", [("host", "anything")])).status == 200
    ready = await client.ask("GET /readyz", [("host", "anything")])
    assert (ready.status, ready.message["ready"]) == (200, True)


@pytest.mark.requirement("R-STATUS")
@pytest.mark.parametrize("framing", [("content-length", "20"), ("transfer-encoding", "chunked")])
async def test_half_sent_body_is_given_up(client: Client, framing: tuple[str, str]) -> None:
    wire = await client.connect()
    wire.send("POST /mcp", client.headers(framing), None)
    answer = await wire.read()
    assert refused(answer) == (408, "slow_body")
    assert await wire.is_over()
    await wire.close()


@pytest.mark.requirement("R-EVENT")
async def test_each_refusal_is_an_event(gateway: tuple[Gateway, int], client: Client) -> None:
    answers = [
        await client.post(b"{}", ("host", "evil.example")),
        await client.post(b"{}", ("accept", ACCEPT), ("content-type", "x/y")),
        await client.ask("PUT /mcp", client.headers()),
        await client.post(b" " * (LIMIT + 1)),
        await client.ask("GET /nowhere", client.headers()),
        await client.post(b"{"),
    ]
    core = gateway[0].core
    assert core is not None
    folder = Path(gateway[0].state_dir) / "events"
    lines = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    recorded = {
        event["event"]: event["reason"] for event in read_events(lines) if "reason" in event
    }
    for answer in answers:
        data = answer.error["data"]
        assert isinstance(data, dict)
        assert recorded[data["eventId"]] == answer.reason
