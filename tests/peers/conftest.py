"""One running quickstart for all official clients."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import quickstart


@pytest.fixture(scope="session")
def served(
    tmp_path_factory: pytest.TempPathFactory,
    free_port: Callable[[], int],
    node: Path,
    npm_parts: Path,
) -> Iterator[quickstart.Quickstart]:
    """Run a gateway in front of the quickstart's four servers."""
    folder = tmp_path_factory.mktemp("quickstart")
    with quickstart.running(folder, free_port) as running:
        yield running


@pytest.fixture(scope="session")
def gateway(served: quickstart.Quickstart) -> str:
    """Give the gateway's URL."""
    return served.url


@pytest.fixture(scope="session")
def command(served: quickstart.Quickstart) -> list[str]:
    """Give the command by which a client reaches the gateway through stdin and stdout."""
    return [sys.executable, "-m", "mcpgate", "stdio", "-c", str(served.config)]


@pytest.fixture(scope="session")
def command_env() -> dict[str, str]:
    """Give what that command needs besides the few variables that clients hand on."""
    return {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
