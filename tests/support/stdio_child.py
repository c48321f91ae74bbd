"""A scripted MCP server over stdio; the era says how it opens, the tool's name what it does."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ERA = sys.argv[1]
META = "io.modelcontextprotocol/"


def say(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def result(ident: object, value: object) -> None:
    say({"jsonrpc": "2.0", "id": ident, "result": value})


def refuse(ident: object) -> None:
    say({"jsonrpc": "2.0", "id": ident, "error": {"code": -32601, "message": "scripted"}})


def tell(method: str, **params: object) -> None:
    say({"jsonrpc": "2.0", "method": method, "params": params})


def discover(ident: object) -> None:
    if ERA == "dies":
        sys.stderr.write("what is server/discover?\n")
        sys.exit(9)
    if ERA in {"modern", "slow"}:
        result(
            ident,
            {
                "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {"listChanged": True}},
                "_meta": {f"{META}serverInfo": {"name": "scripted", "version": "1"}},
            },
        )
    elif ERA in {"legacy", "listing", "batches"}:
        refuse(ident)


def initialize(ident: object) -> None:
    if ERA == "modern":
        refuse(ident)
        return
    if ERA == "slow":
        discover(waiting.pop())
        refuse(ident)
        return
    info = {"name": "scripted", "version": "1"}
    offers: dict[str, object] = {"tools": {}} if ERA == "listing" else {}
    revision = "2025-03-26" if ERA == "batches" else "2025-06-18"
    result(ident, {"protocolVersion": revision, "capabilities": offers, "serverInfo": info})


def describe() -> object:
    stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return {
        "env": sorted(os.environ),
        "fds": [fd for fd in range(1024) if Path(f"/proc/self/fd/{fd}").exists()],
        "leads": os.getpgid(0) == os.getpid(),
        "session": int(stat[3]) == os.getpid(),
        "pid": os.getpid(),
        "cwd": str(Path.cwd()),
        "sigpipe": signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN,
        "args": sys.argv[2:],
    }


def progress(ident: object) -> None:
    for step in range(3):
        tell("notifications/progress", progressToken=ident, progress=step)
    tell("notifications/message", level="info", data="x")
    tell("notifications/tools/list_changed")
    result(ident, "progress")


def batch(ident: object) -> None:
    say(json.loads(os.environ["SAID"].replace('"IDENT"', json.dumps(ident))))


def flood(ident: object) -> None:
    for step in range(2000):
        tell("notifications/progress", progressToken=ident, progress=step)
    result(ident, "flood")


def bad(ident: object) -> None:
    sys.stdout.write("this is no message\n[]\n\n" + "x" * 300_000 + "\n")
    result(ident, "bad")


def deep(ident: object) -> None:
    result(ident, json.loads("[" * 100 + "]" * 100))


def twofold(ident: object) -> None:
    sys.stdout.write(f'{{"result":{{"a":1,"a":2}},"jsonrpc":"2.0","id":{ident}}}\n')
    sys.stdout.flush()


def die(_: object) -> None:
    sys.exit(3)


def kill(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def silent(_: object) -> None:
    """Say nothing, ever."""


def ask(ident: object) -> None:
    say({"jsonrpc": "2.0", "id": "ask-1", "method": "ping"})
    result(ident, json.loads(sys.stdin.readline()))


def complain(ident: object) -> None:
    sys.stderr.write("one\ntwo\n")
    sys.stderr.flush()
    result(ident, "complain")


def big(ident: object) -> None:
    result(ident, "x" * 200_000)


def stubborn(ident: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    result(ident, os.getpid())
    time.sleep(60)


def deaf(ident: object) -> None:
    result(ident, "deaf")
    time.sleep(60)


def grandchild(ident: object) -> None:
    result(ident, subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL).pid)


def last(ident: object) -> None:
    result(ident, "last")
    sys.exit(0)


def call(ident: object, name: str) -> None:
    lasting = (silent, stubborn, deaf, grandchild)
    broken = (bad, deep, twofold)
    known = (progress, batch, flood, die, kill, ask, complain, big, last, *broken, *lasting)
    tools = {tool.__name__: tool for tool in known}
    if name == "describe":
        result(ident, describe())
    elif name in tools:
        tools[name](ident)
    else:
        result(ident, name)


waiting: list[object] = []
for line in sys.stdin:
    message = json.loads(line)
    method, ident = message.get("method"), message.get("id")
    if method == "server/discover":
        if ERA == "slow":
            waiting.append(ident)
        else:
            discover(ident)
    elif method == "initialize":
        initialize(ident)
    elif method == "tools/list" and ERA == "listing":
        result(ident, {"tools": [{"name": "describe", "inputSchema": {"type": "object"}}]})
    elif method == "tools/call":
        call(ident, message["params"]["name"])
    elif method == "subscriptions/listen":
        tell("notifications/tools/list_changed")
    elif method == "notifications/cancelled":  # shows that it arrived
        tell("notifications/prompts/list_changed")
