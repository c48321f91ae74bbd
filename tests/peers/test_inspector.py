"""The Inspector's command line as client, in both eras, and over HTTP+SSE."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.calls import CALLS, KnownCall, missing_tools

pytestmark = [
    pytest.mark.requirement("R-PEERS"),
    pytest.mark.timeout(120),
    # An era can be chosen in the Inspector's configuration file only.
    pytest.mark.parametrize("era", ["legacy", "modern", "sse"]),
]

Inspect = Callable[..., str]


@pytest.fixture
def inspect(gateway: str, node: Path, npm_parts: Path, tmp_path: Path, era: str) -> Inspect:
    """Run the Inspector with a method and return what it printed."""
    program = npm_parts / "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
    config = tmp_path / "inspector.json"
    server = {"type": "streamable-http", "url": gateway, "protocolEra": era}
    if era == "sse":
        server = {"type": "sse", "url": f"{gateway.removesuffix('/mcp')}/sse"}
    config.write_text(json.dumps({"mcpServers": {"gateway": server}}))

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [node, program, "--cli", "--config", config, "--server", "gateway", *arguments],
            cwd=tmp_path,
            env={**os.environ, "MCP_INSPECTOR_SECRET_STORE": "memory"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_lists_every_server(inspect: Inspect) -> None:
    shown = json.loads(inspect("--method", "tools/list"))
    assert not missing_tools([tool["name"] for tool in shown["tools"]])


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.tool)
def test_calls_every_server(inspect: Inspect, call: KnownCall) -> None:
    named = ("--tool-name", call.tool, "--tool-args-json", json.dumps(call.arguments))
    shown = json.loads(inspect("--method", "tools/call", *named))
    assert call.answer in shown["content"][0]["text"]
