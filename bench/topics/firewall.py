"""The figures of the firewall: what judging costs, and how well and how long it was tried."""

import contextlib
from typing import Final

from bench import agreement, core, fuzz
from bench.figure import Bar, Findings, Found, Group, Rig, Topic
from bench.processes import BenchError

INSPECT: Final = {
    200: Bar("inspect of a 200 B call, 10 properties, strict", 5, "us"),
    4096: Bar("inspect of a 4 KB call, strict", 15, "us"),
    65536: Bar("inspect of a 64 KB call, strict", 200, "us"),
}
REVIEW: Final = {
    size: Bar(f"review of a result of {text}, of 1 us + 1.5 ns/B", 1, "times")
    for size, text in ((200, "200 B"), (4096, "4 KB"), (65536, "64 KB"))
}
REVIEW_NS: Final = 1_000
REVIEW_NS_PER_BYTE: Final = 1.5
DIFFERENCES: Final = Bar("differences to other validators, 100,000 pairs", 0, "unexplained")
UNTRIED: Final = Bar("fuzz targets with a fault or under 10 minutes", 0, "in all")


def measure_inspect(_rig: Rig) -> Findings:
    """Time inspect alone, with all steps that there are."""
    return {
        bar: Found(core.time_ns("firewall", f"inspect_strict/{size}") / 1e3)
        for size, bar in INSPECT.items()
    }


def measure_review(_rig: Rig) -> Findings:
    """Time review and compare with what its size allows."""
    found = {}
    for size, bar in REVIEW.items():
        spent = core.time_ns("firewall", f"review/{size}")
        allowed = REVIEW_NS + REVIEW_NS_PER_BYTE * size
        found[bar] = Found(spent / allowed, f"{spent / 1e3:.2f} us of {allowed / 1e3:.2f} us")
    return found


def measure_agreement(_rig: Rig) -> Findings:
    """Judge generated pairs with three validators."""
    count, note = agreement.count_differences(agreement.PAIRS)
    return {DIFFERENCES: Found(count, note)}


def measure_fuzz(rig: Rig) -> Findings:
    """Run every fuzz target for its time."""
    tried, failed = fuzz.run_targets(rig.folder, fuzz.CLOSING_S)
    return {UNTRIED: Found(len(failed), f"{tried} inputs; {', '.join(failed) or 'no fault'}")}


def prepare() -> None:
    """Build the criterion bench; a core that does not build shows in its figure."""
    with contextlib.suppress(BenchError):
        core.build_bench("firewall")


TOPIC: Final = Topic(
    name="firewall",
    sources=("rust/**/*.rs", "rust/**/Cargo.toml", "Cargo.lock"),
    quick=(
        Group(tuple(INSPECT.values()), measure_inspect),
        Group(tuple(REVIEW.values()), measure_review),
    ),
    long=(
        Group((DIFFERENCES,), measure_agreement),
        Group((UNTRIED,), measure_fuzz),
    ),
    prepare=prepare,
)
