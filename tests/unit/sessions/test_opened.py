"""Open calls are found by their own clients only, and stopped once."""

import pytest

from mcpgate.errors import LinkFault
from mcpgate.gate import Verdict
from mcpgate.sessions.opened import DRAINING, OpenCalls, Opened
from tests.support.exchanges import (
    ManualClock,
    ScriptedCall,
    encode_call,
    make_gate,
    open_session,
)


class Calls:
    """Open calls of one session."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.gate = make_gate(self.clock)
        self.caller = open_session(self.gate, self.clock)
        self.open = OpenCalls()

    def add(self, request_id: object) -> tuple[Opened, ScriptedCall, tuple[str, bytes] | int]:
        verdict: Verdict = self.gate.inspect(
            encode_call("every__echo", request_id), self.caller, None, self.clock.now()
        )
        ticket = verdict.ticket
        assert ticket is not None
        call = ScriptedCall(verdict, ticket.upstream_id, ticket.deadline_ns)
        opened = Opened(call, ticket, self.gate)
        return opened, call, self.open.add(self.caller.session, opened)


@pytest.mark.requirement("R-CANCEL")
async def test_stop_tells_the_server_once_and_wakes_the_waiter() -> None:
    opened, call, _ = Calls().add(1)
    opened.stop("cancelled")
    opened.stop("draining")
    assert (opened.stopped, len(call.cancelled)) == ("cancelled", 1)
    with pytest.raises(LinkFault):
        await call.receive()


@pytest.mark.requirement("R-CANCEL")
def test_ids_are_compared_as_they_were_sent() -> None:
    calls = Calls()
    _, call, _ = calls.add(1)
    session = calls.caller.session
    assert not calls.open.cancel(session, b'"1"')
    assert not calls.open.cancel("", b"1")
    assert not calls.open.cancel("0" * 32, b"1")
    assert calls.open.cancel(session, b"1")
    assert len(call.cancelled) == 1


@pytest.mark.requirement("R-CANCEL")
def test_repeated_id_takes_nothing_from_the_first() -> None:
    calls = Calls()
    first, second = calls.add("a"), calls.add("a")
    assert calls.open.cancel(calls.caller.session, b'"a"')
    assert (len(first[1].cancelled), len(second[1].cancelled)) == (1, 0)
    calls.open.remove(second[2])
    calls.open.remove(first[2])
    assert len(calls.open) == 0


@pytest.mark.requirement("R-RUN")
def test_stop_all_stops_everything() -> None:
    calls = Calls()
    added = [calls.add(number) for number in range(3)]
    calls.open.stop_all()
    assert [opened.stopped for opened, _, _ in added] == [DRAINING] * 3
