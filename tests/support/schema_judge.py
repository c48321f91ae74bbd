"""Our judge of JSON Schemas as a program: lines of JSON in, lines of verdicts out."""

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
Answer = list[bool | str] | dict[str, str]


def find_judge() -> Path:
    """Name the newest built `judge`; a path that does not exist where none is built."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [target / profile / "examples/judge" for profile in ("release", "debug")]
    return max(built, key=lambda path: path.stat().st_mtime if path.exists() else 0)


def judge(
    program: Path, cases: Iterable[tuple[object, list[Any]]], *, strict: bool = False
) -> list[Answer]:
    """Judge the instances of each schema; a schema that is refused answers with its fault."""
    lines = (
        json.dumps({"schema": schema, "instances": instances, "strict": strict})
        for schema, instances in cases
    )
    done = subprocess.run(
        [str(program)],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
