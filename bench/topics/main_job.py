"""The figures of the main job: what one call costs, in the core and through the whole gateway."""

import contextlib
import random
import statistics
import time
from dataclasses import replace
from typing import Final

from bench import core
from bench.calls import count_switches, count_system_calls, missing_tool
from bench.figure import Bar, Findings, Found, Group, Rig, Topic
from bench.generator import Sample, Scenario, burst, drive
from bench.micro.timing import call_ns
from bench.processes import BenchError, Tree
from bench.subjects import (
    KINDS,
    Subject,
    build_load,
    constant_app,
    find_nginx,
    gateway,
    measuring_server,
    nginx,
    stats,
)

CORE: Final = Bar("core: inspect, review and close of a 200 B call", 3, "us")
CROSSING: Final = Bar("Python crossings of the same call, on top", 1, "us")
FLOOR: Final = Bar("CPU of a call against the constant application, native listener", 2.2, "times")
NGINX: Final = Bar("CPU of a call against nginx, native listener", 4.5, "times")
SYSTEM_CALLS: Final = Bar("system calls at 500/s, native listener", 32, "per call")
SWITCHES: Final = Bar("context switches at 500/s, native listener", 16, "per call")
LIST: Final = Bar("tools/list of 1,000 tools, median to the last byte", 2, "ms")
LIST_CALLS: Final = Bar("requests to the server during these lists", 0, "in all")
GROWTH: Final = Bar("RSS after 20,000 calls, 1,000 connects; over 2,000", 5, "MB")
DESCRIPTORS: Final = Bar("descriptors left by them", 0, "in all")

ROUNDS: Final = 5
HOT: Final = Scenario(name="8 clients", seconds=1)
LISTS: Final = Scenario(
    name="lists", method="tools/list", clients=1, rate=100, seconds=2, tools=1000, warmup=20
)
SETTLE_S: Final = 5.0


def measure_core(_rig: Rig) -> Findings:
    """Time the call in Rust alone and through Python; the rest is the crossings'."""
    through, alone = call_ns() / 1e3, core.call_ns() / 1e3
    return {
        CORE: Found(alone),
        CROSSING: Found(through - alone, f"{through:.2f} us through Python"),
    }


def measure_cpu(rig: Rig) -> Findings:
    """Let the subjects take turns; compare within each round."""
    server = rig.stack.enter_context(measuring_server(rig.folder))
    subjects = [rig.stack.enter_context(gateway(rig.folder, server, kind)) for kind in KINDS]
    subjects.append(rig.stack.enter_context(constant_app(rig.folder)))
    if find_nginx() is not None:
        subjects.append(rig.stack.enter_context(nginx(rig.folder, server)))
    rounds: dict[str, list[Sample]] = {}
    for _ in range(ROUNDS):
        for subject in random.sample(subjects, len(subjects)):
            rounds.setdefault(subject.name, []).append(drive(subject, server, HOT))
    return {FLOOR: against(rounds, "constant"), NGINX: against(rounds, "nginx")}


def against(rounds: dict[str, list[Sample]], other: str) -> Found:
    """Return the median ratio of CPU time per call, with the medians beside it."""
    if other not in rounds:
        return Found(None, missing=f"{other} is not installed")
    costs = {name: statistics.median(one.cpu_us for one in rounds[name]) for name in rounds}
    ratios = {
        kind: statistics.median(
            ours.cpu_us / theirs.cpu_us
            for ours, theirs in zip(rounds[kind], rounds[other], strict=True)
        )
        for kind in KINDS
    }
    note = f"{costs['native']:.1f} us against {costs[other]:.1f} us"
    slower = f"granian listener {ratios['granian']:.2f} times, {costs['granian']:.1f} us"
    return Found(ratios["native"], f"{note}; {slower}")


def measure_kernel(rig: Rig) -> Findings:
    """Count what one call makes the kernel do, at a load that leaves the machine idle."""
    server = rig.stack.enter_context(measuring_server(rig.folder))
    switches: dict[str, float] = {}
    calls: dict[str, float] = {}
    for kind in KINDS:
        subject = rig.stack.enter_context(gateway(rig.folder, server, kind))
        switches[kind] = count_switches(subject, server)
        if not missing_tool():
            calls[kind] = count_system_calls(subject, server, rig.folder)["total"]
    seen = Found(None, missing=missing_tool())
    if calls:
        seen = Found(calls["native"], f"granian listener {calls['granian']:.1f}")
    told = f"granian listener {switches['granian']:.1f}"
    return {SYSTEM_CALLS: seen, SWITCHES: Found(switches["native"], told)}


def measure_lists(rig: Rig) -> Findings:
    """Ask for a long list and look whether the server hears of it."""
    server = rig.stack.enter_context(measuring_server(rig.folder, tools=LISTS.tools))
    subject = rig.stack.enter_context(gateway(rig.folder, server, tools=LISTS.tools))
    before = stats(server)["requests"]
    found = drive(subject, server, LISTS)
    asked = stats(server)["requests"] - before
    return {
        LIST: Found(found.p50_us / 1e3, f"p99 {found.p99_us / 1e3:.2f} ms"),
        LIST_CALLS: Found(asked),
    }


def measure_leak(rig: Rig) -> Findings:
    """Call and connect many times; compare with the state after the first calls."""
    server = rig.stack.enter_context(measuring_server(rig.folder))
    subject = rig.stack.enter_context(gateway(rig.folder, server))
    drive(subject, server, replace(HOT, calls=1_700))
    settle(subject)
    memory, descriptors = subject.tree.rss_bytes(), subject.tree.descriptors()
    drive(subject, server, replace(HOT, calls=17_700))
    burst(subject, 1_000)
    left = wait_for_descriptors(subject.tree, descriptors)
    grown = (subject.tree.rss_bytes() - memory) / 1e6
    return {
        GROWTH: Found(grown, f"{memory / 1e6:.1f} MB after 2,000 calls"),
        DESCRIPTORS: Found(max(0, left - descriptors), f"{descriptors} before"),
    }


def settle(subject: Subject) -> None:
    """Return when the clients of the last load are gone from the descriptors."""
    last = -1
    for _ in range(10):
        time.sleep(0.1)
        count = subject.tree.descriptors()
        if count == last:
            return
        last = count


def wait_for_descriptors(tree: Tree, wanted: int) -> int:
    """Return the count once it is back, or what it is after some seconds."""
    end = time.monotonic() + SETTLE_S
    while (count := tree.descriptors()) > wanted and time.monotonic() < end:
        time.sleep(0.05)
    return count


def prepare() -> None:
    """Build generator and criterion bench; a core that does not build shows in its figure."""
    build_load()
    with contextlib.suppress(BenchError):
        core.build_bench()


TOPIC: Final = Topic(
    name="main-job",
    sources=("python/mcpgate/**/*.py", "rust/**/*.rs", "rust/Cargo.toml"),
    quick=(
        Group((CORE, CROSSING), measure_core),
        Group((FLOOR, NGINX), measure_cpu),
        Group((SYSTEM_CALLS, SWITCHES), measure_kernel),
        Group((LIST, LIST_CALLS), measure_lists),
        Group((GROWTH, DESCRIPTORS), measure_leak),
    ),
    prepare=prepare,
)
