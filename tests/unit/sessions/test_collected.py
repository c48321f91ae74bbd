"""A reply in memory."""

import pytest

from mcpgate.sessions.collected import Collected


@pytest.mark.requirement("R-CONTROL")
def test_last_message_is_kept() -> None:
    sink = Collected()
    sink.watch(lambda: None)
    assert sink.write(b"12345")
    sink.send(200, b"{}", "s")
    sink.unwatch()
    sink.end()
    assert (sink.status, sink.body, sink.session, sink.size_bytes) == (200, b"{}", "s", 5)
