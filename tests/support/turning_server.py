"""A stdio server that turns: its lists are those of a file, read anew each time.

`turning_server.py FILE`; FILE holds {"tools": [...], "prompts": [...]}. The tool `turn`, which is
always there, tells that the lists changed.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

HELLO: Final[dict[str, object]] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {"listChanged": True}, "prompts": {"listChanged": True}},
    "serverInfo": {"name": "turning", "version": "1"},
}
TURN: Final[dict[str, object]] = {
    "name": "turn",
    "description": "Tell.",
    "inputSchema": {"type": "object"},
}


def send(message: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def answer(method: str, params: Mapping[str, str], file: Path) -> dict[str, object] | None:
    lists = json.loads(file.read_text())
    if method == "initialize":
        return HELLO
    if method == "tools/list":
        return {"tools": [TURN, *lists.get("tools", [])]}
    if method == "prompts/list":
        return {"prompts": lists.get("prompts", [])}
    if method == "tools/call":
        return {"content": [{"type": "text", "text": params["name"]}]}
    return None


def main() -> None:
    file = Path(sys.argv[1])
    for line in sys.stdin:
        message = json.loads(line)
        method, params = message["method"], message.get("params", {})
        if message.get("id") is None:
            continue
        result = answer(method, params, file)
        if result is None:
            error = {"code": -32601, "message": "Method not found"}
            send({"id": message["id"], "error": error})
            continue
        if method == "tools/call" and params["name"] == "turn":
            send({"method": "notifications/tools/list_changed"})
            send({"method": "notifications/prompts/list_changed"})
        send({"id": message["id"], "result": result})


if __name__ == "__main__":
    main()
