"""Figures: what holds, what falls short, and what old results are worth."""

from pathlib import Path

import pytest

from bench import figures, results
from bench.figure import HOLDS, SHORT, UNMEASURED, Bar, Figure, Found, Group, Rig, Topic
from bench.processes import BenchError

pytestmark = pytest.mark.requirement("R-FIGURES")

BAR = Bar("time of a thing", 3, "us")
LONG = Bar("time of a long thing", 5, "s")


def fail(_rig: Rig) -> dict[Bar, Found]:
    raise BenchError("the thing is broken")


def topic(found: Found) -> Topic:
    return Topic("thing", ("bench/figure.py",), (Group((BAR,), lambda _rig: {BAR: found}),))


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (Found(3), HOLDS),
        (Found(3.01), SHORT),
        (Found(None), SHORT),
        (Found(None, missing="strace is not installed"), UNMEASURED),
    ],
)
def test_a_figure_is_compared_with_its_bar(found: Found, verdict: str) -> None:
    assert Figure(BAR, found).verdict == verdict


@pytest.mark.parametrize(
    ("found", "code"), [(Found(2), 0), (Found(4), 1), (Found(None, missing="no nginx"), 0)]
)
def test_the_exit_code_says_whether_all_hold(
    found: Found, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert figures.show(topic(found)) == code
    assert "time of a thing, us" in capsys.readouterr().out


def test_a_measurement_that_fails_falls_short_and_says_why() -> None:
    found = figures.measure(Group((BAR,), fail))[BAR]
    assert Figure(BAR, found).verdict == SHORT
    assert "the thing is broken" in found.note


def recorded(sources: str) -> results.Result:
    origin = results.Origin(
        commit="abc", date="2026-01-01", command="make", machine="1 x any", sources=sources
    )
    return results.Result(origin=origin, figures={LONG.name: 4.0})


def test_a_long_figure_counts_while_its_sources_are_the_same() -> None:
    found = figures.read_long(LONG, recorded("now"), "now")
    assert Figure(LONG, found).verdict == HOLDS
    assert "commit abc, 2026-01-01, make" in found.note


@pytest.mark.parametrize("result", [None, recorded("then")], ids=["never recorded", "changed"])
def test_a_long_figure_without_a_current_result_falls_short(result: results.Result | None) -> None:
    assert Figure(LONG, figures.read_long(LONG, result, "now")).verdict == SHORT


def test_each_topic_has_figures_and_sources() -> None:
    for name in figures.find_topics():
        found = figures.load_topic(name)
        assert results.find_sources(found.sources)
        bars = [bar for group in (*found.quick, *found.long) for bar in group.bars]
        assert len({bar.name for bar in bars}) == len(bars) > 0


def test_the_source_hash_follows_content(root: Path) -> None:
    one, other = ("bench/figure.py",), ("bench/figures.py",)
    assert results.hash_sources(one) == results.hash_sources(one)
    assert results.hash_sources(one) != results.hash_sources(other)
    assert results.find_sources(one) == [root / "bench/figure.py"]


def test_a_result_survives_its_file() -> None:
    result = recorded("now")
    assert results.decode(results.encode(result), "file") == result
    with pytest.raises(BenchError, match="is no result"):
        results.decode(b'{"figures":1}', "file")
