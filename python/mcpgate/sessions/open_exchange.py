"""One exchange that a server works on: from its ticket to the last byte of its reply.

Strategy: it is the taker of its call, so what the server sends is reviewed and sent on within the
callback that brings it; whoever must wait for the end is called back, or awaits.
Rules: a ticket is closed exactly once, whatever happened, and the event of that is in the kernel
before the last byte of the reply leaves. Whoever awaits and is cancelled takes the message back.
"""

import asyncio
import logging
from collections.abc import Callable, Generator
from typing import Final, Protocol, final

from mcpgate import gate as judge
from mcpgate.errors import GatewayFault, LinkFault
from mcpgate.gate import Caller, Gate, Verdict
from mcpgate.model import Call, Links, Sink
from mcpgate.sessions.opened import CANCELLED_BY_CLIENT, CUT, DRAINING, OpenCalls

_REFUSE: Final = judge.REFUSE
_ENDINGS: Final = {"deadline": judge.DEADLINE, "lost": judge.LOST, DRAINING: judge.ABANDONED}
_STOPS: Final = {CANCELLED_BY_CLIENT: judge.CANCELLED, CUT: judge.ABANDONED}
_log = logging.getLogger("mcpgate.exchange")


class Means(Protocol):
    """What all open exchanges share: their exchange."""

    gate: Gate
    links: Links
    now: Callable[[], int]
    record: Callable[[], bool]
    open: OpenCalls


@final
class OpenExchange:
    """One open exchange; `over` once its ticket is closed."""

    __slots__ = ("_call", "_key", "_means", "_sink", "_then", "_watched", "over", "ticket")

    def __init__(self, means: Means, verdict: Verdict, sink: Sink) -> None:
        ticket = verdict.ticket
        if ticket is None:
            raise GatewayFault("internal", "a forward verdict without a ticket")
        self.ticket = ticket
        self.over = self._watched = False
        self._means = means
        self._sink = sink
        self._call: Call | None = None
        self._key: tuple[str, bytes] | int = 0
        self._then: Callable[[], None] | None = None

    def start(self, verdict: Verdict, caller: Caller, ids: str = "") -> None:
        """Send the message to its server; it may be over at once."""
        means, ticket = self._means, self.ticket
        try:
            if not means.record():
                self._fail("overloaded")
            elif (link := means.links.find(ticket.server)) is None:
                self._fail("unavailable")
            else:
                call = self._call = link.call(verdict, ticket.upstream_id, ticket.deadline_ns)
                self._key = means.open.add(ids or caller.session, self)
                if caller.modern:  # for these, leaving is cancelling
                    call.slow = self._watch
                call.attach(self)
        except BaseException:
            if not self.over:
                self._close(judge.ABANDONED)
            raise

    def then(self, callback: Callable[[], None]) -> None:
        """Call back once it is over."""
        self._then = callback

    def __await__(self) -> Generator[object, None, None]:
        if self.over:
            return
        done = asyncio.get_running_loop().create_future()
        self._then = lambda: None if done.done() else done.set_result(None)
        try:
            yield from done
        finally:
            self.cancel()

    def take(self, message: bytes) -> None:
        """Review what the server sent and send it on."""
        means = self._means
        try:
            verdict = means.gate.review(message, self.ticket, means.now())
            if verdict.final:
                refused = verdict.outcome == _REFUSE
                self._end(judge.FAILED if refused else judge.DONE, verdict)
            elif verdict.body and not self._sink.write(verdict.body):
                self.stop(CUT)
        except Exception:  # noqa: BLE001 - a task root: who brings messages serves others too
            _log.exception("exchange.failed")
            self._fail("internal")

    def fail(self, fault: LinkFault) -> None:
        """End, because nothing more will come."""
        if fault.reason == "deadline":
            self._tell()
        self._fail(fault.reason)

    def stop(self, why: str) -> None:
        """Tell the server that nobody waits, and end."""
        self._tell()
        if why == DRAINING:
            self._fail(why)
        else:
            self._end(_STOPS[why], None)

    def cancel(self) -> None:
        """Stop, because the client cannot be answered any more; nothing once it is over."""
        if not self.over:
            self.stop(CUT)

    def _watch(self) -> None:
        self._watched = True
        self._sink.watch(lambda: self.stop(CANCELLED_BY_CLIENT))

    def _tell(self) -> None:
        if self._call is not None and not self.over:
            self._call.cancel(self._means.gate.cancel(self.ticket))

    def _fail(self, reason: str) -> None:
        ending = _ENDINGS.get(reason, judge.FAILED)
        self._end(ending, self._means.gate.fail(self.ticket, reason, self._means.now()))

    def _end(self, ending: int, last: Verdict | None) -> None:
        if self.over:
            return
        try:
            self._close(ending)
            if last is None:
                self._sink.end()
            else:
                self._sink.send(last.status, last.body)
        finally:
            if self._then is not None:
                self._then()

    def _close(self, ending: int) -> None:
        self.over = True
        means = self._means
        try:
            if self._watched:
                self._sink.unwatch()
            if self._call is not None:
                means.open.remove(self._key)
                self._call.close()
        finally:
            means.gate.close(self.ticket, ending, means.now())
            means.record()
