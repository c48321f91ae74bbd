"""A stdio server whose list changes while it runs: one entry per page, a call that is held."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Final

NAMES: Final = ["grow", "die", "hold", "release"]
CHANGED: Final = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
HELLO: Final = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {"listChanged": True}},
    "serverInfo": {"name": "changing", "version": "1"},
}


def send(message: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(number: object, result: Mapping[str, object]) -> None:
    send({"jsonrpc": "2.0", "id": number, "result": result})


def list_page(names: list[str], cursor: str | None) -> dict[str, object]:
    place = 0 if cursor is None else int(cursor or "1")
    page: dict[str, object] = {
        "tools": [{"name": names[place], "inputSchema": {"type": "object"}, "x-place": place}]
    }
    if place + 1 < len(names):
        page["nextCursor"] = "" if place == 0 else str(place + 1)
    return page


def call(number: object, tool: str, names: list[str], held: list[object]) -> None:
    done: dict[str, object] = {"content": [{"type": "text", "text": tool}]}
    if tool == "die":
        os._exit(3)
    if tool == "hold":
        held.append(number)
        return
    if tool == "grow":
        names.append(f"grown-{len(names)}")
        for _ in range(5):
            send(CHANGED)
    if tool == "release":
        while held:
            answer(held.pop(), done)
    answer(number, done)


def main() -> None:
    names, held = list(NAMES), list[object]()
    for line in sys.stdin:
        message = json.loads(line)
        number, method = message.get("id"), message["method"]
        params = message.get("params", {})
        if number is None:
            continue
        if method == "initialize":
            answer(number, HELLO)
        elif method == "tools/list":
            answer(number, list_page(names, params.get("cursor")))
        elif method == "tools/call":
            call(number, params["name"], names, held)
        else:
            error = {"code": -32601, "message": "Method not found"}
            send({"jsonrpc": "2.0", "id": number, "error": error})


if __name__ == "__main__":
    main()
