"""What one open exchange has to ask its client, whatever the eras of client and server.

Strategy: made when a server asks for the first time. A legacy client is asked with a request on the
stream of its call; its answer goes to the waiting server, or the server is called again with it. A
modern client gets its reply at once and the call is parked until it comes back.
Rules: a server is called again so many times; while a client is asked, the deadline waits.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, final

from mcpgate.gate import Answer, Ask, Caller, Gate, Ticket, Verdict
from mcpgate.model import Call, Link
from mcpgate.sessions.asks import Asks
from mcpgate.sessions.parked import Parked, ParkedCall, build_answer

INPUT_NS: Final = 300_000_000_000
ROUNDS: Final = 10
OPEN_ASKS: Final = 64
GATHER_S: Final = 0.02
_CANCELLED: Final = b'{"action":"cancel"}'
_NO_ROOTS: Final = b'{"roots":[]}'
_BUSY: Final = b'{"code":-31007,"message":"Too many requests wait for this client."}'


class Means(Protocol):
    """What all bridges share."""

    gate: Gate
    now: Callable[[], int]
    asks: Asks
    parked: Parked


class Exchange(Protocol):
    """The open exchange that a server asks in."""

    link: Link
    call: Call | None
    ticket: Ticket
    caller: Caller

    @property
    def sent(self) -> bytes:
        """What the server was sent first."""
        ...

    def write(self, message: bytes) -> bool:
        """Send the client one message; say False if that ended the exchange."""
        ...

    def send_again(self, body: bytes) -> None:
        """Call the server once more."""
        ...

    def fail_for(self, reason: str) -> None:
        """End with a refusal."""
        ...

    def leave(self, last: Verdict) -> None:
        """End with a reply; the call goes on without this exchange."""
        ...


@final
class Bridge:
    """Ask one client."""

    __slots__ = ("_asks", "_exchange", "_given", "_late", "_means", "_rounds", "_state", "_wanted")

    def __init__(self, means: Means, exchange: Exchange) -> None:
        self._means = means
        self._exchange = exchange
        self._asks: dict[bytes, Ask] = {}
        self._given: dict[bytes, bytes] = {}
        self._wanted: dict[bytes, Ask] = {}
        self._state = b""
        self._rounds = 0
        self._late: asyncio.TimerHandle | None = None

    def take(self, verdict: Verdict) -> None:
        """Do what a reviewed message asks for."""
        exchange = self._exchange
        if verdict.back:
            exchange.link.tell(verdict.back)
        elif exchange.caller.modern:
            self._gather(verdict.asks)
        elif verdict.again:
            self._begin_round(verdict)
        else:
            for ask in verdict.asks:
                self._ask_within(ask)

    def answer(self, ask: Ask, answer: Answer) -> None:
        """Hand the client's answer on."""
        self._asks.pop(ask.id, None)
        if ask.server_id:
            self._exchange.link.tell(build_answer(ask, answer))
            return
        given = _soften(ask) if answer.is_error else answer.value
        if not given:
            self._exchange.fail_for("input_refused")
            return
        self._given[ask.key] = given
        if not self._asks:
            self._end_round()

    def end(self) -> None:
        """Wait for no answer any more."""
        if self._late is not None:
            self._late.cancel()
        for ask in self._asks.values():
            self._means.asks.discard(self._exchange.caller.session, ask)
        self._asks.clear()

    # A modern client of a legacy server.

    def _gather(self, asks: list[Ask]) -> None:
        """Park soon: what a server asks for at once is asked for at once."""
        self._wanted.update({ask.key: ask for ask in asks})
        if self._late is None:
            self._late = asyncio.get_running_loop().call_later(GATHER_S, self._park)

    def _park(self) -> None:
        means, exchange = self._means, self._exchange
        call = exchange.call
        if call is None:
            return
        if means.parked.full:
            exchange.fail_for("overloaded")
            return
        cancel = means.gate.cancel(exchange.ticket)
        parked = means.parked.make(call, exchange.link, cancel)
        parked.asks = self._wanted
        self.park_again(parked)

    def park_again(self, parked: ParkedCall) -> None:
        """Have the client look for what is still asked for."""
        means, exchange = self._means, self._exchange
        now = means.now()
        told = means.gate.park(exchange.ticket, parked.list_asks(), now)
        means.parked.put(told.handle, parked, now)
        exchange.leave(told)

    # A legacy client.

    def _ask_within(self, ask: Ask) -> None:
        """Ask in the middle of a call that the server works on."""
        exchange, means = self._exchange, self._means
        if len(self._asks) >= OPEN_ASKS:
            answer = b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (ask.server_id, _BUSY)
            exchange.link.tell(answer)
            return
        if exchange.call is not None:
            call = exchange.call
            call.deadline_ns = max(call.deadline_ns, means.now() + INPUT_NS)
        self._ask(ask)

    def _ask(self, ask: Ask) -> None:
        self._asks[ask.id] = ask
        self._means.asks.add(self._exchange.caller.session, ask, self)
        self._exchange.write(ask.body)

    def _begin_round(self, verdict: Verdict) -> None:
        """Ask for what the server wants to be called again with."""
        self._rounds += 1
        asks = verdict.asks
        if self._rounds > ROUNDS or len(asks) > OPEN_ASKS:
            self._exchange.fail_for("rounds")
            return
        self._state, self._given = verdict.state, {}
        if not asks:
            self._end_round()
            return
        late = self._exchange.fail_for
        loop = asyncio.get_running_loop()
        self._late = loop.call_later(INPUT_NS / 1e9, late, "deadline")
        for ask in asks:
            self._ask(ask)

    def _end_round(self) -> None:
        exchange = self._exchange
        if self._late is not None:
            self._late.cancel()
            self._late = None
        members = b",".join(b"%b:%b" % given for given in self._given.items())
        retry = self._means.gate.retry
        exchange.send_again(retry(exchange.sent, exchange.ticket, members, self._state))


def _soften(ask: Ask) -> bytes:
    """Return what an error of the client means as input; empty if nothing can stand for it."""
    if ask.elicits:
        return _CANCELLED
    return _NO_ROOTS if ask.lists_roots else b""
