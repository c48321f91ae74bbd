"""What is written on open streams, byte for byte."""

import json

import pytest

from mcpgate.gate import LISTS, PROMPTS, TOOLS
from mcpgate.sessions.notices import complete, list_changed


@pytest.mark.requirement("R-CHANGED")
def test_session_stream_gets_plain_notifications() -> None:
    assert list_changed(TOOLS | PROMPTS, b"") == [
        b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}',
        b'{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}',
    ]
    assert list_changed(0, b"") == []


@pytest.mark.requirement("R-CHANGED")
@pytest.mark.parametrize("raw", [b"7", b'"seven"', b'"\\u0037"'])
def test_listen_stream_names_its_request(raw: bytes) -> None:
    messages = list_changed(LISTS, raw)
    assert len(messages) == 3
    meta = json.loads(messages[2])["params"]["_meta"]
    assert meta == {"io.modelcontextprotocol/subscriptionId": json.loads(raw)}
    assert raw in messages[2]


@pytest.mark.requirement("R-CHANGED")
def test_listen_request_ends_with_an_empty_result() -> None:
    assert json.loads(complete(b'"x"')) == {
        "jsonrpc": "2.0",
        "id": "x",
        "result": {
            "resultType": "complete",
            "_meta": {"io.modelcontextprotocol/subscriptionId": "x"},
        },
    }
