"""The path of a message: inspect, forward, review, close, reply.

Rules: the gate decides, this carries; every ticket is closed exactly once, whatever happened, and
the event of it is in the kernel before the last byte of the reply leaves. Nothing is retried.
"""

from collections.abc import Callable
from typing import Final, Protocol, final

from mcpgate import gate as judge
from mcpgate.errors import GatewayFault, LinkFault
from mcpgate.gate import Caller, Gate, Head, Ticket, Verdict
from mcpgate.model import Links
from mcpgate.sessions.opened import CANCELLED_BY_CLIENT, CUT, DRAINING, OpenCalls, Opened

_FORWARD: Final = judge.FORWARD
_ENDINGS: Final = {"deadline": judge.DEADLINE, "lost": judge.LOST}
_STOPS: Final = {
    CANCELLED_BY_CLIENT: judge.CANCELLED,
    CUT: judge.ABANDONED,
    DRAINING: judge.ABANDONED,
}


class Sink(Protocol):
    """Where the reply goes, whatever the transport."""

    def send(self, status: int, body: bytes, session: str = "") -> None:
        """Send the whole reply, or the last message of several."""
        ...

    def write(self, message: bytes) -> bool:
        """Send one of several messages; say False once the client takes no more."""
        ...

    def end(self) -> None:
        """End a reply that gets no last message."""
        ...

    def watch(self, gone: Callable[[], None]) -> None:
        """Call back once when the client leaves."""
        ...

    def unwatch(self) -> None:
        """Care no longer whether the client leaves."""
        ...


@final
class Exchange:
    """Carry messages between callers and servers."""

    __slots__ = ("_gate", "_links", "_now", "_record", "open")

    def __init__(
        self,
        gate: Gate,
        links: Links,
        now: Callable[[], int],
        record: Callable[[], bool],
    ) -> None:
        """Take the gate, who has the links, the clock and what writes due events.

        `record` says False where a call must not go ahead because its event is not written.
        """
        self._gate = gate
        self._links = links
        self._now = now
        self._record = record
        self.open = OpenCalls()

    async def run(
        self, raw: bytes, caller: Caller, head: Head | None, sink: Sink
    ) -> Verdict | None:
        """Carry one message to its last reply; return the verdict of one that opens a stream."""
        verdict = self._gate.inspect(raw, caller, head, self._now())
        if verdict.outcome == _FORWARD:
            ticket = verdict.ticket
            if ticket is None:
                raise GatewayFault("internal", "a forward verdict without a ticket")
            await self._forward(verdict, ticket, caller, sink)
            return None
        self._record()
        if verdict.subscription:
            return verdict
        if verdict.cancels:
            self.open.cancel(caller.session, verdict.cancels)
        sink.send(verdict.status, verdict.body, verdict.session)
        return None

    async def _forward(self, verdict: Verdict, ticket: Ticket, caller: Caller, sink: Sink) -> None:
        ending, last = judge.ABANDONED, None
        try:
            if not self._record():
                ending, last = self._fail(ticket, "overloaded")
            elif (link := self._links.find(ticket.server)) is None:
                ending, last = self._fail(ticket, "unavailable")
            else:
                call = link.call(verdict, ticket.upstream_id, ticket.deadline_ns)
                opened = Opened(call, ticket, self._gate)
                key = self.open.add(caller.session, opened)
                try:
                    ending, last = await self._carry(opened, caller, sink)
                finally:
                    self.open.remove(key)
                    call.close()
        finally:
            self._gate.close(ticket, ending, self._now())
            self._record()
        if last is None:
            sink.end()
        else:
            sink.send(last.status, last.body)

    async def _carry(
        self, opened: Opened, caller: Caller, sink: Sink
    ) -> tuple[int, Verdict | None]:
        """Bring what the server sends to the sink; return how it ended and the last message."""
        if caller.modern:  # for these, leaving is cancelling
            opened.call.slow = lambda: sink.watch(lambda: opened.stop(CANCELLED_BY_CLIENT))
        try:
            while True:
                verdict = self._gate.review(await opened.call.receive(), opened.ticket, self._now())
                if verdict.final:
                    refused = verdict.outcome == judge.REFUSE
                    return (judge.FAILED if refused else judge.DONE), verdict
                if verdict.body and not sink.write(verdict.body):
                    opened.stop(CUT)
        except LinkFault as fault:
            if opened.stopped == DRAINING:
                return _STOPS[DRAINING], self._fail(opened.ticket, DRAINING)[1]
            if opened.stopped:
                return _STOPS[opened.stopped], None
            if fault.reason == "deadline":
                opened.tell()
            return self._fail(opened.ticket, fault.reason)
        finally:
            if caller.modern:
                sink.unwatch()

    def _fail(self, ticket: Ticket, reason: str) -> tuple[int, Verdict]:
        ending = _ENDINGS.get(reason, judge.FAILED)
        return ending, self._gate.fail(ticket, reason, self._now())
