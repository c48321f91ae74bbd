"""What a line shows at a glance."""

import json

import pytest

from mcpgate.listeners.glance import declares_revision, find_id, is_notification, is_reply
from tests.support.gateways import hello, legacy, modern, notification

pytestmark = pytest.mark.requirement("R-STDIO")

KEY = "io.modelcontextprotocol/protocolVersion"


def test_a_modern_message_names_its_revision() -> None:
    assert declares_revision(modern("tools/list"))
    assert declares_revision(modern("tools/list").replace(b"/", b"\\/"))
    assert declares_revision(b'{"params":{"_meta":{"%b":1}}}' % KEY.encode())


@pytest.mark.parametrize(
    "line",
    [
        legacy("initialize", hello("2025-11-25")),
        legacy("tools/call", {"name": "a", "arguments": {"_meta": {KEY: "2026-07-28"}}}),
        legacy("tools/call", {"name": KEY}),
        b'{"params":[{"_meta":{"%b":"2026-07-28"}}]}' % KEY.encode(),
        b'{"params":{"_meta":"%b"}}' % KEY.encode(),
        b"protocolVersion",
        b"\xffprotocolVersion",
        b"[" * 100_000 + b"protocolVersion",
        b"",
    ],
)
def test_any_other_does_not(line: bytes) -> None:
    assert not declares_revision(line)


def test_a_notification_has_a_method_and_no_id() -> None:
    assert is_notification(notification("notifications/cancelled", {"requestId": 1}))
    for line in (
        legacy("ping"),
        legacy("ping", {}, None),
        b'{"result":{}}',
        b"[]",
        b"\xff",
        b"",
        b'{"method":1}',
    ):
        assert not is_notification(line)


@pytest.mark.parametrize("request_id", [7, -1, "a-1", "", "é x"])
def test_the_id_of_a_long_request_is_found_at_either_end(request_id: object) -> None:
    raw = json.dumps(request_id, ensure_ascii=False).encode()
    long = b'{"name":"x","arguments":{"a":"%b"}}' % (b"y" * 500)
    head = (b'"jsonrpc":"2.0"', b'"method":"tools/call"')
    members = (*head, b'"params": %b' % long, b'"id": ' + raw)
    for order in ((0, 3, 1, 2), (3, 0, 1, 2), (0, 1, 3, 2), (1, 2, 0, 3), (1, 2, 3, 0), (2, 3)):
        line = b"{%b}" % b" , ".join(members[index] for index in order)
        assert find_id(line[:128] + line[-128:]) == raw, line


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b'{"jsonrpc":"2.0","method":"notifications/x","params":{"id":7}}',
        b'{"method":"x","params":{"a":"}, \\"id\\":7}"}}',
        b'{"jsonrpc":"2.0","id":7,"result":{}}',
        b'{"id":7,"result":{"a":"',
        b'{"result":{"a":1},"id":7}',
        b'{"jsonrpc":"2.0","id":7.5,"method":"x"}',
        b'{"jsonrpc":"2.0","id":{"a":1},"method":"x"}',
        b'{"jsonrpc":"2.0","id":"a\\"b","method":"x"}',
        b'[{"jsonrpc":"2.0","id":7,"method":"x"}]',
    ],
)
def test_no_other_number_is_taken_for_an_id(line: bytes) -> None:
    assert find_id(line) == b"null"


def test_a_reply_has_a_result_or_an_error_and_no_method() -> None:
    assert is_reply(b'{"jsonrpc":"2.0","id":1,"result":{}}')
    assert is_reply(b'{"error":{"code":1},"id":1}')
    assert is_reply(b' [{"result":{},"id":1},{"error":{},"id":2}]')
    for other in (
        legacy("ping", {"result": 1}),
        notification("notifications/cancelled"),
        b'{"result":{},"method":"ping"}',
        b'{"result":{}',
        b"[]",
        b"[[]]",
        b'[{"result":{}},{"method":"ping"}]',
        b"",
        b"[" * 100_000,
    ):
        assert not is_reply(other)
