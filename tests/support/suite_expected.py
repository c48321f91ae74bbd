"""What is allowed to differ: the lines of a committed file, each with the reason why."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import msgspec

from tests.support.suite import ROOT, Difference

EXPECTED: Final = ROOT / "tests/conformance/expected_differences.yaml"


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A check that cannot be the same in these cells."""

    scenario: str
    check: str
    cells: tuple[str, ...]
    reason: str

    def covers(self, cell: str) -> bool:
        """Say whether it speaks of this cell; `*` in a name stands for anything."""
        return any(fnmatchcase(cell, pattern) for pattern in self.cells)


@dataclass(frozen=True)
class Outcome:
    """What differed in one cell; in a straight one nothing may."""

    cell: str
    straight: bool
    differences: list[Difference]


@dataclass(frozen=True)
class Problem:
    """What is wrong in one cell."""

    cell: str
    text: str


def load_lines(path: Path = EXPECTED) -> list[Line]:
    """Load the committed lines."""
    return msgspec.yaml.decode(path.read_bytes(), type=list[Line])


def find_problems(outcomes: Sequence[Outcome], lines: Sequence[Line]) -> Iterator[Problem]:
    """Name each difference that no line expects, and each line that is wrong or stale."""
    for outcome in outcomes:
        found = {(each.scenario, each.check): each for each in outcome.differences}
        wanted = {(line.scenario, line.check) for line in lines if line.covers(outcome.cell)}
        for key, difference in found.items():
            if key not in wanted:
                yield Problem(outcome.cell, str(difference))
        for scenario, check in sorted(wanted):
            if outcome.straight:
                yield Problem(outcome.cell, f"{scenario} {check}: no line may excuse it here")
            elif (scenario, check) not in found:
                yield Problem(outcome.cell, f"{scenario} {check}: its line is no longer needed")
    for line in lines:
        if not line.reason.strip():
            yield Problem(EXPECTED.name, f"{line.scenario} {line.check}: its line has no reason")


def render_problems(problems: Iterable[Problem]) -> str:
    """Write each problem once, with the cells that have it."""
    cells: dict[str, list[str]] = {}
    for problem in problems:
        cells.setdefault(problem.text, []).append(problem.cell)
    return "\n".join(f"{text}\n    {' '.join(found)}" for text, found in cells.items())
