"""One exchange that a server works on: from its ticket to the last byte of its reply.

Strategy: it is the taker of its call, so what the server sends is reviewed and sent on within the
callback that brings it; whoever must wait for the end is called back, or awaits. What the server
asks its client is for the bridge.
Rules: a ticket is closed exactly once, whatever happened, and the event of that is in the kernel
before the last byte of the reply leaves. Whoever awaits and is cancelled takes the message back;
whoever waits for the sake of a connection waits no longer once a session's client has left it. A
call that surely was not run is sent once more, on the link that replaces the lost one.
"""

import logging
from collections.abc import Callable, Generator
from typing import Final, Protocol, final

from mcpgate import gate as judge
from mcpgate.errors import GatewayFault, LinkFault
from mcpgate.gate import Caller, Gate, Verdict
from mcpgate.model import Call, Forward, Link, Links, Sink
from mcpgate.sessions.asks import Asks
from mcpgate.sessions.bridge import Bridge
from mcpgate.sessions.opened import (
    CANCELLED_BY_CLIENT,
    CUT,
    DRAINING,
    OpenCalls,
    wait_over,
)
from mcpgate.sessions.parked import Parked

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
    asks: Asks
    parked: Parked


@final
class OpenExchange:
    """One open exchange; `over` once its ticket is closed."""

    __slots__ = (
        "_bridge",
        "_healed",
        "_key",
        "_means",
        "_message",
        "_sink",
        "_then",
        "_verdict",
        "_watched",
        "call",
        "caller",
        "link",
        "over",
        "ticket",
    )
    link: Link

    def __init__(self, means: Means, verdict: Verdict, caller: Caller, sink: Sink) -> None:
        ticket = verdict.ticket
        if ticket is None:
            raise GatewayFault("internal", "a forward verdict without a ticket")
        self.ticket = ticket
        self.caller = caller
        self.over = self._watched = self._healed = False
        self.call: Call | None = None
        self._means = means
        self._verdict = verdict
        self._message: Forward = verdict
        self._sink = sink
        self._key: tuple[str, bytes] | int | None = None
        self._then: Callable[[], None] | None = None
        self._bridge: Bridge | None = None

    @property
    def sent(self) -> bytes:
        """What the server was sent first."""
        return self._verdict.body

    def start(self, ids: str = "") -> None:
        """Send the message to its server; it may be over at once."""
        means, ticket, verdict = self._means, self.ticket, self._verdict
        try:
            if not means.record():
                self._fail("overloaded")
            elif verdict.asking:
                self._resume(verdict, ids)
            else:
                link = means.links.find(ticket.server, ticket.capabilities, ticket.owner)
                if link is None:
                    self._fail("unavailable")
                    return
                self._key = means.open.add(ids or self.caller.session, self)
                granting = link.set_level(ticket.level) if ticket.level >= 0 else None
                if granting is None:
                    self._send(link, ticket.deadline_ns)
                else:
                    self.link = link
                    granting.add_done_callback(lambda _: self._resend(link))
        except BaseException:
            if not self.over:
                self._close(judge.ABANDONED)
            raise

    def then(self, callback: Callable[[], None]) -> None:
        """Call back once it is over, or needs its connection no more."""
        self._then = callback

    def __await__(self) -> Generator[object, None, None]:
        return wait_over(self)

    def take(self, message: bytes) -> None:
        """Review what the server sent and send it on."""
        means = self._means
        try:
            verdict = means.gate.review(message, self.ticket, means.now())
            if verdict.final:
                refused = verdict.outcome == _REFUSE
                self._end(judge.FAILED if refused else judge.DONE, verdict)
            elif verdict.body:
                self.write(verdict.body)
            elif verdict.asking:
                self._ask().take(verdict)
        except Exception:  # noqa: BLE001 - a task root: who brings messages serves others too
            _log.exception("exchange.failed")
            self._fail("internal")

    def rest(self) -> None:
        """Let the client's stream rest as the server's does."""
        self._sink.rest()

    def fail(self, fault: LinkFault) -> None:
        """End, because nothing more will come, or try once more what was surely not run."""
        if fault.reason == "unavailable" and not self._healed:
            self._heal()
            return
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

    # What the bridge asks for.

    def write(self, message: bytes) -> bool:
        """Send the client one message; say False if that ended the exchange."""
        if self._sink.write(message):
            return True
        self.stop(CUT)
        return False

    def send_again(self, body: bytes) -> None:
        """Call the server once more, in the place of the call that is over."""
        if self.over:
            return
        if not body:
            self._fail("internal")
            return
        if self.call is not None:
            self.call.close()
            self.call = None
        self._message = _Again(body, self._verdict.head)
        self._healed = False
        self._send(self.link, self._means.now() + self.ticket.within_ns)

    def fail_for(self, reason: str) -> None:
        """End with a refusal, and tell the server that nobody waits."""
        self._tell()
        self._fail(reason)

    def leave(self, last: Verdict) -> None:
        """End with a reply; the call goes on without this exchange."""
        if self.call is not None:
            self.call.slow = None
            self.call = None
        self._end(judge.DONE, last)

    def _ask(self) -> Bridge:
        bridge = self._bridge
        if bridge is None:
            bridge = self._bridge = Bridge(self._means, self)
        return bridge

    def _resume(self, verdict: Verdict, ids: str) -> None:
        """Take over a call that waited for the input which this message brings."""
        means = self._means
        parked = means.parked.take(verdict.handle)
        if parked is None:
            self._fail("input_late")
            return
        self.link, self.call, self._healed = parked.link, parked.call, True
        self._key = means.open.add(ids or self.caller.session, self)
        parked.answer(verdict.answers)
        if parked.asks:
            self._ask().park_again(parked)
            return
        parked.call.deadline_ns = self.ticket.deadline_ns
        self._attach(parked.call)
        for message in parked.kept:
            if not self.over:
                self.take(message)

    def _send(self, link: Link, deadline_ns: int) -> None:
        self.link = link
        self._attach(link.call(self._message, self.ticket.upstream_id, deadline_ns))

    def _heal(self) -> None:
        """Wait for the link that replaces the lost one."""
        ticket, call = self.ticket, self.call
        self._healed, self.call = True, None
        if call is not None:
            call.close()
        means, owner = self._means, ticket.owner
        means.links.heal(ticket.server, ticket.capabilities, owner, self.link, self._resend)

    def _resend(self, link: Link | None) -> None:
        """Send the same bytes on another link; a second fault is final."""
        if self.over:
            return
        if link is None:
            self._fail("unavailable")
            return
        try:
            self._send(link, self.ticket.deadline_ns)
        except Exception:  # noqa: BLE001 - a task root: who tells of a lost link serves others too
            _log.exception("exchange.failed")
            self._fail("internal")

    def _attach(self, call: Call) -> None:
        self.call = call
        call.slow = self._watch if self.caller.modern else self._watch_session
        call.attach(self)
        if not self.over:
            self._sink.start()

    def _watch(self) -> None:
        """Take leaving for cancelling, as clients without a session mean it."""
        if not self._watched:
            self._watched = True
            self._sink.watch(lambda: self.stop(CANCELLED_BY_CLIENT))

    def _watch_session(self) -> None:
        """Go on without the connection if the client of a session leaves."""
        if not self._watched:
            self._watched = True
            self._sink.watch(self._release)

    def _release(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then()

    def _tell(self) -> None:
        if self.call is not None and not self.over:
            self.call.cancel(self._means.gate.cancel(self.ticket))

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
            self._release()

    def _close(self, ending: int) -> None:
        self.over = True
        means = self._means
        try:
            if self._watched:
                self._sink.unwatch()
            if self._bridge is not None:
                self._bridge.end()
            if self._key is not None:
                means.open.remove(self._key)
            if self.call is not None:
                self.call.close()
        finally:
            means.gate.close(self.ticket, ending, means.now())
            means.record()


@final
class _Again:
    """A message that is sent once more."""

    __slots__ = ("body", "head")

    def __init__(self, body: bytes, head: bytes) -> None:
        self.body = body
        self.head = head
