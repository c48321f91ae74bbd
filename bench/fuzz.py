"""Run the fuzz targets of rust/fuzz for long, several at a time."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from bench.processes import ROOT, BenchError

CLOSING_S: Final = 600
"""Seconds for each target."""
AT_ONCE: Final = 8
BUILD_S: Final = 1_800
_TARGET: Final = re.compile(r'^name = "([a-z]+)"$', re.MULTILINE)
_RUNS: Final = re.compile(r"stat::number_of_executed_units:\s+([0-9]+)")


def find_targets() -> list[str]:
    """List the targets that the fuzz crate builds."""
    text = (ROOT / "rust/fuzz/Cargo.toml").read_text()
    return _TARGET.findall(text.partition("[[bin]]")[2])


def run_targets(folder: Path, seconds: int) -> tuple[int, list[str]]:
    """Fuzz every target; return how many inputs were tried, and which targets found a fault."""
    script = shutil.which("scripts/fuzz.sh", path=str(ROOT)) or str(ROOT / "scripts/fuzz.sh")
    built = subprocess.run(
        [script, "0"], cwd=ROOT, capture_output=True, timeout=BUILD_S, check=False
    )
    if built.returncode != 0:
        raise BenchError(f"the fuzz targets do not build: {built.stderr.decode()[-300:]}")

    def run(target: str) -> int | None:
        log = folder / f"{target}.log"
        with log.open("wb") as out:
            done = subprocess.run(
                [script, str(seconds), target],
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=seconds + BUILD_S,
                check=False,
            )
        found = _RUNS.search(log.read_text(errors="replace"))
        return int(found[1]) if done.returncode == 0 and found else None

    targets = find_targets()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = dict(zip(targets, pool.map(run, targets), strict=True))
    tried = sum(count for count in runs.values() if count is not None)
    return tried, [target for target, count in runs.items() if count is None]
