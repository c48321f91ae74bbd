"""The commands against a gateway that runs as its own process, as an operator uses them."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mcpgate.admin.wire import Request
from mcpgate.cli.codes import Code, CommandFault
from mcpgate.cli.control import Client

TIME_SERVER = Path(sys.executable).parent / "mcp-server-time"
WAIT_S = 20


def mcpgate(folder: Path, *words: str, told: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mcpgate", *words],
        cwd=folder,
        input=told,
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mcpgate", "serve", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    return process.returncode, out, err


@pytest.fixture
def folder(tmp_path: Path, free_port: Callable[[], int]) -> Path:
    text = f"""
state_dir: state
prefix: always
listeners: [{{address: "127.0.0.1:{free_port()}"}}]
servers:
  - {{name: time, transport: stdio, command: ["{TIME_SERVER}"]}}
  - {{name: off, transport: stdio, command: [none], enabled: false}}
"""
    (tmp_path / "mcpgate.yaml").write_text(text)
    return tmp_path


@pytest.fixture
def running(folder: Path) -> Iterator[Path]:
    process = start(folder)
    try:
        wait_until_up(folder, process)
        yield folder
    finally:
        stop(process)


def wait_until_up(folder: Path, process: subprocess.Popen[str]) -> None:
    """Wait for the gateway and its servers; fail with its log if they do not come."""
    if mcpgate(folder, "list", "--wait", str(WAIT_S)).returncode != Code.OK:
        pytest.fail(stop(process)[2])


@pytest.mark.requirement("R-CLI")
def test_a_running_gateway_is_listed_called_and_explained(running: Path) -> None:
    listed = mcpgate(running, "list")
    assert re.search(r"^tool +time__get_current_time +time +\S", listed.stdout, re.MULTILINE)
    assert re.search(r"^time +stdio +up +20\d\d-", listed.stdout, re.MULTILINE)
    seen = json.loads(mcpgate(running, "list", "--json", "--wait", str(WAIT_S)).stdout)
    assert "time__convert_time" in [entry["name"] for entry in seen["entries"]]

    told = mcpgate(running, "call", "time__get_current_time", "timezone=UTC")
    assert (told.returncode, json.loads(told.stdout)["timezone"]) == (Code.OK, "UTC")
    failed = mcpgate(running, "call", "time__get_current_time", "timezone=Nowhere")
    assert (failed.returncode, failed.stdout) == (Code.TOOL, "")

    told = mcpgate(
        running, "call", "time__get_current_time", "--arguments", "-",
        told='{\n  "timezone":\r\n "UTC"\n}\n',
    )  # fmt: skip
    assert (told.returncode, json.loads(told.stdout)["timezone"]) == (Code.OK, "UTC")

    large = json.dumps({"timezone": "x" * (4 << 20)})
    told = mcpgate(running, "call", "time__get_current_time", "--arguments", "-", told=large)
    assert told.returncode == Code.REFUSED
    assert "(too_large); see `mcpgate explain " in told.stderr

    refused = mcpgate(running, "call", "time__none")
    assert refused.returncode == Code.REFUSED
    found = re.fullmatch(
        r"mcpgate: .*\(unknown_tool\); see `mcpgate explain (\S+)`\n", refused.stderr
    )
    assert found is not None
    near = mcpgate(running, "call", "time__get_current_tim", "--state", "state")
    assert re.search(
        r'; did you mean "time__get_current_time"\?; see `mcpgate explain --state state \S+`',
        near.stderr,
    )
    explained = mcpgate(running, "explain", found[1])
    assert re.search(r"^  reason +unknown_tool$", explained.stdout, re.MULTILINE)
    assert re.search(r"^  principal +operator$", explained.stdout, re.MULTILINE)


@pytest.mark.requirement("R-CONTROL")
def test_a_second_gateway_is_refused_and_the_first_goes_on(running: Path) -> None:
    second = mcpgate(running, "serve", "--listen", "127.0.0.1:1")
    assert second.returncode == Code.FAILED
    assert "another gateway uses this state directory" in second.stderr
    assert mcpgate(running, "list").returncode == Code.OK


@pytest.mark.requirement("R-RELOAD")
def test_a_reload_that_misses_a_secret_names_file_and_line(running: Path) -> None:
    file = running / "mcpgate.yaml"
    text = "  - {name: more, transport: stdio, command: [x], env: {K: 'env:NOT_SET_HERE'}}\n"
    file.write_text(file.read_text() + text)
    with pytest.raises(CommandFault, match=r"mcpgate\.yaml:8:56: servers\[2\]\.env\.K: variable"):
        Client(str(running / "state")).ask(Request(do="reload"))
    assert "mcpgate.yaml:8:56: " in mcpgate(running, "list").stderr


@pytest.mark.requirement("R-RUN")
def test_serve_introduces_itself_and_ends_cleanly(folder: Path) -> None:
    process = start(folder)
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    code, _, _ = stop(process)
    shown = "".join(lines)
    assert code == Code.OK
    assert re.search(r"^tool +time__get_current_time ", shown, re.MULTILINE)
    address = re.search(r"^MCP address +(http://127\.0\.0\.1:\d+/mcp)$", shown, re.MULTILINE)
    assert address is not None
    assert f"claude mcp add --transport http mcpgate {address[1]}\n" in shown
    assert not (folder / "state/control.sock").exists()


@pytest.mark.requirement("R-IMPORT")
def test_an_editors_file_is_served(tmp_path: Path, free_port: Callable[[], int]) -> None:
    entries = {"My Time": {"command": str(TIME_SERVER), "args": ["--local-timezone", "UTC"]}}
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": entries}))
    words = ("--from", "mcp.json", "--state", "state", "--listen", f"127.0.0.1:{free_port()}")
    process = start(tmp_path, *words)
    try:
        told = mcpgate(tmp_path, "list", "--state", "state", "--json", "--wait", str(WAIT_S))
        seen = json.loads(told.stdout)
        assert [server["name"] for server in seen["servers"]] == ["my-time"]
        assert len(seen["entries"]) == 2
    finally:
        _, _, err = stop(process)
    assert 'note: mcpServers["My Time"]: is called "my-time" here' in err


@pytest.mark.requirement("R-CLI")
def test_a_broken_configuration_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "mcpgate.yaml").write_text("state_dir: state\nserver: []\n")
    refused = mcpgate(tmp_path, "serve")
    assert refused.returncode == Code.USAGE
    assert refused.stderr == ('mcpgate.yaml:2:1: server: unknown key; did you mean "servers"?\n')
    assert not (tmp_path / "state").exists()


@pytest.mark.requirement("R-CLI")
def test_a_reader_that_has_seen_enough_is_told_nothing(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mcpgate", "--help"],
            cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, check=False, timeout=20,
        )  # fmt: skip
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (Code.FAILED, b"")
