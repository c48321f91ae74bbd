"""System calls and context switches per call, for a program under a steady open load."""

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.generator import Scenario, drive
from bench.processes import BenchError, Tree, tail
from bench.subjects import Subject

STEADY: Final = Scenario(name="500/s", rate=500, seconds=2)
ATTACH_S: Final = 5.0


def missing_tool() -> str:
    """Name what is missing for counting system calls; empty when nothing is."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    return ""


def count_switches(subject: Subject, server: Subject) -> float:
    """Count the context switches of the subject's process tree per call."""
    return drive(subject, server, STEADY).switches


def count_system_calls(subject: Subject, server: Subject, folder: Path) -> dict[str, float]:
    """Count the system calls of the subject's process tree per call, by name and as `total`."""
    report = folder / f"strace-{subject.port}.txt"
    with contextlib.ExitStack() as stack:
        found = drive(
            subject, server, STEADY, lambda: stack.enter_context(traced(subject.tree, report))
        )
    counts = read_counts(report.read_text())
    return {name: count / found.calls for name, count in counts.items()}


@contextlib.contextmanager
def traced(tree: Tree, report: Path) -> Iterator[None]:
    """Attach strace to all threads of the tree for as long as the block lasts."""
    log = report.with_suffix(".log")
    pids = [word for pid in tree.processes() for word in ("-p", str(pid))]
    with log.open("wb") as out:
        tracer = subprocess.Popen(["strace", "-c", "-f", "-o", report, *pids], stderr=out)
    try:
        wait_until_attached(tracer, tree, log)
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(ATTACH_S)


def wait_until_attached(tracer: subprocess.Popen[bytes], tree: Tree, log: Path) -> None:
    """Return when strace traces every process of the tree."""
    end = time.monotonic() + ATTACH_S
    wanted = len(tree.processes())
    while tail(log).count(" attached") < wanted:
        if tracer.poll() is not None or time.monotonic() > end:
            raise BenchError(f"strace cannot attach: {tail(log)}")
        time.sleep(0.02)


def read_counts(text: str) -> dict[str, int]:
    """Read the table of `strace -c`: calls by name, and `total`."""
    counts = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 5 and words[3].isdigit():
            counts[words[-1]] = int(words[3])
    return counts
