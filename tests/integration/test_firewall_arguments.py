"""Arguments that a tool's schema forbids stop at the gate, and the refusal teaches."""

import json
from collections.abc import AsyncIterator, Callable

import pytest

from mcpgate.app import Gateway
from tests.support.events import read_events
from tests.support.gateways import (
    Answer,
    Client,
    http_server,
    legacy,
    modern,
    modern_headers,
    running,
    wait_for_entries,
)
from tests.support.recording_server import RecordingServer

SEARCH = {
    "type": "object",
    "properties": {
        "query": {"type": "string"},
        "max_length": {"type": "integer", "maximum": 100},
        "order": {"enum": ["asc", "desc"]},
        "range": {"type": "object", "properties": {"from": {"type": "integer"}}},
    },
    "required": ["query"],
}
OPEN = {"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "integer"}}
TOOLS: dict[str, dict[str, object]] = {
    "search": {"inputSchema": SEARCH},
    "shaped": {"inputSchema": SEARCH, "outputSchema": {"type": "object"}},
    "lax": {"inputSchema": SEARCH},
    "free": {"inputSchema": SEARCH},
    "open": {"inputSchema": OPEN},
}
EXCEPTIONS = [
    {"name": "lax", "firewall": {"arguments": "schema"}},
    {"name": "free", "firewall": {"arguments": "off"}},
]


@pytest.fixture(params=[False, True], ids=["legacy server", "modern server"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[RecordingServer]:
    tools = [json.dumps({"name": name, **more}).encode() for name, more in TOOLS.items()]
    async with RecordingServer(modern=request.param, tools=tools) as server:
        yield server


@pytest.fixture
async def gateway(server: RecordingServer, free_port: Callable[[], int]) -> AsyncIterator[Gateway]:
    servers = [http_server("s", server.url, tools=EXCEPTIONS)]
    async with running(free_port(), servers) as gateway:
        await wait_for_entries(gateway, len(TOOLS))
        yield gateway


@pytest.fixture
async def client(gateway: Gateway) -> Client:
    client = Client(int(gateway.listeners[0].url.rsplit(":", 1)[1].split("/")[0]))
    await client.open_session()
    return client


def read_lesson(answer: Answer) -> dict[str, object]:
    result = answer.message["result"]
    assert isinstance(result, dict)
    assert (answer.status, result["isError"]) == (200, True)
    return result


@pytest.mark.requirement("R-SCHEMA")
@pytest.mark.parametrize(
    ("tool", "arguments", "passes"),
    [
        ("search", {"query": "x"}, True),
        ("search", {"query": "x", "max_length": 100, "order": "asc", "range": {"from": 1}}, True),
        ("search", {"query": 1}, False),
        ("search", {}, False),
        ("search", {"query": "x", "max_length": 101}, False),
        ("search", {"query": "x", "maxLength": 5}, False),
        ("search", {"query": "x", "range": {"from": 1, "until": 2}}, False),
        ("lax", {"query": "x", "maxLength": 5}, True),
        ("lax", {"query": 1}, False),
        ("free", {"query": 1, "maxLength": 5}, True),
        ("open", {"a": "x", "b": 1}, True),
        ("open", {"a": "x", "b": "y"}, False),
    ],
)
async def test_what_the_schema_forbids_never_reaches_the_server(
    client: Client, server: RecordingServer, tool: str, arguments: dict[str, object], passes: bool
) -> None:
    answer = await client.call(f"s__{tool}", json.dumps(arguments).encode())
    assert len(server.find("tools/call", tool)) == passes
    assert ("isError" in json.dumps(answer.message["result"])) != passes


@pytest.mark.requirement("R-SCHEMA")
async def test_missing_arguments_are_an_empty_object(
    client: Client, server: RecordingServer
) -> None:
    answer = await client.post(legacy("tools/call", {"name": "s__search"}))
    assert "query" in json.dumps(read_lesson(answer))
    answer = await client.post(legacy("tools/call", {"name": "s__open"}))
    assert "isError" not in json.dumps(answer.message["result"])
    assert [each.tool for each in server.find("tools/call")] == ["open"]


@pytest.mark.requirement("R-TEACH")
async def test_a_model_can_act_on_the_refusal(client: Client) -> None:
    arguments = {"query": "x", "maxLength": 5, "order": "ascending", "range": []}
    result = read_lesson(await client.call("s__search", json.dumps(arguments).encode()))
    content = result["content"]
    assert isinstance(content, list)
    text = content[0]["text"]
    assert "max_length" in text
    assert "/order" in text
    assert '"asc"' in text
    assert "/range" in text
    assert "ascending" not in text  # what came is never echoed
    data = result["structuredContent"]
    assert isinstance(data, dict)
    assert (data["reason"], data["retryable"]) == ("arguments", False)
    unknown = next(each for each in data["problems"] if each.get("name") == "maxLength")
    assert (unknown["near"], unknown["pointer"]) == ("max_length", "")


@pytest.mark.requirement("R-TEACH")
async def test_the_event_explains_the_refusal(client: Client, gateway: Gateway) -> None:
    result = read_lesson(await client.call("s__search", b'{"query":1}'))
    data = result["structuredContent"]
    assert isinstance(data, dict)
    event = read_events(gateway, "verdict")[-1]
    assert event["event"] == data["eventId"]
    assert (event["outcome"], event["reason"], event["step"]) == ("refuse", "arguments", "schema")
    assert event["entry"] == "search"
    assert event["arguments_sha256"]


@pytest.mark.requirement("R-TEACH")
async def test_clients_that_check_structured_content_are_not_misled(client: Client) -> None:
    result = read_lesson(await client.call("s__shaped", b"{}"))
    assert "structuredContent" not in result
    meta = result["_meta"]
    assert isinstance(meta, dict)
    assert meta["mcpgate/refusal"]["reason"] == "arguments"


@pytest.mark.requirement("R-TEACH")
async def test_a_modern_client_gets_a_whole_result(client: Client, server: RecordingServer) -> None:
    body = modern("tools/call", {"name": "s__search", "arguments": {"q": "x"}}, "m")
    answer = await client.post(body, *modern_headers("tools/call", "s__search"))
    result = read_lesson(answer)
    assert answer.message["id"] == "m"
    assert result["resultType"] == "complete"
    assert not server.find("tools/call")


@pytest.mark.requirement("R-TEACH")
async def test_the_refusal_is_short_whatever_came(client: Client) -> None:
    many = {f"unknown_{place}_{'x' * 300}": "s3cret" * 50 for place in range(500)}
    answer = await client.call("s__search", json.dumps(many).encode(), "i" * 200)
    assert len(answer.body) <= 2048
    assert "s3cret" not in answer.body.decode()
    read_lesson(answer)
