"""Programs under measurement: start, ask the kernel about them, end.

Rules: every figure comes from /proc and covers the whole process tree; a program is ended by its
own process group; ports come from one small range on loopback.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

ROOT = Path(__file__).resolve().parent.parent
PORTS = range(21400, 21500)
Command = Sequence[str | Path]
START_S = 20.0
STOP_S = 10.0


@final
class BenchError(Exception):
    """The bench cannot go on; the text says why."""


def free_port() -> int:
    """Find a port of the bench's range that nobody listens on."""
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise BenchError(f"no port from {PORTS.start} to {PORTS.stop - 1} is free")


@contextlib.contextmanager
def running(
    name: str, command: Command, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for as long as the block lasts; its output goes to `log`."""
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as child,
    ):
        try:
            yield child
            if child.poll() is not None:
                raise BenchError(f"{name} ended with {child.returncode}: {tail(log)}")
        finally:
            stop(child)


def stop(child: subprocess.Popen[bytes]) -> None:
    """End the program politely, then whatever is left of its process group."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(STOP_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait(STOP_S)


def tail(log: Path) -> str:
    """Return the end of what a program said."""
    return log.read_text(errors="replace")[-1500:].strip() or "it said nothing"


def wait_for_port(name: str, port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the program listens."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if child.poll() is not None:
            raise BenchError(f"{name} ended with {child.returncode}: {tail(log)}")
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise BenchError(f"{name} does not listen on port {port}: {tail(log)}")


@final
@dataclass(frozen=True)
class Switches:
    """Context switches of a process tree so far."""

    voluntary: int
    forced: int

    @property
    def total(self) -> int:
        return self.voluntary + self.forced


@final
class Tree:
    """A process and all of its descendants, as /proc shows them."""

    def __init__(self, root: int) -> None:
        self.root = root

    def processes(self) -> list[int]:
        """List the living processes of the tree."""
        found, queue = [], [self.root]
        while queue:
            pid = queue.pop()
            found.append(pid)
            for task in tasks(pid):
                queue.extend(map(int, read(task / "children").split()))
        return found

    def cpu_ns(self) -> int:
        """Sum the run time of all threads, as the scheduler counts it."""
        return sum(
            int((read(task / "schedstat") or "0").split()[0])
            for pid in self.processes()
            for task in tasks(pid)
        )

    def rss_bytes(self) -> int:
        """Sum the resident memory."""
        return (
            sum(field(read(Path(f"/proc/{pid}/status")), "VmRSS:") for pid in self.processes())
            << 10
        )

    def descriptors(self) -> int:
        """Count the open file descriptors."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.processes())

    def switches(self) -> Switches:
        """Sum the context switches of all threads."""
        texts = [read(task / "status") for pid in self.processes() for task in tasks(pid)]
        return Switches(
            sum(field(text, "voluntary_ctxt_switches:") for text in texts),
            sum(field(text, "nonvoluntary_ctxt_switches:") for text in texts),
        )


def tasks(pid: int) -> list[Path]:
    """List the thread folders of a process; none when it has ended."""
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:
        return []


def read(path: Path) -> str:
    """Return the text of a file of /proc; empty when its thread has ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def field(text: str, name: str) -> int:
    """Return the first number after a name at the start of a line."""
    for line in text.splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0
