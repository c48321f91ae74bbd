"""The table: medians, differences and ratios within a round, and the comparison."""

import pytest

from bench import table
from bench.generator import Sample, Scenario
from bench.processes import Tree
from bench.subjects import Subject

pytestmark = pytest.mark.requirement("R-BENCH")


def sample(p50_us: float, cpu_us: float) -> Sample:
    return Sample(
        calls=1,
        per_second=1,
        p50_us=p50_us,
        p99_us=p50_us,
        p999_us=p50_us,
        cpu_us=cpu_us,
        server_us=1,
        generator_us=1,
        switches=1,
        rss_mib=1,
        errors=0,
        late=0,
    )


SAMPLES = {
    ("s", "direct"): [sample(10, 1), sample(30, 1), sample(20, 1)],
    ("s", "constant"): [sample(20, 10), sample(20, 20), sample(20, 30)],
    ("s", "granian"): [sample(50, 20), sample(90, 40), sample(60, 90)],
}


def test_rows_are_medians_and_ratios_are_taken_within_a_round() -> None:
    row = table.make_rows(SAMPLES)["s / granian"]
    assert row["p50_us"] == 60
    assert row["added_p50_us"] == 40
    assert row["cpu_x_constant"] == 2


def test_every_row_is_rendered() -> None:
    text = table.render(table.make_rows(SAMPLES))
    assert [line.split()[2] for line in text.splitlines() if " / " in line] == [
        "direct",
        "constant",
        "granian",
    ]


def test_a_change_over_a_tenth_is_named() -> None:
    then = {"s / granian": {"cpu_us": 100.0, "cpu_x_nginx": 4.0}, "s / nginx": {"cpu_us": 1.0}}
    now = {"s / granian": {"cpu_us": 120.0, "cpu_x_nginx": 4.1}, "s / nginx": {"cpu_us": 2.0}}
    assert table.compare(now, then) == ["s / granian: cpu_us 100.00 -> 120.00, +20% worse"]


def flags(scenario: Scenario, subject: Subject) -> dict[str, str]:
    words = scenario.flags(subject)
    return dict(zip(words[::2], words[1::2], strict=True))


def test_replies_are_checked_wherever_a_server_answers() -> None:
    speaking = Subject("granian", 1, Tree(1), tool="a__b")
    silent = Subject("constant", 1, Tree(1), speaks=False)
    scenario = Scenario(name="s", events=3)
    assert flags(scenario, speaking)["--check"] == "reply"
    assert flags(scenario, speaking)["--tool"] == "a__b"
    assert flags(scenario, speaking)["--events"] == "3"
    assert flags(scenario, silent)["--check"] == "status"
    assert flags(scenario, silent)["--era"] == "raw"
