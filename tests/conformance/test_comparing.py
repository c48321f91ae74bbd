"""Two runs of the suite are compared by what each check said."""

import json
from pathlib import Path

import pytest

from tests.support.suite import Check, Difference, compare, read_checks
from tests.support.suite_cells import FORMS, LEGACY, MODERN, Cell, list_cells
from tests.support.suite_expected import (
    Line,
    Outcome,
    Problem,
    find_problems,
    load_lines,
    render_problems,
)
from tests.support.suite_scenarios import list_scenarios

pytestmark = pytest.mark.requirement("R-CONFORMANCE")
KEY = ("ping", "ping-works")
DIFFERENCE = Difference(*KEY, ("SUCCESS",), ("FAILURE",), "no pong")
CELL = f"{LEGACY}/sse/alone"


def write(folder: Path, *checks: dict[str, str]) -> None:
    folder.mkdir(parents=True)
    (folder / "checks.json").write_text(json.dumps(checks))


def test_checks_are_read_by_scenario_and_notes_are_left_out(tmp_path: Path) -> None:
    good = {"id": "a", "status": "SUCCESS", "timestamp": "t"}
    bad = {"id": "a", "status": "FAILURE", "errorMessage": "no"}
    write(tmp_path / "server-json-schema-2020-12-2026-11-23T01-13-07-388Z", good, bad)
    write(tmp_path / "auth/scope-2026-11-23T01-13-07-388Z", {"id": "b", "status": "INFO"}, good)
    found = read_checks(tmp_path)
    assert found.keys() == {("json-schema-2020-12", "a"), ("scope", "a")}
    assert [check.text for check in found["json-schema-2020-12", "a"]] == ["", "no"]


def test_equal_multisets_are_no_difference() -> None:
    one, two = Check("a", "SUCCESS"), Check("a", "FAILURE", "x")
    assert compare({KEY: [one, two]}, {KEY: [two, one]}) == []
    assert len(compare({KEY: [one, one]}, {KEY: [one]})) == 1


def test_a_difference_has_the_words_of_the_run_that_says_more() -> None:
    good, bad = Check("a", "SUCCESS", None, "a pong"), Check("a", "FAILURE", "no\n pong", "a pong")
    (found,) = compare({KEY: [good, good]}, {KEY: [good, bad]})
    assert str(found) == "ping ping-works: SUCCESS SUCCESS -> FAILURE SUCCESS: no pong"
    (found,) = compare({KEY: [good]}, {})
    assert str(found) == "ping ping-works: SUCCESS -> nothing: a pong"


def test_a_difference_needs_a_line_and_a_line_a_difference() -> None:
    differs, same = Outcome(CELL, False, [DIFFERENCE]), Outcome(CELL, False, [])
    line = Line(*KEY, ("*/sse/*",), "it cannot")
    assert list(find_problems([differs], [line])) == []
    assert "no pong" in next(find_problems([differs], [])).text
    assert "no longer needed" in next(find_problems([same], [line])).text
    elsewhere = Outcome(f"{LEGACY}/http-modern/alone", False, [])
    assert list(find_problems([differs, elsewhere], [line])) == []


def test_no_line_excuses_a_straight_cell_and_none_is_without_a_reason() -> None:
    line = Line(*KEY, ("*",), " ")
    straight = Outcome(f"{LEGACY}/http-legacy/alone", True, [DIFFERENCE])
    first, second = find_problems([straight], [line])
    assert "no line may excuse it" in first.text
    assert "no reason" in second.text


def test_what_is_wrong_in_many_cells_is_written_once() -> None:
    problems = [Problem("a", "x y"), Problem("b", "x y"), Problem("a", "z")]
    assert render_problems(problems) == "x y\n    a b\nz\n    a"


def test_each_committed_line_speaks_of_cells_that_there_are() -> None:
    names = [cell.name for cell in list_cells()] + [name for name, _, _ in list_scenarios()]
    for line in load_lines():
        assert line.reason.strip()
        for pattern in line.cells:
            assert any(Line("", "", (pattern,), "").covers(name) for name in names), pattern


def test_cells_are_all_ways_and_straight_where_both_sides_speak_alike() -> None:
    cells = list(list_cells())
    assert len({cell.name for cell in cells}) == 2 * len(FORMS) * 2
    assert {(cell.revision, cell.form) for cell in cells if cell.straight} == {
        (LEGACY, "http-legacy"),
        (MODERN, "http-modern"),
        (MODERN, "http"),
    }
    assert Cell(LEGACY, "http", beside=False).name == f"{LEGACY}/http/alone"
