"""What is written within a turn is sent at its end, in order."""

from collections.abc import Callable

import pytest

from mcpgate.links.outbox import Outbox


class Loop:
    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.due.append(callback)

    def turn(self) -> None:
        due, self.due = self.due, []
        for callback in due:
            callback()


class Transport:
    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closing = self.broken = False

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes) -> None:
        if self.broken:
            raise RuntimeError("after its end")
        self.sent.append(data)


@pytest.mark.requirement("R-PATH")
def test_a_turn_is_sent_once_and_in_order() -> None:
    loop, one, other = Loop(), Transport(), Transport()
    outbox = Outbox(loop)
    for number in range(3):
        outbox.put(one, b"%d" % number)
        outbox.put(other, b"x")
    assert (one.sent, len(loop.due)) == ([], 1)
    loop.turn()
    assert (one.sent, other.sent) == ([b"0", b"1", b"2"], [b"x"] * 3)
    outbox.put(one, b"next")
    loop.turn()
    assert one.sent[3:] == [b"next"]


@pytest.mark.requirement("R-PATH")
def test_flushing_early_sends_nothing_twice() -> None:
    loop, one = Loop(), Transport()
    outbox = Outbox(loop)
    outbox.put(one, b"first")
    outbox.flush()
    outbox.put(one, b"second")
    loop.turn()
    assert (one.sent, loop.due) == ([b"first", b"second"], [])


@pytest.mark.requirement("R-PATH")
def test_a_transport_that_closes_or_breaks_disturbs_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop, closed, broken, whole = Loop(), Transport(), Transport(), Transport()
    outbox = Outbox(loop)
    for transport in (closed, broken, whole):
        outbox.put(transport, b"x")
    closed.closing = broken.broken = True
    loop.turn()
    assert (closed.sent, broken.sent, whole.sent) == ([], [], [b"x"])
    assert "outbox.failed" in caplog.text
