"""The official MCP conformance suite: run it against a server, and read what it checked."""

import asyncio
import re
from collections import Counter
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

T = TypeVar("T")

ROOT: Final = Path(__file__).resolve().parents[2]
PARTS: Final = ROOT / ".parts"
NODE: Final = PARTS / "bin/node"
PROGRAM: Final = PARTS / "suite/node_modules/@modelcontextprotocol/conformance/dist/index.js"
RUN_S: Final = 300
SCENARIO_S: Final = 20
CLIENT_S: Final = 60
# What a scenario notes for the reader is no verdict.
NOTE: Final = "INFO"
_FOLDER: Final = re.compile(r"(?:(?:server|client)-)?(.+?)(?:-\d{4}-\d\d-\d\dT[\d-]+Z)?")


class Check(msgspec.Struct, frozen=True, rename="camel"):
    """One verdict of the suite."""

    id: str
    status: str
    error_message: str | None = None
    description: str = ""

    @property
    def text(self) -> str:
        """Say what the suite says about it."""
        return self.error_message or self.description


Checks = dict[tuple[str, str], list[Check]]


@dataclass(frozen=True)
class Report:
    """All verdicts of one run, by scenario and check id."""

    checks: Checks
    code: int
    output: str


@dataclass(frozen=True)
class Difference:
    """One check whose verdicts are not the same in two runs."""

    scenario: str
    check: str
    direct: tuple[str, ...]
    through: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        """Write it in one line, with the suite's own words."""
        before, after = (" ".join(each) or "nothing" for each in (self.direct, self.through))
        return f"{self.scenario} {self.check}: {before} -> {after}: {self.text}"


async def run_server_suite(url: str, revision: str, folder: Path) -> Report:
    """Run every server scenario of a revision against this URL."""
    wait = ("--timeout", str(SCENARIO_S * 1000))
    return await _run("server", "--url", url, "--requirements", revision, *wait, "-o", folder)


async def run_client_scenario(scenario: str, revision: str, command: str, folder: Path) -> Report:
    """Let the suite be the server of this client scenario; `command` gets its URL."""
    chosen = ("--scenario", scenario, "--spec-version", revision)
    wait = ("--timeout", str(CLIENT_S * 1000))
    return await _run("client", "--command", command, *chosen, *wait, "-o", folder)


def compare(direct: Checks, through: Checks) -> list[Difference]:
    """Find the checks whose multisets of statuses differ."""
    found = []
    for key in sorted(direct.keys() | through.keys()):
        before, after = (_statuses(checks.get(key, [])) for checks in (direct, through))
        if before != after:
            text = _explain(through.get(key, []), before) or _explain(direct.get(key, []), after)
            found.append(Difference(*key, before, after, text))
    return found


def _statuses(checks: list[Check]) -> tuple[str, ...]:
    return tuple(sorted(check.status for check in checks))


def _explain(checks: list[Check], other: tuple[str, ...]) -> str:
    """Take the words of those verdicts that the other run does not have."""
    rest, words = Counter(other), []
    for check in checks:
        if rest[check.status]:
            rest[check.status] -= 1
        else:
            words.append(" ".join(check.text.split()))
    return "; ".join(words)


async def _run(*arguments: str | Path) -> Report:
    folder = Path(arguments[-1])
    async with asyncio.timeout(RUN_S):
        code, output = await run_command(NODE, PROGRAM, *arguments)
    return Report(read_checks(folder), code, output)


async def run_command(*command: str | Path) -> tuple[int, str]:
    """Run a command to its end; give its code and what it printed."""
    child = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert child.returncode is not None
    return child.returncode, output.decode(errors="replace")


async def run_together(runs: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """Run all at once; when one fails the others end too."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run) for run in runs]
    return [task.result() for task in tasks]


def read_checks(folder: Path) -> Checks:
    """Read what a run left behind: a folder for each scenario."""
    found: Checks = {}
    for path in sorted(folder.glob("**/checks.json")):
        name = _FOLDER.fullmatch(path.parent.name)
        assert name is not None
        for check in msgspec.json.decode(path.read_bytes(), type=list[Check]):
            if check.status != NOTE:
                found.setdefault((name[1], check.id), []).append(check)
    return found
