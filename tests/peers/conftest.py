"""One running quickstart for all official clients."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import quickstart


@pytest.fixture(scope="session")
def gateway(
    tmp_path_factory: pytest.TempPathFactory,
    free_port: Callable[[], int],
    node: Path,
    npm_parts: Path,
) -> Iterator[str]:
    """Give the URL of a gateway in front of the quickstart's four servers."""
    folder = tmp_path_factory.mktemp("quickstart")
    with quickstart.running(folder, free_port) as running:
        yield running.url
