"""Both eras on one endpoint, in front of servers of both eras; what the gateway need not change
arrives byte for byte."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from mcpgate.app import Gateway
from tests.support.gateways import (
    Client,
    http_server,
    legacy,
    modern,
    modern_headers,
    running,
    wait_for_entries,
)
from tests.support.recording_server import TOOL, TOOLS, RecordingServer

pytestmark = pytest.mark.usefixtures("either_listener")

ODD = (
    b'{"zz":1.0,"big":123456789012345678901234567890,"e":1E300,"neg":-0,"u":"\\u00e9\\/",'
    b'"deep":{"b":[ 1 , 2.50 ],"a":null},"":{}}'
)
MISTAKEN = (
    b'{"name":"mistaken","inputSchema":{"type":"object",'
    b'"properties":{"n":{"type":"number","x-mcp-header":"N"}}}}'
)


@dataclass
class Scene:
    """A gateway in front of a legacy and a modern server."""

    gateway: Gateway
    client: Client
    old: RecordingServer
    new: RecordingServer


@pytest.fixture
async def scene(free_port: Callable[[], int]) -> AsyncIterator[Scene]:
    async with RecordingServer(modern=False) as old, RecordingServer(modern=True) as new:
        port = free_port()
        off = {"arguments": "off"}  # the arguments here are odd on purpose
        servers = [
            http_server("old", old.url, firewall=off),
            http_server("new", new.url, firewall=off),
        ]
        async with running(port, servers) as gateway:
            await wait_for_entries(gateway, 2 * len(TOOLS))
            yield Scene(gateway, Client(port), old, new)


@pytest.mark.requirement("R-FRONT")
@pytest.mark.parametrize("server", ["old", "new"])
async def test_legacy_client(scene: Scene, server: str) -> None:
    hello = await scene.client.open_session()
    result = hello.message["result"]
    assert isinstance(result, dict)
    assert result["protocolVersion"] == "2025-11-25"
    answer = await scene.client.call(f"{server}__echo", b"{}", "id-1")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.message["id"] == "id-1"


@pytest.mark.requirement("R-FRONT")
@pytest.mark.parametrize("server", ["old", "new"])
async def test_modern_client(scene: Scene, server: str) -> None:
    answer = await scene.client.call_modern(f"{server}__echo", 12345678901234567)
    assert answer.status == 200
    assert answer.message["id"] == 12345678901234567
    result = answer.message["result"]
    assert isinstance(result, dict)
    assert result["resultType"] == "complete"
    assert "mcp-session-id" not in answer.headers


@pytest.mark.requirement("R-FRONT")
@pytest.mark.parametrize("revision", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
async def test_every_legacy_revision(scene: Scene, revision: str) -> None:
    hello = await scene.client.open_session(revision)
    result = hello.message["result"]
    assert isinstance(result, dict)
    assert result["protocolVersion"] == revision
    header = ("mcp-protocol-version", revision)
    answer = await scene.client.post(legacy("tools/list"), header)
    assert (answer.status, "result" in answer.message) == (200, True)


@pytest.mark.requirement("R-FRONT")
async def test_modern_discover_names_what_is_spoken(scene: Scene) -> None:
    answer = await scene.client.post(modern("server/discover"), *modern_headers("server/discover"))
    result = answer.message["result"]
    assert isinstance(result, dict)
    assert "2026-07-28" in result["supportedVersions"]


@pytest.mark.requirement("R-SPLICE")
async def test_definitions_survive_byte_for_byte(scene: Scene) -> None:
    await scene.client.open_session()
    raw = (await scene.client.post(legacy("tools/list"))).body
    for server in (b"old", b"new"):
        for tool in TOOLS:
            assert TOOL % (server + b"__" + tool.encode()) in raw


@pytest.mark.requirement("R-SPLICE")
@pytest.mark.parametrize("server", ["old", "new"])
async def test_arguments_survive_byte_for_byte(scene: Scene, server: str) -> None:
    await scene.client.open_session()
    await scene.client.call(f"{server}__echo", ODD)
    recorded = await getattr(scene, server).wait_for("tools/call")
    assert b'"arguments":' + ODD in recorded.body
    assert recorded.tool == "echo"


@pytest.mark.requirement("R-SPLICE")
@pytest.mark.parametrize("server", ["old", "new"])
async def test_unknown_members_of_a_request_survive(scene: Scene, server: str) -> None:
    await scene.client.open_session()
    more = b'"x-more":[1.50],"_meta":{"x.example/y":{"b":1,"a":1e5}}'
    body = (
        b'{ "x":1, "jsonrpc":"2.0", "method":"tools/call","id":7,"params":{%b,"name":"%b__echo"}}'
    )
    answer = await scene.client.post(body % (more, server.encode()))
    assert answer.message["id"] == 7
    recorded = await getattr(scene, server).wait_for("tools/call")
    assert b'"x-more":[1.50]' in recorded.body
    assert b'"x.example/y":{"b":1,"a":1e5}' in recorded.body


@pytest.mark.requirement("R-SPLICE")
@pytest.mark.parametrize("server", ["old", "new"])
async def test_results_survive_byte_for_byte(scene: Scene, server: str) -> None:
    await scene.client.open_session()
    answer = await scene.client.call(f"{server}__echo")
    kept = (
        b'"zeta":1234567890123456789.10,"content":[{"type":"text","text":"\\u00e9 \\/",'
        b'"extra":1E+2}],"alpha":{"b":1,"a":2}'
    )
    assert kept in answer.body
    assert kept in (await scene.client.call_modern(f"{server}__echo")).body


@pytest.mark.requirement("R-SPLICE")
async def test_errors_of_a_server_survive(scene: Scene) -> None:
    await scene.client.open_session()
    answer = await scene.client.call("old__fault", b"{}", 3)
    assert b'"error":{"code":-32000,"message":"own","data":{"z":1,"a":2}}' in answer.body
    assert answer.message["id"] == 3


@pytest.mark.requirement("R-HEADERS")
async def test_mirrored_headers_are_made_anew(scene: Scene) -> None:
    await scene.client.call_modern("new__echo")
    recorded = await scene.new.wait_for("tools/call")
    assert recorded.headers["mcp-name"] == "echo"
    assert recorded.headers["mcp-method"] == "tools/call"
    assert recorded.headers["mcp-protocol-version"] == "2026-07-28"
    assert "origin" not in recorded.headers


@pytest.mark.requirement("R-HEADERS")
@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_a_tool_with_an_invalid_annotation_is_quarantined(
    free_port: Callable[[], int], era: str
) -> None:
    tools = [TOOL % b"echo", MISTAKEN]
    async with RecordingServer(modern=era == "modern", tools=tools) as server:
        client = Client(free_port())
        async with running(client.port, [http_server("s", server.url)]) as gateway:
            await wait_for_entries(gateway, 1)
            assert gateway.core is not None
            marks = gateway.core.publisher.status.marks
            held = [(mark.name, mark.rule) for mark in marks if mark.quarantined]
            assert held == [("mistaken", "headers_invalid")]
            await client.open_session()
            assert b"mistaken" not in (await client.post(legacy("tools/list"))).body
            assert (await client.call("s__mistaken")).reason == "unknown_tool"
            assert server.find("tools/call") == []


@pytest.mark.requirement("R-SESSION")
async def test_ids_of_clients_never_reach_servers(scene: Scene) -> None:
    await scene.client.open_session()
    await scene.client.call("old__echo", b"{}", "secret-id")
    recorded = await scene.old.wait_for("tools/call")
    assert b"secret-id" not in recorded.body
    assert scene.client.session not in json.dumps(recorded.headers)


@pytest.mark.requirement("R-LISTS")
async def test_lists_call_no_server(scene: Scene) -> None:
    before = len(scene.old.requests) + len(scene.new.requests)
    await scene.client.open_session()
    for method in ("tools/list", "prompts/list", "resources/list", "ping"):
        assert "result" in (await scene.client.post(legacy(method))).message
    await scene.client.post(modern("tools/list"), *modern_headers("tools/list"))
    assert len(scene.old.requests) + len(scene.new.requests) == before
