"""The suite as a server: its client scenarios, run against the gateway's links."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.suite import Difference, Report, run_client_scenario
from tests.support.suite_cells import LEGACY, MODERN
from tests.support.suite_expected import Outcome

# Those that a gateway can have a part in; auth/* is for when it logs in to servers.
SCENARIOS: Final = (
    (LEGACY, "initialize"),
    (LEGACY, "tools_call"),
    (LEGACY, "elicitation-sep1034-client-defaults"),
    (LEGACY, "sse-retry"),
    (LEGACY, "json-schema-2020-12-preservation"),
    (MODERN, "tools_call"),
    (MODERN, "request-metadata"),
    (MODERN, "http-standard-headers"),
    (MODERN, "http-custom-headers"),
    (MODERN, "http-invalid-tool-headers"),
    (MODERN, "sep-2322-client-request-state"),
    (MODERN, "json-schema-ref-no-deref"),
    (MODERN, "json-schema-2020-12-preservation"),
)
DRIVER: Final = f"{sys.executable} -m tests.support.suite_client"
GOOD: Final = ("SUCCESS", "SKIPPED")


def list_scenarios() -> Iterator[tuple[str, str, str]]:
    """List name, revision and scenario of all."""
    for revision, scenario in SCENARIOS:
        yield f"client/{revision}/{scenario}", revision, scenario


async def run_scenario(
    name: str, revision: str, scenario: str, folder: Path, turn: asyncio.Semaphore
) -> Outcome:
    """Run one scenario; whatever did not succeed is a difference."""
    place = folder / name
    place.mkdir(parents=True)
    async with turn:
        report = await run_client_scenario(scenario, revision, DRIVER, place / "results")
    (place / "suite.log").write_text(report.output)
    return Outcome(name, True, list(find_failures(scenario, report)))


def find_failures(scenario: str, report: Report) -> Iterator[Difference]:
    """Name each check that did not succeed; a scenario without any counts as one."""
    for (_, check), found in report.checks.items():
        for one in found:
            if one.status not in GOOD:
                yield Difference(scenario, check, ("SUCCESS",), (one.status,), one.text)
    if not report.checks or report.code:
        text = " ".join(report.output.split())[-500:]
        yield Difference(scenario, "exit", ("0",), (str(report.code),), text)
