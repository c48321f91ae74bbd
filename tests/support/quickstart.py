"""The quickstart as a user starts it, on ports of its own and with state of its own."""

import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "examples/quickstart"
START_S = 60
STOP_S = 25
# The last thing that `mcpgate serve` prints when its servers have answered.
SERVING = "Ctrl-C stops the gateway"


@final
class Quickstart:
    """One running quickstart: its process, its URL and what it printed."""

    def __init__(self, config: Path, url: str, native_url: str) -> None:
        self.url = url
        self.native_url = native_url
        self.config = config
        self.output: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, HERE / "start.py", "-c", config],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            for line in stdout:
                self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, text: str, timeout_s: float = START_S) -> None:
        """Return when a printed line holds the text; fail with all output otherwise."""
        end = time.monotonic() + timeout_s
        while not any(text in line for line in self.output):
            try:
                line = self._lines.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                line = None
            assert line is not None, f"never printed {text!r}:\n{''.join(self.output)}"
            self.output.append(line)

    def stop(self, number: signal.Signals) -> int:
        """Send the signal and return the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(STOP_S)
        while (line := self._lines.get(timeout=STOP_S)) is not None:
            self.output.append(line)
        return status


def write_config(folder: Path, free_port: Callable[[], int]) -> tuple[Path, str, str]:
    """Copy the configuration with ports and state of its own, and a second, native listener.

    Return its file and the URLs of both.
    """
    gateway, native, server = free_port(), free_port(), free_port()
    second = f"  - {{name: native, address: 127.0.0.1:{native}, kind: native}}"
    text = (HERE / "mcpgate.yaml").read_text()
    changes = {
        "address: 127.0.0.1:7332": f"address: 127.0.0.1:{gateway}\n{second}",
        "127.0.0.1:7333": f"127.0.0.1:{server}",
        "../../.state/quickstart": str(folder / "state"),
        "cwd: ../..": f"cwd: {ROOT}",
        "../../": f"{ROOT}/",
    }
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    config = folder / "mcpgate.yaml"
    config.write_text(text)
    return config, f"http://127.0.0.1:{gateway}/mcp", f"http://127.0.0.1:{native}/mcp"


@contextmanager
def running(folder: Path, free_port: Callable[[], int]) -> Iterator[Quickstart]:
    """Run a quickstart whose servers all answer."""
    quickstart = Quickstart(*write_config(folder, free_port))
    try:
        quickstart.wait_for(SERVING)
        yield quickstart
    finally:
        if quickstart.process.poll() is None:
            quickstart.stop(signal.SIGTERM)


def descendants(pid: int) -> dict[int, str]:
    """Find all running children of a process, and theirs."""
    children: dict[int, list[int]] = {}
    commands: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            commands[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        children.setdefault(parent, []).append(int(folder.name))
    found: dict[int, str] = {}
    rest = list(children.get(pid, ()))
    while rest:
        each = rest.pop()
        found[each] = commands.get(each, "")
        rest += children.get(each, ())
    return found


def alive(pid: int) -> bool:
    """Say whether this process still runs."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
