"""What every test may use: parts that must be there, and free ports."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.requirements import IDS

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a requirement id that nobody promised."""
    for item in items:
        for mark in item.iter_markers("requirement"):
            unknown = set(mark.args) - IDS
            if unknown:
                raise pytest.UsageError(f"{item.nodeid}: unknown requirement {sorted(unknown)}")


def need_part(path: Path, name: str) -> Path:
    """Return the part; where it is missing fail in CI and skip by name elsewhere."""
    if path.exists():
        return path
    text = f"{name} is missing: run `make .parts/.installed`"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


@pytest.fixture(scope="session")
def root() -> Path:
    """Name the top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def node() -> Path:
    """Find a Node of 22 or newer."""
    return need_part(ROOT / ".parts/bin/node", "Node")


@pytest.fixture(scope="session")
def npm_parts() -> Path:
    """Find the installed npm packages."""
    return need_part(ROOT / ".parts/npm/node_modules", "npm packages")


@pytest.fixture(scope="session")
def python_1() -> Path:
    """Find the interpreter that has the last 1.x of the Python SDK."""
    return need_part(ROOT / ".parts/python-1/bin/python", "the 1.x of the Python SDK")


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Find TCP ports on loopback that nobody listens on and that were not given out before."""
    given: set[int] = set()

    def find() -> int:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            if port not in given:
                given.add(port)
                return port

    return find
