"""Run the official suite directly and through the gateway, and compare.

python -m tests.conformance                       # everything
python -m tests.conformance '2025-11-25/http*'    # cells and client scenarios by name
python -m tests.conformance --list
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Coroutine
from contextlib import nullcontext
from fnmatch import fnmatchcase
from pathlib import Path

from tests.support.suite import PROGRAM, run_together
from tests.support.suite_cells import Cell, Suite, list_cells
from tests.support.suite_expected import Line, Outcome, find_problems, load_lines, render_problems
from tests.support.suite_scenarios import list_scenarios, run_scenario

JOBS = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.conformance", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", help="cells and scenarios; * stands for anything")
    parser.add_argument("--list", action="store_true", help="list the names and end")
    parser.add_argument("--jobs", type=int, default=JOBS, help="how many run at once")
    parser.add_argument("--keep", type=Path, help="a new folder for results and logs")
    parser.add_argument("--listener", choices=("granian", "native"), default="granian")
    given = parser.parse_args()
    cells, scenarios = choose(given.names)
    names = [*(cell.name for cell in cells), *(name for name, _, _ in scenarios)]
    if given.list or not names:
        print("\n".join(names) or "nothing has such a name")
        return 0 if names else 2
    if not PROGRAM.exists():
        print("the suite is missing: run `make .parts/.peers`", file=sys.stderr)
        return 2
    keep = nullcontext(str(given.keep)) if given.keep else tempfile.TemporaryDirectory()
    with keep as folder:
        suite = Suite(Path(folder), given.jobs, given.listener)
        outcomes = asyncio.run(run_all(suite, cells, scenarios))
    return tell(outcomes, load_lines())


def choose(patterns: list[str]) -> tuple[list[Cell], list[tuple[str, str, str]]]:
    """Find the cells and client scenarios that were named; all of them if none was."""

    def is_wanted(name: str) -> bool:
        return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)

    cells = [cell for cell in list_cells() if is_wanted(cell.name)]
    return cells, [each for each in list_scenarios() if is_wanted(each[0])]


async def run_all(
    suite: Suite, cells: list[Cell], scenarios: list[tuple[str, str, str]]
) -> list[Outcome]:
    """Run everything, and show each outcome when it is there."""
    tasks: list[Coroutine[None, None, Outcome]] = [suite.run(cell) for cell in cells]
    tasks += [run_scenario(*each, suite.folder, suite.turn) for each in scenarios]

    async def show(task: Coroutine[None, None, Outcome]) -> Outcome:
        outcome = await task
        print(f"{outcome.cell}: {len(outcome.differences)}", flush=True)
        return outcome

    return await run_together(show(task) for task in tasks)


def tell(outcomes: list[Outcome], lines: list[Line]) -> int:
    """Print what is wrong; give the exit code."""
    problems = list(find_problems(outcomes, lines))
    found = sum(len(outcome.differences) for outcome in outcomes)
    print(f"\n{len(outcomes)} runs, {found} differences, {len(problems)} problems")
    print(render_problems(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
