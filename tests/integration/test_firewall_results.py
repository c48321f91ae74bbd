"""Results are held to their output schema, and secrets in them go no further."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from mcpgate.app import Gateway
from tests.support.events import read_events
from tests.support.gateways import Answer, Client, http_server, running, wait_for_entries
from tests.support.recording_server import RecordingServer

OUTPUT = {
    "type": "object",
    "properties": {"sum": {"type": "integer"}},
    "required": ["sum"],
}
KEY = "AKIA" + "Q7" * 8
GOOD = b'{"content":[],"structuredContent":{"sum":3}}'
BAD = b'{"content":[],"structuredContent":{"sum":"3"}}'
BARE = b'{"content":[{"type":"text","text":"3"}]}'
ERROR = b'{"content":[{"type":"text","text":"no"}],"isError":true}'
LEAKY = json.dumps(
    {"content": [{"type": "text", "text": f"the key is {KEY}, keep it"}], "n": 1.50}
).encode()


@pytest.fixture
async def server() -> AsyncIterator[RecordingServer]:
    tools = [
        {"name": "sum", "inputSchema": {"type": "object"}, "outputSchema": OUTPUT},
        {"name": "read", "inputSchema": {"type": "object"}},
    ]
    listed = [json.dumps(tool).encode() for tool in tools]
    async with RecordingServer(modern=False, tools=listed) as server:
        yield server


Open = Callable[..., AbstractAsyncContextManager[tuple[Gateway, Client]]]


@pytest.fixture
def opened(server: RecordingServer, free_port: Callable[[], int]) -> Open:
    @asynccontextmanager
    async def open_with(**firewall: str) -> AsyncIterator[tuple[Gateway, Client]]:
        port = free_port()
        servers = [http_server("s", server.url, firewall=firewall)]
        async with running(port, servers) as gateway:
            await wait_for_entries(gateway, 2)
            client = Client(port)
            await client.open_session()
            yield gateway, client

    return open_with


def read_end(gateway: Gateway) -> dict[str, object]:
    """Return how the only exchange ended."""
    (end,) = read_events(gateway, "end")
    return end


@pytest.mark.requirement("R-RESULTS")
@pytest.mark.parametrize("result", [GOOD, ERROR])
async def test_a_good_result_passes_when_enforced(
    server: RecordingServer, opened: Open, result: bytes
) -> None:
    server.results["sum"] = result
    async with opened(results="enforce") as (gateway, client):
        answer = await client.call("s__sum")
        assert result in answer.body
        assert "result_mismatch" not in read_end(gateway)


@pytest.mark.requirement("R-RESULTS")
@pytest.mark.parametrize("result", [BAD, BARE])
async def test_a_bad_result_is_refused_when_enforced(
    server: RecordingServer, opened: Open, result: bytes
) -> None:
    server.results["sum"] = result
    async with opened(results="enforce") as (gateway, client):
        answer = await client.call("s__sum")
        assert (answer.status, answer.error["code"], answer.reason) == (
            200,
            -31005,
            "result_schema",
        )
        assert "structuredContent" in str(answer.error["message"])
        assert read_end(gateway)["reason"] == "result_schema"
        assert gateway.core is not None
        assert json.loads(gateway.core.gate.faults()) == {"s": 1}


@pytest.mark.requirement("R-RESULTS")
@pytest.mark.parametrize("result", [BAD, BARE])
async def test_a_bad_result_is_recorded_when_observed(
    server: RecordingServer, opened: Open, result: bytes
) -> None:
    server.results["sum"] = result
    async with opened() as (gateway, client):
        assert result in (await client.call("s__sum")).body
        assert read_end(gateway)["result_mismatch"] is True


@pytest.mark.requirement("R-RESULTS")
async def test_results_are_not_looked_at_when_off(server: RecordingServer, opened: Open) -> None:
    server.results["sum"] = BAD
    async with opened(results="off") as (gateway, client):
        assert BAD in (await client.call("s__sum")).body
        assert "result_mismatch" not in read_end(gateway)


def text_of(answer: Answer) -> str:
    result = answer.message["result"]
    assert isinstance(result, dict)
    return str(result["content"][0]["text"])


@pytest.mark.requirement("R-RESULTS")
async def test_a_secret_is_redacted_and_all_else_stays(
    server: RecordingServer, opened: Open
) -> None:
    server.results["read"] = LEAKY
    async with opened(secrets="redact") as (gateway, client):
        answer = await client.call("s__read")
        assert KEY not in answer.body.decode()
        assert text_of(answer).startswith("the key is [redacted:")
        assert text_of(answer).endswith("], keep it")
        assert b'"n": 1.5}' in answer.body
        assert read_end(gateway)["secrets"] == 1


@pytest.mark.requirement("R-RESULTS")
async def test_a_secret_is_refused(server: RecordingServer, opened: Open) -> None:
    server.results["read"] = LEAKY
    async with opened(secrets="refuse") as (_, client):
        answer = await client.call("s__read")
        assert (answer.error["code"], answer.reason) == (-31001, "secret")
        assert KEY not in answer.body.decode()


@pytest.mark.requirement("R-RESULTS")
@pytest.mark.parametrize("mode", ["off", "redact", "refuse"])
async def test_a_clean_result_keeps_its_bytes(
    server: RecordingServer, opened: Open, mode: str
) -> None:
    clean = b'{"content":[{"type":"text","text":"\\u00e9 \\/ sk-short AKIA"}], "odd" : 1.50 }'
    server.results["read"] = clean
    async with opened(secrets=mode) as (_, client):
        assert clean in (await client.call("s__read")).body


@pytest.mark.requirement("R-RESULTS")
async def test_secrets_pass_where_nobody_asked(server: RecordingServer, opened: Open) -> None:
    server.results["read"] = LEAKY
    async with opened() as (_, client):
        assert LEAKY in (await client.call("s__read")).body
