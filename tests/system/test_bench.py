"""The bench itself, and the figures that hardly depend on the machine's load."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.calls import count_switches, count_system_calls, missing_tool
from bench.figure import Bar
from bench.generator import Scenario, burst, drive
from bench.processes import BenchError
from bench.subjects import (
    KINDS,
    Subject,
    build_load,
    constant_app,
    gateway,
    measuring_server,
    stats,
)
from bench.topics.main_job import SWITCHES, SYSTEM_CALLS

SHORT_LOAD = Scenario(name="short", calls=400, warmup=20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Subject]:
    build_load()
    with measuring_server(folder) as subject:
        yield subject


@pytest.fixture(scope="module", params=KINDS)
def subject(folder: Path, server: Subject, request: pytest.FixtureRequest) -> Iterator[Subject]:
    with gateway(folder, server, request.param) as started:
        yield started


@pytest.fixture(scope="module")
def native(folder: Path, server: Subject) -> Iterator[Subject]:
    with gateway(folder, server, "native") as started:
        yield started


@pytest.mark.requirement("R-BENCH")
@pytest.mark.parametrize(
    "scenario",
    [
        SHORT_LOAD,
        Scenario(name="legacy", calls=400, era="legacy"),
        Scenario(name="large", calls=200, bytes=65536),
        Scenario(name="events", calls=400, events=3),
        Scenario(name="open", calls=200, rate=500),
    ],
    ids=lambda scenario: scenario.name,
)
def test_every_reply_through_the_gateway_is_checked(
    subject: Subject, server: Subject, scenario: Scenario
) -> None:
    before = stats(server)["calls"]
    found = drive(subject, server, scenario)
    assert (found.calls, found.errors) == (scenario.calls, 0)
    assert stats(server)["calls"] - before == scenario.calls + scenario.warmup


@pytest.mark.requirement("R-BENCH")
def test_a_reply_that_does_not_fit_its_request_ends_the_load(folder: Path) -> None:
    with constant_app(folder) as subject, measuring_server(folder) as server:
        wrong = Subject("constant", subject.port, subject.tree)
        with pytest.raises(BenchError, match=r"nonce|reply to .*, not to"):
            drive(wrong, server, SHORT_LOAD)


@pytest.mark.requirement("R-SSE")
def test_a_streamed_reply_waits_for_no_acknowledgement(subject: Subject, server: Subject) -> None:
    """Small writes held back until the client's delayed acknowledgement cost 40 ms a reply."""
    found = drive(subject, server, Scenario(name="events", clients=1, calls=200, events=3))
    assert found.per_second > 250


@pytest.mark.requirement("R-LEAK")
def test_connects_and_disconnects_of_every_kind_leave_the_gateway_well(
    subject: Subject, server: Subject
) -> None:
    burst(subject, 200)
    assert drive(subject, server, SHORT_LOAD).errors == 0


@pytest.mark.requirement("R-FIGURES")
def test_a_call_switches_context_as_seldom_as_promised(native: Subject, server: Subject) -> None:
    assert holds(SWITCHES, count_switches(native, server))


@pytest.mark.requirement("R-FIGURES")
def test_a_call_needs_no_more_system_calls_than_promised(
    native: Subject, server: Subject, folder: Path
) -> None:
    if missing := missing_tool():
        end = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        end(f"R-FIGURES: {missing}")
    assert holds(SYSTEM_CALLS, count_system_calls(native, server, folder)["total"])


def holds(bar: Bar, measured: float) -> bool:
    print(f"{bar.name}: {measured:.1f} {bar.unit}, at most {bar.at_most}")
    return measured <= bar.at_most
