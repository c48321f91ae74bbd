"""The official TypeScript SDK as client, in each of its modes."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.calls import CALLS, WRONG, missing_tools

pytestmark = [pytest.mark.requirement("R-PEERS"), pytest.mark.timeout(120)]

MODES = {"legacy": "2025-11-25", "auto": "2026-07-28", "2026-07-28": "2026-07-28"}


@pytest.mark.parametrize("mode", MODES)
def test_lists_and_calls_every_server(gateway: str, node: Path, npm_parts: Path, mode: str) -> None:
    lists_and_calls(node, npm_parts, gateway, mode)


@pytest.mark.requirement("R-STDIO")
@pytest.mark.parametrize("mode", MODES)
def test_lists_and_calls_by_stdio(
    command: list[str], command_env: dict[str, str], node: Path, npm_parts: Path, mode: str
) -> None:
    lists_and_calls(node, npm_parts, json.dumps([command, command_env]), mode)


def lists_and_calls(node: Path, npm_parts: Path, target: str, mode: str) -> None:
    asked = (*CALLS, *WRONG)
    calls = json.dumps([[call.tool, call.arguments] for call in asked])
    done = subprocess.run(
        [node, Path(__file__).with_name("client.mjs"), npm_parts, target, mode, calls],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["revision"] == MODES[mode]
    assert not missing_tools(seen["tools"])
    assert len(seen["answers"]) == len(asked)
    for call, answer, refused in zip(asked, seen["answers"], seen["refused"], strict=True):
        assert call.answer in answer
        assert refused == (call in WRONG)
