"""A connection is handed on only to a WebSocket that there is room for."""

import pytest

from mcpgate.listeners.asked import Asked
from mcpgate.listeners.rsgi import Scope
from tests.support.native_fakes import Bench, Script, ask


class Switching(Script):
    """A front whose every request may become a WebSocket, unless there are too many."""

    def weigh(self, scope: Scope) -> Asked:
        asked = super().weigh(scope)
        asked.switch = lambda: None
        return asked


@pytest.mark.requirement("R-LISTEN-WS")
async def test_one_websocket_too_many_is_refused() -> None:
    bench = Bench(Switching())
    bench.receive(ask("/now"))
    await bench.settle()
    assert bench.transport.sent.startswith(b"HTTP/1.1 503 ")
    assert bench.transport.ends == ["eof"]


@pytest.mark.requirement("R-LISTEN-WS")
async def test_http_1_0_is_never_switched() -> None:
    bench = Bench(Switching())
    bench.receive(ask("/now", version="1.0"))
    await bench.settle()
    assert bench.transport.sent.startswith(b"HTTP/1.1 200 OK")
