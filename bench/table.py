"""Medians of interleaved rounds, as a table and against an earlier result."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Final

from bench.generator import Sample
from bench.subjects import KINDS

COLUMNS: Final = {
    "per_second": ("calls/s", 0),
    "p50_us": ("p50", 0),
    "p99_us": ("p99", 0),
    "p999_us": ("p99.9", 0),
    "added_p50_us": ("+p50", 0),
    "added_p99_us": ("+p99", 0),
    "added_p999_us": ("+p99.9", 0),
    "cpu_us": ("CPU us", 1),
    "cpu_x_constant": ("x const", 2),
    "cpu_x_nginx": ("x nginx", 2),
    "server_us": ("server us", 1),
    "switches": ("switches", 1),
    "rss_mib": ("RSS MiB", 1),
}
TOLERANCE: Final = 0.10
COMPARED: Final = ("cpu_us", "cpu_x_constant", "cpu_x_nginx")
OURS: Final = tuple(f"/ {kind}" for kind in KINDS)

Rows = dict[str, dict[str, float]]
Samples = Mapping[tuple[str, str], Sequence[Sample]]


def make_rows(samples: Samples) -> Rows:
    """Turn the rounds of each scenario and subject into one row of medians."""
    rows: Rows = {}
    for (scenario, subject), rounds in samples.items():
        columns = {
            name: statistics.median(values)
            for name, values in columns_of(map(asdict, rounds)).items()
            if name in COLUMNS
        }
        rows[f"{scenario} / {subject}"] = columns
        for share in ("p50_us", "p99_us", "p999_us"):
            added = differences(samples, scenario, rounds, share)
            if added and subject != "direct":
                columns[f"added_{share}"] = statistics.median(added)
        for other in ("constant", "nginx"):
            if other != subject != "direct" and (scenario, other) in samples:
                columns[f"cpu_x_{other}"] = ratio(rounds, samples[scenario, other])
    return rows


def columns_of(rounds: Iterable[Mapping[str, float]]) -> dict[str, list[float]]:
    """Collect the values of each column."""
    columns: dict[str, list[float]] = {}
    for values in rounds:
        for name, value in values.items():
            columns.setdefault(name, []).append(value)
    return columns


def differences(
    samples: Samples, scenario: str, rounds: Sequence[Sample], share: str
) -> list[float]:
    """Subtract the direct call of the same round."""
    direct = samples.get((scenario, "direct"), ())
    pairs = zip(rounds, direct, strict=False)
    return [getattr(through, share) - getattr(straight, share) for through, straight in pairs]


def ratio(rounds: Sequence[Sample], others: Sequence[Sample]) -> float:
    """Return the median over rounds of the CPU time against the other of the same round."""
    pairs = zip(rounds, others, strict=False)
    return statistics.median(one.cpu_us / other.cpu_us for one, other in pairs)


def render(rows: Rows) -> str:
    """Lay the rows out under their scenario; times in microseconds."""
    lines = []
    width = max(len(name) for name in rows)
    head = "".join(f"{title:>10}" for title, _ in COLUMNS.values())
    previous = ""
    for name, columns in rows.items():
        scenario = name.partition(" / ")[0]
        if scenario != previous:
            lines += ["", f"{'us unless said':<{width}}{head}"]
            previous = scenario
        cells = (
            f"{columns[column]:>10.{digits}f}" if column in columns else f"{'-':>10}"
            for column, (_, digits) in COLUMNS.items()
        )
        lines.append(f"{name:<{width}}{''.join(cells)}")
    return "\n".join(lines).lstrip("\n")


def compare(rows: Rows, earlier: Rows) -> list[str]:
    """Say which gateway rows got more than a tenth worse or better since an earlier result."""
    lines = []
    for name in rows.keys() & earlier.keys():
        if not name.endswith(OURS):
            continue
        for column in COMPARED:
            now, then = rows[name].get(column), earlier[name].get(column)
            if now is None or not then:
                continue
            change = now / then - 1
            if abs(change) > TOLERANCE:
                word = "worse" if change > 0 else "better"
                lines.append(f"{name}: {column} {then:.2f} -> {now:.2f}, {change:+.0%} {word}")
    return sorted(lines)
