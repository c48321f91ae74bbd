"""Print the figures of a topic against their bars: `python -m bench.figures main-job`.

Quick figures are measured now. Long ones are read from bench/results/<topic>.json, which
`--record` writes; they count as short when the topic's sources have changed since. The exit code
is 1 when a figure falls short.
"""

import argparse
import contextlib
import importlib
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten

from bench import results
from bench.figure import HEAD, SHORT, Bar, Figure, Findings, Found, Group, Rig, Topic, render
from bench.processes import ROOT, BenchError


def main() -> int:
    """Print all figures of one topic."""
    parser = argparse.ArgumentParser(prog="python -m bench.figures", description=__doc__)
    parser.add_argument("topic", choices=find_topics())
    parser.add_argument("--record", action="store_true", help="measure the long figures and save")
    options = parser.parse_args()
    topic = load_topic(options.topic)
    try:
        if topic.prepare is not None:
            topic.prepare()
        if options.record:
            record(topic)
    except BenchError as fault:
        print(f"figures: {fault}", file=sys.stderr)
        return 1
    return show(topic)


def show(topic: Topic) -> int:
    """Print each figure as soon as it is known; 1 when one falls short."""
    begun = time.monotonic()
    verdicts = []
    print(HEAD)
    for figure in find_figures(topic):
        verdicts.append(figure.verdict)
        print(render(figure), flush=True)
    short = verdicts.count(SHORT)
    seconds = time.monotonic() - begun
    print(f"{short} of {len(verdicts)} fall short, measured in {seconds:.0f} s")
    return 1 if short else 0


def find_topics() -> list[str]:
    """List the topics that have a module."""
    modules = (ROOT / "bench/topics").glob("[!_]*.py")
    return sorted(path.stem.replace("_", "-") for path in modules)


def load_topic(name: str) -> Topic:
    """Import the module of a topic and return what it promises."""
    topic = importlib.import_module(f"bench.topics.{name.replace('-', '_')}").TOPIC
    if not isinstance(topic, Topic) or topic.name != name:
        raise BenchError(f"bench/topics has no TOPIC named {name}")
    return topic


def find_figures(topic: Topic) -> Iterator[Figure]:
    """Measure the quick figures, then read the long ones."""
    for group in topic.quick:
        found = measure(group)
        yield from (Figure(bar, found.get(bar, Found(None))) for bar in group.bars)
    recorded = results.load(topic.name)
    current = results.hash_sources(topic.sources)
    for bar in (bar for group in topic.long for bar in group.bars):
        yield Figure(bar, read_long(bar, recorded, current))


def measure(group: Group) -> Findings:
    """Measure one group; a fault leaves its figures without a number."""
    with (
        tempfile.TemporaryDirectory(prefix="mcpgate-figures-") as name,
        contextlib.ExitStack() as stack,
    ):
        try:
            return group.measure(Rig(Path(name), stack))
        except BenchError as fault:
            return dict.fromkeys(group.bars, Found(None, shorten(str(fault), 200)))


def read_long(bar: Bar, recorded: results.Result | None, current: str) -> Found:
    """Find a long figure in the recorded result; an old one is no number."""
    if recorded is None or bar.name not in recorded.figures:
        return Found(None, "never recorded")
    origin = recorded.origin
    note = f"commit {origin.commit}, {origin.date}, {origin.command}"
    if origin.sources != current:
        return Found(None, f"sources changed since {note}")
    return Found(recorded.figures[bar.name], note)


def record(topic: Topic) -> None:
    """Measure the long figures and save them."""
    figures: dict[str, float] = {}
    for group in topic.long:
        for bar, found in measure(group).items():
            if found.measured is None:
                raise BenchError(f"{bar.name}: {found.missing or found.note}")
            figures[bar.name] = found.measured
    command = shlex.join(["python", "-m", "bench.figures", *sys.argv[1:]])
    origin = results.make_origin(command, topic.sources)
    results.save(topic.name, results.Result(origin=origin, figures=figures))


if __name__ == "__main__":
    sys.exit(main())
