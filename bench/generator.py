"""Drive the load generator and read what a stretch of load cost."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from bench.processes import BenchError, Tree
from bench.subjects import LOAD, PATH, Subject

PATIENCE_S: Final = 120


@final
@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One kind of load."""

    name: str
    clients: int = 8
    bytes: int = 200
    events: int | None = None
    rate: int = 0
    era: str = "modern"
    method: str = "tools/call"
    seconds: int = 1
    calls: int = 0
    warmup: int = 300
    tools: int = 10

    def flags(self, subject: Subject) -> list[str]:
        """Say it in the words of the load generator."""
        wanted = {
            "port": subject.port,
            "path": PATH,
            "tool": subject.tool,
            "era": self.era if subject.speaks else "raw",
            "check": "reply" if subject.speaks else "status",
            "method": self.method,
            "clients": self.clients,
            "bytes": self.bytes,
            "rate": self.rate,
            "warmup": self.warmup,
            "expect-tools": self.tools,
            "hold": "yes",
            "seconds": self.seconds,
        }
        if self.events is not None:
            wanted["events"] = self.events
        if self.calls:
            wanted |= {"calls": self.calls, "seconds": PATIENCE_S}
        return [text for name, value in wanted.items() for text in (f"--{name}", str(value))]


@final
@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one stretch of load found; times in microseconds."""

    calls: int
    per_second: float
    p50_us: float
    p99_us: float
    p999_us: float
    cpu_us: float
    server_us: float
    generator_us: float
    switches: float
    rss_mib: float
    errors: int
    late: int


def nothing() -> None:
    """Do nothing between warm-up and load."""


def drive(
    subject: Subject, server: Subject, scenario: Scenario, between: Callable[[], None] = nothing
) -> Sample:
    """Warm up, call `between`, run the load, and divide what it cost by its calls."""
    command: list[str | Path] = [LOAD, "load", *scenario.flags(subject)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            if child.stdout is None or not child.stdout.readline():
                _, said = child.communicate(timeout=PATIENCE_S)
                raise BenchError(f"load on {subject.name}: {said.strip()}")
            between()
            before = Meter(subject.tree, server.tree)
            line, said = child.communicate("\n", timeout=PATIENCE_S)
            after = Meter(subject.tree, server.tree)
        finally:
            child.kill()
    if child.returncode != 0 or not line:
        raise BenchError(f"load on {subject.name}, {scenario.name}: {said.strip()}")
    found: dict[str, int] = json.loads(line)
    if found["errors"] or not found["calls"]:
        raise BenchError(f"load on {subject.name}, {scenario.name}: {line.strip()}")
    return sample(found, before, after)


@final
class Meter:
    """What a subject and the server have taken so far."""

    def __init__(self, tree: Tree, server: Tree) -> None:
        self.cpu_ns = tree.cpu_ns()
        self.server_ns = server.cpu_ns()
        self.switches = tree.switches().total
        self.rss_bytes = tree.rss_bytes()


def sample(found: dict[str, int], before: Meter, after: Meter) -> Sample:
    """Divide by the calls."""
    calls = found["calls"]
    return Sample(
        calls=calls,
        per_second=calls * 1e9 / found["elapsed_ns"],
        p50_us=found["p50_ns"] / 1e3,
        p99_us=found["p99_ns"] / 1e3,
        p999_us=found["p999_ns"] / 1e3,
        cpu_us=(after.cpu_ns - before.cpu_ns) / calls / 1e3,
        server_us=(after.server_ns - before.server_ns) / calls / 1e3,
        generator_us=found["cpu_ns"] / calls / 1e3,
        switches=(after.switches - before.switches) / calls,
        rss_mib=after.rss_bytes / 2**20,
        errors=found["errors"],
        late=found["late"],
    )


def burst(subject: Subject, connects: int) -> None:
    """Connect and disconnect many times, whole and half-way."""
    command: list[str | Path] = [LOAD, "burst", "--port", str(subject.port), "--path", PATH]
    done = subprocess.run(
        [*command, "--connects", str(connects)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"burst on {subject.name}: {done.stderr.strip()}")
