"""What the Rust core costs by itself, from its criterion bench."""

import re
import shutil
import subprocess
from typing import Final

from bench.processes import ROOT, BenchError

CALL: Final = "inspect_review_close/200"
"""The bench of rust/benches/path.rs that inspects, reviews and closes a call of 200 B."""
UNITS: Final = {"ps": 1e-3, "ns": 1.0, "µs": 1e3, "us": 1e3, "ms": 1e6}
TIME: Final = re.compile(r"time:\s+\[\S+ \S+ ([0-9.]+) (\S+) \S+ \S+\]")


def cargo_bench(*words: str, seconds: float) -> str:
    """Run the bench target with cargo and return what it prints."""
    cargo = shutil.which("cargo")
    if cargo is None:
        raise BenchError("cargo is not installed")
    command = [cargo, "bench", "--quiet", "--package", "mcpgate-core", "--bench", "path"]
    command += ["--target-dir", str(ROOT / "target"), *words]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
    )
    if done.returncode != 0:
        raise BenchError(f"the bench of the core fails: {done.stderr.strip()[-500:]}")
    return done.stdout


def build_bench() -> None:
    """Build the criterion bench; quick when nothing has changed."""
    cargo_bench("--no-run", seconds=600)


def call_ns() -> float:
    """Return nanoseconds for inspect, review and close of one call."""
    return read_time(cargo_bench("--", "--quick", "--noplot", CALL, seconds=60))


def read_time(text: str) -> float:
    """Read the estimate out of criterion's line."""
    found = TIME.search(text)
    if found is None:
        raise BenchError(f"criterion has no bench {CALL}: {text.strip()[-200:]}")
    return float(found[1]) * UNITS[found[2]]
