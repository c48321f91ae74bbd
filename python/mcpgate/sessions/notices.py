"""The messages that the gateway writes on open streams (pure)."""

from typing import Final

_NAMES: Final = ((1, b"tools"), (2, b"prompts"), (4, b"resources"))
_META: Final = b'"_meta":{"io.modelcontextprotocol/subscriptionId":%b}'


def list_changed(bits: int, subscription: bytes) -> list[bytes]:
    """Build one list_changed notification for each list in `bits`.

    `subscription` is the raw id of a listen request; empty for a session's own stream.
    """
    params = b',"params":{%b}' % (_META % subscription) if subscription else b""
    return [
        b'{"jsonrpc":"2.0","method":"notifications/%b/list_changed"%b}' % (name, params)
        for bit, name in _NAMES
        if bits & bit
    ]


def updated(uri: bytes, subscription: bytes) -> bytes:
    """Build the notification that a resource changed; `uri` is a JSON string."""
    meta = b"," + _META % subscription if subscription else b""
    method = b"notifications/resources/updated"
    return b'{"jsonrpc":"2.0","method":"%b","params":{"uri":%b%b}}' % (method, uri, meta)


def complete(subscription: bytes) -> bytes:
    """Build the empty result that ends a listen request."""
    meta = _META % subscription
    return b'{"jsonrpc":"2.0","id":%b,"result":{"resultType":"complete",%b}}' % (subscription, meta)
