"""Security tests that open sockets run on the loop and the listeners that the gateway runs on."""

from tests.integration.conftest import either_listener, pytest_asyncio_loop_factories

__all__ = ["either_listener", "pytest_asyncio_loop_factories"]
