"""The quickstart lives and ends as a user expects."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import quickstart
from tests.support.calls import TOOLS

pytestmark = [
    pytest.mark.requirement("R-RUN"),
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("node", "npm_parts"),
]

# Generous for a busy machine of two cores; alone it takes about three seconds.
SECOND_START_S = 20


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ends_cleanly_and_leaves_no_process(
    tmp_path: Path, free_port: Callable[[], int], number: signal.Signals
) -> None:
    with quickstart.running(tmp_path, free_port) as running:
        children = quickstart.descendants(running.process.pid)
        # The HTTP server, the gateway, and its three stdio children.
        assert len(children) >= 5, children
        assert running.stop(number) == 0, "".join(running.output)
        assert "Traceback" not in "".join(running.output)
    left = {pid: command for pid, command in children.items() if quickstart.alive(pid)}
    assert not left


def test_prints_catalog_url_and_client_line(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with quickstart.running(tmp_path, free_port) as running:
        running.stop(signal.SIGINT)
    printed = "".join(running.output)
    for server in TOOLS:
        assert server in printed
    for name in ("everything__echo", "time__get_current_time", "git__git_status"):
        assert name in printed
    assert "mcp add" in printed


def test_a_second_start_is_quick(tmp_path: Path, free_port: Callable[[], int]) -> None:
    config, *urls = quickstart.write_config(tmp_path, free_port)
    took = []
    for _ in range(2):
        begun = time.monotonic()
        running = quickstart.Quickstart(config, *urls)
        try:
            running.wait_for(quickstart.SERVING)
            took.append(time.monotonic() - begun)
        finally:
            running.stop(signal.SIGTERM)
    assert took[1] < SECOND_START_S


def test_ctrl_c_in_a_terminal_ends_make_run(tmp_path: Path, free_port: Callable[[], int]) -> None:
    config, *_ = quickstart.write_config(tmp_path, free_port)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    with subprocess.Popen(
        ["make", "--no-print-directory", "run", f"CONFIG={config}"],
        cwd=quickstart.ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as make:
        assert make.stdout is not None
        assert any(quickstart.SERVING in line for line in make.stdout)
        children = quickstart.descendants(make.pid)
        assert children
        # A terminal sends the signal to every process of the group.
        os.killpg(make.pid, signal.SIGINT)
        make.stdout.read()
    assert not [command for pid, command in children.items() if quickstart.alive(pid)]


def test_a_taken_port_is_named(tmp_path: Path, free_port: Callable[[], int]) -> None:
    config, *_ = quickstart.write_config(tmp_path, free_port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = config.read_text()
        before, _, after = text.partition("url: http://127.0.0.1:")
        config.write_text(f"{before}url: http://127.0.0.1:{port}{after[after.index('/') :]}")
        done = subprocess.run(
            [sys.executable, quickstart.HERE / "start.py", "-c", config],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == f"port {port} is in use: end the program that listens there\n"


def test_the_http_server_ends_with_the_gateway(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    with quickstart.running(tmp_path, free_port) as running:
        children = quickstart.descendants(running.process.pid)
        gateway = next(pid for pid, command in children.items() if " serve " in command)
        os.kill(gateway, signal.SIGTERM)
        running.process.wait(quickstart.STOP_S)
    assert not [command for pid, command in children.items() if quickstart.alive(pid)]
