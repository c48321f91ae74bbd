"""What the Rust core costs by itself, from its criterion benches."""

import re
import shutil
import subprocess
from typing import Final

from bench.processes import ROOT, BenchError

CALL: Final = "inspect_review_close/200"
"""The bench of rust/benches/path.rs that inspects, reviews and closes a call of 200 B."""
ROUNDS: Final = 5
UNITS: Final = {"ps": 1e-3, "ns": 1.0, "µs": 1e3, "us": 1e3, "ms": 1e6}
TIME: Final = re.compile(r"time:\s+\[\S+ \S+ ([0-9.]+) (\S+) \S+ \S+\]")


def cargo_bench(bench: str, *words: str, seconds: float) -> str:
    """Run a bench target with cargo and return what it prints."""
    cargo = shutil.which("cargo")
    if cargo is None:
        raise BenchError("cargo is not installed")
    command = [cargo, "bench", "--quiet", "--package", "mcpgate-core", "--bench", bench]
    command += ["--target-dir", str(ROOT / "target"), *words]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
    )
    if done.returncode != 0:
        raise BenchError(f"the bench of the core fails: {done.stderr.strip()[-500:]}")
    return done.stdout


def build_example(package: str, name: str) -> None:
    """Build an example program of a crate as `make test` does."""
    cargo = shutil.which("cargo")
    if cargo is None:
        raise BenchError("cargo is not installed")
    command = [cargo, "build", "--release", "--quiet", "--package", package, "--example", name]
    command += ["--target-dir", str(ROOT / "target")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{name} does not build: {done.stderr.strip()[-500:]}")


def build_bench(bench: str = "path") -> None:
    """Build a criterion bench; quick when nothing has changed."""
    cargo_bench(bench, "--no-run", seconds=900)


def call_ns() -> float:
    """Return nanoseconds for inspect, review and close of one call."""
    return time_ns("path", CALL)


def time_ns(bench: str, name: str) -> float:
    """Return nanoseconds of one named measurement of a bench: the best of some rounds.

    The bench reads the wall clock, to which others on the machine can only add.
    """
    words = ("--", "--quick", "--noplot", name)
    return min(read_time(name, cargo_bench(bench, *words, seconds=60)) for _ in range(ROUNDS))


def read_time(name: str, text: str) -> float:
    """Read the estimate out of criterion's line."""
    found = TIME.search(text)
    if found is None:
        raise BenchError(f"criterion has no bench {name}: {text.strip()[-200:]}")
    return float(found[1]) * UNITS[found[2]]
