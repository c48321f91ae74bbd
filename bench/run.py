"""The table of `make bench`: the gateway between load generator and server, beside its rivals.

Strategy: every scenario runs in rounds; within a round the subjects take turns in random order, so
that what else the machine does hits all of them; medians over rounds are compared, and ratios and
differences are taken within a round.
"""

import argparse
import contextlib
import random
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench import results, table
from bench.generator import Sample, Scenario, drive
from bench.processes import BenchError
from bench.subjects import (
    KINDS,
    Subject,
    build_load,
    constant_app,
    find_nginx,
    gateway,
    measuring_server,
    nginx,
)

NAME: Final = "load"
SOURCES: Final = (
    "python/mcpgate/**/*.py",
    "rust/src/**/*.rs",
    "rust/Cargo.toml",
    "bench/load/src/*.rs",
)
SCENARIOS: Final = (
    Scenario(name="8 clients"),
    Scenario(name="1 client", clients=1),
    Scenario(name="64 clients", clients=64),
    Scenario(name="500/s", rate=500, seconds=2),
    Scenario(name="legacy", era="legacy"),
    Scenario(name="4 KB", bytes=4096),
    Scenario(name="64 KB", bytes=65536),
    Scenario(name="SSE", events=0),
    Scenario(name="SSE, 3 progress", events=3),
)
SUBJECTS: Final = ("direct", "nginx", "constant", *KINDS)


def main() -> int:
    """Measure, print, compare, and save when asked to."""
    options = read_options()
    try:
        build_load()
        samples = measure(options)
    except BenchError as fault:
        print(f"bench: {fault}", file=sys.stderr)
        return 1
    rows = table.make_rows(samples)
    print(table.render(rows))
    earlier = results.load_committed(NAME)
    if earlier is None:
        print("\nno committed result to compare with")
    else:
        origin = earlier.origin
        print(f"\nagainst {origin.commit} of {origin.date} on {origin.machine}:")
        print("\n".join(table.compare(rows, earlier.rows)) or "nothing moved by more than a tenth")
    if options.save:
        command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
        origin = results.make_origin(command, SOURCES)
        print(f"saved {results.save(NAME, results.Result(origin=origin, figures={}, rows=rows))}")
    return 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each scenario")
    parser.add_argument("--seconds", type=int, help="length of each stretch of load")
    parser.add_argument("--only", action="append", choices=names, help="run this scenario")
    parser.add_argument("--without", action="append", choices=SUBJECTS[1:], default=[])
    parser.add_argument("--save", action="store_true", help=f"write bench/results/{NAME}.json")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> dict[tuple[str, str], list[Sample]]:
    """Run all rounds of all scenarios."""
    samples: dict[tuple[str, str], list[Sample]] = {}
    chosen = [one for one in SCENARIOS if not options.only or one.name in options.only]
    with (
        tempfile.TemporaryDirectory(prefix="mcpgate-bench-") as name,
        contextlib.ExitStack() as stack,
    ):
        subjects = list(start_subjects(Path(name), stack, options.without))
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for scenario in chosen:
                length = options.seconds or scenario.seconds
                run_round(subjects, replace(scenario, seconds=length), samples)
    order = {name: place for place, name in enumerate(SUBJECTS)}
    places = {one.name: place for place, one in enumerate(SCENARIOS)}
    return dict(sorted(samples.items(), key=lambda item: (places[item[0][0]], order[item[0][1]])))


def start_subjects(
    folder: Path, stack: contextlib.ExitStack, without: Sequence[str]
) -> Iterator[Subject]:
    """Start everything that is wanted and there; say by name what is not."""
    server = stack.enter_context(measuring_server(folder))
    yield server
    if "constant" not in without:
        yield stack.enter_context(constant_app(folder))
    if "nginx" not in without and find_nginx() is None:
        print("nginx is not installed (Debian: nginx-light); its rows are left out")
    elif "nginx" not in without:
        yield stack.enter_context(nginx(folder, server))
    for kind in KINDS:
        if kind not in without:
            yield stack.enter_context(gateway(folder, server, kind))


def run_round(
    subjects: Sequence[Subject],
    scenario: Scenario,
    samples: dict[tuple[str, str], list[Sample]],
) -> None:
    """Let each subject have its turn, in random order."""
    server = subjects[0]
    for subject in random.sample(subjects, len(subjects)):
        if subject.speaks or scenario.events is None:
            found = drive(subject, server, scenario)
            samples.setdefault((scenario.name, subject.name), []).append(found)


if __name__ == "__main__":
    sys.exit(main())
