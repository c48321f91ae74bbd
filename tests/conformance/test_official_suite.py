"""The official suite has the same verdicts through the gateway; `make conformance` runs more."""

from pathlib import Path

import pytest

from tests.conftest import need_part
from tests.support.suite import PROGRAM, run_together
from tests.support.suite_cells import LEGACY, MODERN, Cell, Suite
from tests.support.suite_expected import find_problems, load_lines, render_problems
from tests.support.suite_scenarios import list_scenarios, run_scenario

JOBS = 2


@pytest.fixture
def suite(tmp_path: Path, node: Path) -> Suite:
    """Have the suite run in a folder of this test."""
    need_part(PROGRAM, "the MCP conformance suite")
    return Suite(tmp_path, JOBS)


@pytest.mark.requirement("R-CONFORMANCE")
@pytest.mark.timeout(120)
async def test_each_era_is_the_same_through_the_gateway(suite: Suite) -> None:
    cells = [Cell(LEGACY, "http-legacy", False), Cell(MODERN, "http-modern", False)]
    assert all(cell.straight for cell in cells)
    outcomes = await run_together(suite.run(cell) for cell in cells)
    problems = list(find_problems(outcomes, load_lines()))
    assert not problems, render_problems(problems)


@pytest.mark.requirement("R-CONFORMANCE")
@pytest.mark.timeout(180)
async def test_the_gateway_is_a_good_client(suite: Suite) -> None:
    runs = (run_scenario(*each, suite.folder, suite.turn) for each in list_scenarios())
    problems = list(find_problems(await run_together(runs), load_lines()))
    assert not problems, render_problems(problems)
