"""The 1.x of the official SDKs as clients, over WebSocket and over HTTP+SSE."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.calls import CALLS, WRONG, missing_tools
from tests.support.quickstart import Quickstart

pytestmark = [
    pytest.mark.requirement("R-PEERS", "R-LISTEN-WS", "R-LISTEN-SSE"),
    pytest.mark.timeout(120),
]
WAYS = ("sse", "sse-native", "websocket")


def locate(served: Quickstart, way: str) -> str:
    """Return the URL of a way in."""
    if way == "sse":
        return served.url.removesuffix("/mcp") + "/sse"
    if way == "sse-native":
        return served.native_url.removesuffix("/mcp") + "/sse"
    return served.native_url.replace("http:", "ws:")


@pytest.mark.parametrize("way", WAYS)
def test_typescript(served: Quickstart, node: Path, npm_parts: Path, way: str) -> None:
    here = Path(__file__)
    client = here.with_name("client_1.mjs")
    heard = lists_and_calls([node, client, npm_parts, locate(served, way)])
    # It forgets who listens when a reply comes in one piece with the progress before it.
    assert heard in ([1, 2, 3], [1, 2, 3, 4])


@pytest.mark.parametrize("way", WAYS)
def test_python(served: Quickstart, python_1: Path, way: str) -> None:
    here = Path(__file__)
    client = here.with_name("client_1.py")
    heard = lists_and_calls([python_1, "-W", "ignore", client, locate(served, way)])
    assert heard == [1, 2, 3, 4]


def lists_and_calls(command: list[str | Path]) -> list[int]:
    """Have a client list and call everything; return the progress that it heard of."""
    asked = (*CALLS, *WRONG)
    calls = json.dumps([[call.tool, call.arguments] for call in asked])
    done = subprocess.run(
        [*command, calls], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert not missing_tools(seen["tools"])
    assert len(seen["answers"]) == len(asked)
    for call, answer, refused in zip(asked, seen["answers"], seen["refused"], strict=True):
        assert call.answer in answer
        assert refused == (call in WRONG)
    heard: list[int] = seen["heard"]
    return heard
