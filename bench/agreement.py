"""Compare our judge of JSON Schemas with two others on generated pairs."""

import subprocess
import sys
from typing import Final

from bench.core import build_example
from bench.processes import ROOT, BenchError

PAIRS: Final = 100_000
LIMIT_S: Final = 3_600


def count_differences(pairs: int) -> tuple[int, str]:
    """Return how many differences nobody has explained, and what was compared."""
    build_example("mcpgate-schema", "judge")
    command = [sys.executable, "-m", "tests.support.schema_opinions", str(pairs)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if done.returncode not in (0, 1) or "pairs:" not in done.stderr:
        raise BenchError(f"the comparison fails: {done.stderr.strip()[-300:]}")
    return len(done.stdout.splitlines()), done.stderr.strip().splitlines()[-1]
