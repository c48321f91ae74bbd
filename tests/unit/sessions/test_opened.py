"""Open calls are found by their own clients only, and stopped once."""

import pytest

from mcpgate.gate import Ticket
from mcpgate.sessions.opened import CANCELLED_BY_CLIENT, DRAINING, OpenCalls
from tests.support.exchanges import ManualClock, encode_call, make_gate, open_session


class Stopped:
    """A call that notes why it was stopped."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.why: list[str] = []

    def stop(self, why: str) -> None:
        self.why.append(why)


class Calls:
    """Open calls of one session."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.gate = make_gate(self.clock)
        self.caller = open_session(self.gate, self.clock)
        self.open = OpenCalls()

    def add(self, request_id: object) -> tuple[Stopped, tuple[str, bytes] | int]:
        raw = encode_call("every__echo", request_id)
        ticket = self.gate.inspect(raw, self.caller, None, self.clock.now()).ticket
        assert ticket is not None
        opened = Stopped(ticket)
        return opened, self.open.add(self.caller.session, opened)


@pytest.mark.requirement("R-CANCEL")
def test_ids_are_compared_as_they_were_sent() -> None:
    calls = Calls()
    opened, _ = calls.add(1)
    session = calls.caller.session
    assert not calls.open.cancel(session, b'"1"')
    assert not calls.open.cancel("", b"1")
    assert not calls.open.cancel("0" * 32, b"1")
    assert calls.open.cancel(session, b"1")
    assert opened.why == [CANCELLED_BY_CLIENT]


@pytest.mark.requirement("R-CANCEL")
def test_repeated_id_takes_nothing_from_the_first() -> None:
    calls = Calls()
    first, second = calls.add("a"), calls.add("a")
    assert calls.open.cancel(calls.caller.session, b'"a"')
    assert (first[0].why, second[0].why) == ([CANCELLED_BY_CLIENT], [])
    calls.open.remove(second[1])
    calls.open.remove(first[1])
    assert len(calls.open) == 0


@pytest.mark.requirement("R-RUN")
def test_stop_all_stops_everything() -> None:
    calls = Calls()
    added = [calls.add(number) for number in range(3)]
    calls.open.stop_all()
    assert [opened.why for opened, _ in added] == [[DRAINING]] * 3
