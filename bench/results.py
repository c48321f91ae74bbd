"""Results on disk: what was measured, where, at which commit, by which command and sources."""

import datetime as dt
import hashlib
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final, final

import msgspec

from bench.processes import ROOT, BenchError

FOLDER: Final = ROOT / "bench/results"


@final
class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a result comes from."""

    commit: str
    date: str
    command: str
    machine: str
    sources: str


@final
class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Named numbers with their origin."""

    origin: Origin
    figures: dict[str, float]
    rows: dict[str, dict[str, float]] = {}
    """`scenario / subject` -> column -> number; only the table of `make bench` has these."""


def find_sources(globs: Iterable[str]) -> list[Path]:
    """List the files that the patterns name, without what is built from them."""
    found = {path for pattern in globs for path in ROOT.glob(pattern) if path.is_file()}
    return sorted(path for path in found if "__pycache__" not in path.parts)


def hash_sources(globs: Iterable[str]) -> str:
    """Hash names and contents of all sources, so that any change shows."""
    digest = hashlib.sha256()
    for path in find_sources(globs):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(ROOT)} {content}\n".encode())
    return digest.hexdigest()[:16]


def describe_machine() -> str:
    """Name the processor and how many of it."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{os.cpu_count()} x {models[0] if models else os.uname().machine}"


def git(*words: str) -> str:
    """Ask git; empty when it does not know."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def make_origin(command: str, globs: Iterable[str]) -> Origin:
    """Say where a result made now comes from; `+` marks a commit with changes on top."""
    changed = "+" if git("status", "--porcelain", "--", *globs) else ""
    return Origin(
        commit=(git("rev-parse", "--short=12", "HEAD") or "none") + changed,
        date=dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command=command,
        machine=describe_machine(),
        sources=hash_sources(globs),
    )


def save(name: str, result: Result) -> Path:
    """Write a result into the checkout."""
    path = FOLDER / f"{name}.json"
    FOLDER.mkdir(exist_ok=True)
    path.write_bytes(encode(result))
    return path


def encode(result: Result) -> bytes:
    """Write a result so that a diff of it can be read."""
    return msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n"


def load(name: str) -> Result | None:
    """Read a result from the checkout; None when there is none."""
    path = FOLDER / f"{name}.json"
    return decode(path.read_bytes(), path.name) if path.exists() else None


def load_committed(name: str) -> Result | None:
    """Read the result that the last commit holds; None when there is none."""
    text = git("show", f"HEAD:bench/results/{name}.json")
    return decode(text.encode(), f"HEAD:{name}.json") if text else None


def decode(raw: bytes, name: str) -> Result:
    """Read a result; refuse what is not one."""
    try:
        return msgspec.json.decode(raw, type=Result)
    except msgspec.MsgspecError as fault:
        raise BenchError(f"{name} is no result: {fault}") from fault
