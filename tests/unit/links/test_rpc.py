import json

import msgspec
import pytest

from mcpgate.errors import LinkFault, RemoteError
from mcpgate.links.rpc import (
    build_hello,
    build_listen,
    build_own,
    build_stamp,
    find_changing,
    find_error_code,
    is_error,
    offers_modern,
    read_discovery,
    read_hello,
    read_result,
)

RAW = msgspec.Raw


@pytest.mark.requirement("R-ERA")
def test_own_requests_are_stamped_for_modern_servers_only() -> None:
    own = build_own(5, "tools/list", b'{"cursor":"x"}', b"")
    assert json.loads(own.body) == {
        "jsonrpc": "2.0",
        "id": 5,
        "method": "tools/list",
        "params": {"cursor": "x"},
    }
    assert "params" not in json.loads(build_own(5, "ping", b"", b"").body)
    stamped = json.loads(build_own(6, "tools/list", b"", build_stamp("9")).body)
    meta = stamped["params"]["_meta"]
    assert meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {}
    assert meta["io.modelcontextprotocol/clientInfo"] == {"name": "mcpgate", "version": "9"}
    named = build_own(7, "resources/read", b'{"uri":"test://a"}', b"")
    assert named.name == "test://a"


@pytest.mark.requirement("R-ERA")
def test_replies_are_results_errors_or_rubbish() -> None:
    assert read_result(b'{"id":1,"result":{"a": 1}}') == b'{"a": 1}'
    with pytest.raises(RemoteError) as caught:
        read_result(b'{"id":1,"error":{"code":-32601,"message":"no","data":{"x":1}}}')
    assert (caught.value.code, str(caught.value), caught.value.data) == (-32601, "no", b'{"x":1}')
    for rubbish in (b"", b"[]", b"{}", b'{"result"', b"\xff", b'{"error":5}'):
        with pytest.raises(LinkFault):
            read_result(rubbish)
    assert is_error(b"{}")
    assert not is_error(b'{"result":1}')
    assert find_error_code(b'{"error":{"code":-32022,"message":""}}') == -32022
    assert find_error_code(b"no json") == 0


@pytest.mark.requirement("R-ERA")
def test_a_greeting_is_read_and_unknown_revisions_are_refused() -> None:
    said = {
        "protocolVersion": "2024-11-05",
        "capabilities": {"tools": {"listChanged": True}},
        "serverInfo": {"name": "s", "version": "2", "icons": []},
        "instructions": "Hi.",
    }
    peer = read_hello(json.dumps(said).encode())
    assert (peer.era, peer.revision, peer.name, peer.instructions) == (
        "legacy",
        "2024-11-05",
        "s",
        "Hi.",
    )
    assert peer.offers("tools")
    assert not peer.offers("prompts")
    for bad in ("2099-01-01", "2026-07-28"):
        with pytest.raises(LinkFault, match=bad):
            read_hello(json.dumps({**said, "protocolVersion": bad}).encode())
    with pytest.raises(LinkFault):
        read_hello(json.dumps({**said, "capabilities": 5}).encode())
    assert json.loads(build_hello("2025-06-18", "9"))["protocolVersion"] == "2025-06-18"


@pytest.mark.requirement("R-ERA")
def test_a_discovery_is_read() -> None:
    said = {
        "supportedVersions": ["2026-07-28"],
        "capabilities": {},
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "m", "version": "1"}},
    }
    peer = read_discovery(json.dumps(said).encode())
    assert (peer.era, peer.revision, peer.name) == ("modern", "2026-07-28", "m")
    with pytest.raises(LinkFault, match="2025-11-25"):
        read_discovery(b'{"supportedVersions":["2025-11-25"]}')
    with pytest.raises(LinkFault):
        read_discovery(b'{"tools":[]}')


@pytest.mark.requirement("R-ERA")
@pytest.mark.parametrize(
    ("code", "data", "offered"),
    [
        (-32022, b'{"supported":["2025-11-25","2026-07-28"]}', True),
        (-32022, b'{"supported":["2025-11-25"]}', False),
        (-32022, b'{"supported":5}', False),
        (-32022, b"", False),
        (-32021, b'{"supported":["2026-07-28"]}', False),
    ],
)
def test_an_offer_of_the_modern_revision_is_seen(code: int, data: bytes, offered: bool) -> None:
    assert offers_modern(RemoteError(code, "x", data)) is offered


@pytest.mark.requirement("R-CHANGED")
def test_only_lists_that_announce_changes_are_listened_to() -> None:
    declared = RAW(b'{"tools":{"listChanged":true},"prompts":{"listChanged":false},"resources":{}}')
    assert find_changing(declared) == 1
    assert json.loads(build_listen(declared)) == {"notifications": {"toolsListChanged": True}}
    assert build_listen(RAW(b"{}")) == b""
