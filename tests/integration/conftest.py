"""Integration tests run on the loop that the gateway runs on."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop

from tests.support.gateways import KIND


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Make uvloop's loops."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(params=["granian", "native"])
def either_listener(request: pytest.FixtureRequest) -> Iterator[str]:
    """Let gateways of this test have each kind of listener in turn."""
    KIND.name = request.param
    yield KIND.name
    KIND.name = "granian"
