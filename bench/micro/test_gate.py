"""Inspect, review, close and drain; each asserts the verdict that it measures."""

import time

import pytest

from bench.micro.fixture import Benchmark
from bench.micro.stage import MODERN, Stage, read_input
from mcpgate.gate import ANSWER, DONE, FORWARD, REFUSE, Ticket

ROUNDS = 2000
Setup = tuple[tuple[object, ...], dict[str, object]]


def test_crossing(benchmark: Benchmark, stage: Stage) -> None:
    """The least that a crossing with a result costs."""
    assert benchmark(stage.gate.issue_id) > 0


@pytest.mark.parametrize("size", ["200", "4k", "64k"])
def test_inspect_forwards(benchmark: Benchmark, stage: Stage, size: str) -> None:
    raw, now = read_input(f"call-{size}"), time.monotonic_ns()

    def setup() -> Setup:
        stage.gate.drain()
        return (raw, stage.legacy, None, now), {}

    verdict = benchmark.pedantic(stage.gate.inspect, setup=setup, rounds=ROUNDS)
    assert verdict.outcome == FORWARD
    assert verdict.ticket is not None
    assert b'"name":"echo7"' in verdict.body


def test_inspect_forwards_modern(benchmark: Benchmark, stage: Stage) -> None:
    raw, now = read_input("modern-400"), time.monotonic_ns()

    def setup() -> Setup:
        stage.gate.drain()
        return (raw, stage.modern, MODERN, now), {}

    verdict = benchmark.pedantic(stage.gate.inspect, setup=setup, rounds=ROUNDS)
    assert verdict.outcome == FORWARD
    assert b"clientCapabilities" not in verdict.body


@pytest.mark.parametrize(
    ("name", "outcome"), [("list", ANSWER), ("unknown-200", REFUSE)], ids=["answers", "refuses"]
)
def test_inspect_ends(benchmark: Benchmark, stage: Stage, name: str, outcome: int) -> None:
    raw, now = read_input(name), time.monotonic_ns()

    def setup() -> Setup:
        stage.gate.drain()
        return (raw, stage.legacy, None, now), {}

    verdict = benchmark.pedantic(stage.gate.inspect, setup=setup, rounds=ROUNDS)
    assert verdict.outcome == outcome
    assert verdict.body


@pytest.mark.parametrize("size", ["200", "4k", "64k"])
def test_review_delivers(benchmark: Benchmark, stage: Stage, size: str) -> None:
    raw, now = read_input("call-200"), time.monotonic_ns()
    last: list[Ticket] = []

    def setup() -> Setup:
        for ticket in last:
            stage.finish(ticket)
        last[:] = [stage.forward(raw)]
        return (stage.reply(f"reply-{size}", last[0]), last[0], now), {}

    verdict = benchmark.pedantic(stage.gate.review, setup=setup, rounds=ROUNDS)
    assert verdict.outcome == ANSWER
    assert verdict.final
    assert b'"id":7' in verdict.body


def test_close(benchmark: Benchmark, stage: Stage) -> None:
    raw, now = read_input("call-200"), time.monotonic_ns()

    def setup() -> Setup:
        stage.gate.drain()
        return (stage.forward(raw), DONE, now), {}

    assert benchmark.pedantic(stage.gate.close, setup=setup, rounds=ROUNDS)


def test_drain_of_two_events(benchmark: Benchmark, stage: Stage) -> None:
    raw, now = read_input("call-200"), time.monotonic_ns()

    def setup() -> Setup:
        stage.gate.drain()
        stage.gate.close(stage.forward(raw), DONE, now)
        return (), {}

    assert benchmark.pedantic(stage.gate.drain, setup=setup, rounds=ROUNDS).count(b"\n") == 2
