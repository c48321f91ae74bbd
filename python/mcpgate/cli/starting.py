"""Starting a gateway for `mcpgate stdio`, where none runs.

Strategy: whoever holds the lock in the state directory starts one; others wait for the lock and
then find it running. The gateway is nobody's child, so that it outlives the command that started
it and serves other clients, and later ones. It stays until it is stopped.
"""

import fcntl
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from mcpgate.cli.codes import Code, CommandFault
from mcpgate.cli.control import Client
from mcpgate.cli.list import SETTLE_S, wait_for_entries, wait_for_servers
from mcpgate.cli.shim import DEFAULT_FILE, Asked, connect
from mcpgate.registry.store import open_state_dir

START_S: Final = 30.0
SERVERS_S: Final = 20.0
LOOK_S: Final = 0.05
LOG_LINES: Final = 10
_LOG: Final = "serve.log"
_LOCK: Final = "serve.lock"


def start(asked: Asked, state_dir: str) -> socket.socket:
    """Start a gateway, unless another command just did; return a connection to it."""
    if not (asked.config or asked.imported or Path(DEFAULT_FILE).exists()):
        text = (
            f"no gateway runs with state {state_dir}, and there is no {DEFAULT_FILE} here to start "
            "one with; name one with -c FILE, or an editor's file with --from FILE"
        )
        raise CommandFault(Code.UNREACHABLE, text)
    folder = open_state_dir(state_dir)
    with _locked(folder / _LOCK):
        found = connect(state_dir)
        return found or _start(asked, state_dir, folder / _LOG)


def write_words(asked: Asked) -> list[str]:
    """Write the command that serves what was asked for."""
    words = [sys.executable, "-P", "-m", "mcpgate", "serve"]
    words += ["-c", asked.config] if asked.config else []
    words += ["--from", asked.imported] if asked.imported else []
    words += ["--state", asked.state] if asked.state else []
    return words


def _start(asked: Asked, state_dir: str, log: Path) -> socket.socket:
    with suppress(FileNotFoundError):
        log.replace(f"{log}.old")
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        alive = _launch(write_words(asked), written)
    finally:
        os.close(written)
    try:
        link = _wait(state_dir, alive, log)
    finally:
        os.close(alive)
    pid = _settle(Client(state_dir))
    text = (
        f"mcpgate: no gateway ran with state {state_dir}, so one was started (process {pid}); it "
        f"stays when this command ends; its log is {log}; `kill {pid}` stops it"
    )
    print(text, file=sys.stderr)
    return link


def _launch(words: list[str], log: int) -> int:
    """Start a process that is nobody's child; return a descriptor that is readable at its end."""
    alive, held = os.pipe()
    middle = os.fork()
    if middle == 0:
        try:
            os.setsid()
            subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(held,)
            )
        finally:
            os._exit(0)
    os.close(held)
    os.waitpid(middle, 0)
    return alive


def _wait(state_dir: str, alive: int, log: Path) -> socket.socket:
    deadline = time.perf_counter() + START_S
    while time.perf_counter() < deadline:
        ended, _, _ = select.select([alive], [], [], LOOK_S)
        link = connect(state_dir)
        if link is not None:
            return link
        if ended:
            last = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
            text = f"a gateway was started and has ended; the end of its log ({log}):\n{last}"
            raise CommandFault(Code.FAILED, text)
    text = f"a gateway was started and did not listen within {START_S:g} s; its log is {log}"
    raise CommandFault(Code.UNREACHABLE, text)


def _settle(client: Client) -> int:
    """Wait until its servers have answered or failed, for a client that lists only once."""
    pid = 0
    with suppress(CommandFault, msgspec.DecodeError):
        pid = client.read_status().pid
        wait_for_entries(client, wait_for_servers(client, SERVERS_S), SETTLE_S)
    return pid


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)
