"""A stdio server that answers each call with the bytes that the call asks for."""

import base64
import json
import sys


def answer(message: dict[str, object]) -> bytes:
    ident = json.dumps(message["id"]).encode()
    good = b'{"jsonrpc":"2.0","id":%b,"result":%b}'
    if message["method"] == "initialize":
        info = b'"serverInfo":{"name":"hostile","version":"1"}'
        return good % (
            ident,
            b'{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},%b}' % info,
        )
    if message["method"] == "tools/list":
        return good % (ident, b'{"tools":[{"name":"raw","inputSchema":{"type":"object"}}]}')
    if message["method"] == "tools/call":
        params = message["params"]
        assert isinstance(params, dict)
        return base64.b64decode(params["arguments"]["raw"]).replace(b"@@", ident)
    return b'{"jsonrpc":"2.0","id":%b,"error":{"code":-32601,"message":"no"}}' % ident


if __name__ == "__main__":
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            sys.stdout.buffer.write(answer(message) + b"\n")
            sys.stdout.buffer.flush()
