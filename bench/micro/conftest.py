"""One gate for all micro benches."""

import pytest

from bench.micro.stage import Stage


@pytest.fixture(scope="session")
def stage() -> Stage:
    return Stage()
