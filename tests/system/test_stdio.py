"""`mcpgate stdio` as clients start it: real processes on both sides of it."""

import json
import os
import re
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

import pytest

from mcpgate.cli.codes import Code
from mcpgate.cli.control import Client
from mcpgate.cli.list import wait_for_servers
from tests.support.gateways import hello, legacy, legacy_call, modern, notification
from tests.support.quickstart import alive

pytestmark = [pytest.mark.requirement("R-STDIO"), pytest.mark.timeout(120)]

TIME_SERVER = Path(sys.executable).parent / "mcp-server-time"
WAIT_S = 40.0
START_S = 0.15
STARTED = re.compile(r"so one was started \(process (\d+)\)")
NAMES = ["convert_time", "get_current_time"]
CALL = b'{"timezone":"UTC"}'
LISTENER = """
import socket, sys, time
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(sys.argv[1] + "/clients.sock")
    listener.listen()
    print(flush=True)
    while True:
        with listener.accept()[0] as client:
            client.recv(64)
            print(time.perf_counter(), flush=True)
            client.recv(64)
"""


@final
class Shim:
    """One running command and what it said."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mcpgate", "stdio", *words],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def send(self, *messages: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"".join(message + b"\n" for message in messages))
        self.process.stdin.flush()

    def receive(self) -> dict[str, object]:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], WAIT_S)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            self.process.kill()
            pytest.fail(f"no reply came: {self.process.communicate()}")
        found: dict[str, object] = json.loads(line)
        return found

    def ask(self, message: bytes) -> dict[str, object]:
        self.send(message)
        return self.receive()

    def open_session(self) -> None:
        assert "result" in self.ask(legacy("initialize", hello("2025-11-25")))
        self.send(notification("notifications/initialized"))

    def list_tools(self) -> list[str]:
        result = self.ask(legacy("tools/list"))["result"]
        assert isinstance(result, dict)
        return sorted(tool["name"] for tool in result["tools"])

    def end(self) -> tuple[int, bytes, str]:
        """Close stdin; return the exit code and what was left to read."""
        out, err = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, out, err.decode()


@pytest.fixture
def folder(tmp_path: Path, free_port: Callable[[], int]) -> Path:
    text = f"""
state_dir: state
listeners: [{{address: "127.0.0.1:{free_port()}"}}]
servers:
  - {{name: time, transport: stdio, command: ["{TIME_SERVER}"]}}
"""
    (tmp_path / "mcpgate.yaml").write_text(text)
    return tmp_path


@contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Kill a process at the end of the block, if it has not ended by then."""
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def serving(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a gateway whose servers have answered."""
    log = (folder / "log").open("wb")
    words = [sys.executable, "-m", "mcpgate", "serve"]
    with log, ending(subprocess.Popen(words, cwd=folder, stdout=log, stderr=log)) as process:
        wait_for_servers(Client(str(folder / "state")), WAIT_S)
        yield process


def end_gateway(pid: int) -> None:
    """Stop a gateway that is nobody's child, and wait until it is gone."""
    watched = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGTERM)
        assert select.select([watched], [], [], WAIT_S)[0]
    finally:
        os.close(watched)


def find_started(told: str) -> int:
    found = STARTED.search(told)
    assert found is not None, told
    return int(found[1])


def test_carries_a_conversation_of_either_era(folder: Path) -> None:
    with serving(folder):
        shim = Shim(folder, "-c", str(folder / "mcpgate.yaml"))
        shim.open_session()
        assert shim.list_tools() == NAMES
        answer = shim.ask(legacy_call("get_current_time", CALL, "a"))
        assert (answer["id"], "result" in answer) == ("a", True)
        assert "result" in shim.ask(modern("server/discover", {}, 2))
        assert shim.end() == (Code.OK, b"", "")


def test_replies_still_come_when_stdin_has_ended(folder: Path) -> None:
    with serving(folder):
        shim = Shim(folder, "--state", "state")
        arguments = {"timezone": "UTC"}
        params: dict[str, object] = {"name": "get_current_time", "arguments": arguments}
        shim.send(*(modern("tools/call", params, number) for number in range(20)))
        code, out, err = shim.end()
        assert (code, err) == (Code.OK, "")
        assert sorted(json.loads(line)["id"] for line in out.splitlines()) == list(range(20))


def test_other_forms_of_the_options_do_the_same(folder: Path) -> None:
    with serving(folder):
        for words in ([], ["--state=state"], [f"-c{folder}/mcpgate.yaml"]):
            shim = Shim(folder, *words)
            assert "result" in shim.ask(modern("server/discover"))
            assert shim.end() == (Code.OK, b"", "")


def test_starts_a_gateway_that_stays(folder: Path) -> None:
    first = Shim(folder)
    first.open_session()
    assert first.list_tools() == NAMES
    code, out, err = first.end()
    pid = find_started(err)
    try:
        assert (code, out) == (Code.OK, b"")
        assert "it stays when this command ends" in err
        assert alive(pid)
        assert os.getsid(pid) != os.getsid(0)
        log = folder / "state/serve.log"
        assert str(log) in err
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
        second = Shim(folder)
        second.open_session()
        assert second.list_tools() == NAMES
        assert second.end() == (Code.OK, b"", "")
    finally:
        end_gateway(pid)


def test_commands_that_start_at_once_start_one_gateway(folder: Path) -> None:
    shims = [Shim(folder) for _ in range(3)]
    for shim in shims:
        shim.open_session()
    assert [shim.list_tools() for shim in shims] == [NAMES] * 3
    told = [shim.end() for shim in shims]
    started = [find_started(err) for _, _, err in told if err]
    for pid in started:
        end_gateway(pid)
    assert len(started) == 1, told
    assert [code for code, _, _ in told] == [Code.OK] * 3


def test_a_gateway_that_dies_is_told(folder: Path) -> None:
    with serving(folder) as gateway:
        shim = Shim(folder)
        shim.open_session()
        gateway.kill()
        shim.process.wait(WAIT_S)
        code, out, err = shim.end()
    assert (code, out) == (Code.UNREACHABLE, b"")
    assert err.startswith("mcpgate: the gateway closed the connection")


def test_a_client_that_left_ends_it(folder: Path) -> None:
    with serving(folder):
        shim = Shim(folder)
        shim.open_session()
        assert shim.process.stdout is not None
        shim.process.stdout.close()
        shim.send(legacy("ping"))
        assert shim.process.wait(WAIT_S) == Code.OK
        for pipe in filter(None, (shim.process.stdin, shim.process.stderr)):
            pipe.close()


def test_without_gateway_and_configuration_it_says_what_to_do(tmp_path: Path) -> None:
    code, out, err = Shim(tmp_path, "--state", "state").end()
    assert (code, out) == (Code.UNREACHABLE, b"")
    assert "there is no mcpgate.yaml here" in err
    code, _, err = Shim(tmp_path, "-c", "none.yaml").end()
    assert code == Code.USAGE
    assert "none.yaml cannot be read" in err


def test_a_gateway_that_cannot_start_is_explained(folder: Path) -> None:
    (folder / "mcpgate.yaml").write_text("state_dir: state\nlisteners: [{address: nowhere}]\n")
    code, out, err = Shim(folder).end()
    assert (code, out) == (Code.FAILED, b"")
    assert '"nowhere" is not host:port' in err
    assert str(folder / "state/serve.log") in err


def test_a_gateway_is_no_server_of_itself(folder: Path) -> None:
    config = folder / "mcpgate.yaml"
    words = json.dumps([sys.executable, "-m", "mcpgate", "stdio", "--state", str(folder / "state")])
    path = json.dumps(os.environ.get("PYTHONPATH", ""))
    server = f"{{name: self, transport: stdio, command: {words}, env: {{PYTHONPATH: {path}}}}}"
    config.write_text(f"{config.read_text()}  - {server}\n")
    with serving(folder):
        servers = {each.name: each for each in Client(str(folder / "state")).list_servers()}
    assert servers["time"].state == "up"
    assert servers["self"].state == "down"
    assert "would lead back to itself" in servers["self"].detail


@pytest.mark.requirement("R-BENCH")
def test_starts_within_its_budget(tmp_path: Path) -> None:
    words = [sys.executable, "-c", LISTENER, str(tmp_path)]
    plain, shims = [], []
    with ending(subprocess.Popen(words, stdout=subprocess.PIPE)) as listener:
        assert listener.stdout is not None
        listener.stdout.readline()
        for _ in range(10):
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", "pass"], check=True)
            plain.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            shim = Shim(tmp_path, "--state", str(tmp_path))
            shim.send(b"{}")
            shims.append(float(listener.stdout.readline()) - begun)
            assert shim.end()[0] == Code.OK
    assert min(shims) - min(plain) < START_S
