"""The path of a message: inspect, forward, review, close, reply.

Strategy: no coroutine and no task. A forwarded message becomes an open exchange, which does the
rest in the callbacks that bring what the server sends.
Rules: the gate decides, this carries; every verdict's event is written before anything leaves.
Nothing that may have run is sent again.
"""

from collections.abc import Callable
from typing import Final, final

from mcpgate import gate as judge
from mcpgate.gate import BATCHED, Caller, Gate, Head, Verdict, is_array
from mcpgate.model import Links, Sink
from mcpgate.sessions.asks import Asks
from mcpgate.sessions.batch import BEGUN, Begun, begin_batch
from mcpgate.sessions.open_exchange import OpenExchange
from mcpgate.sessions.opened import OpenCalls
from mcpgate.sessions.parked import Parked
from mcpgate.sessions.watches import Watches

_FORWARD: Final = judge.FORWARD


@final
class Exchange:
    """Carry messages between callers and servers."""

    __slots__ = ("asks", "gate", "links", "now", "open", "parked", "record", "watches")

    def __init__(
        self,
        gate: Gate,
        links: Links,
        now: Callable[[], int],
        record: Callable[[], bool],
        watches: Watches,
    ) -> None:
        """Take the gate, who has the links, the clock, what writes due events, and the watches.

        `record` says False where a call must not go ahead because its event is not written.
        """
        self.gate = gate
        self.links = links
        self.now = now
        self.record = record
        self.open = OpenCalls()
        self.watches = watches
        self.asks = Asks()
        self.parked = Parked()

    def begin(
        self, raw: bytes, caller: Caller, head: Head | None, sink: Sink, ids: str = ""
    ) -> Begun | Verdict | None:
        """Carry one message, or a batch; return what is not over, or what opens a stream.

        `ids` names the space in which the client's request ids are looked up where that is not its
        session; a cancel there is returned too, for it may mean a stream.
        """
        if raw[:1] != b"{" and caller.revision == BATCHED and is_array(raw):
            return begin_batch(self, raw, caller, head, sink, ids)
        verdict = self.gate.inspect(raw, caller, head, self.now())
        if verdict.outcome == _FORWARD:
            opened = OpenExchange(self, verdict, caller, sink)
            opened.start(ids)
            return None if opened.over else opened
        self.record()
        if verdict.subscription:
            return verdict
        if verdict.cancels:
            self.open.cancel(ids or caller.session, verdict.cancels)
        if verdict.asking and not self._hear(verdict, caller):
            refused = self.gate.refuse("answer_unknown", caller.principal, self.now())
            self.record()
            if not ids:  # on one wire a reply to a reply would be taken for something else
                sink.send(refused.status, refused.body)
            return None
        sink.send(verdict.status, verdict.body, verdict.session)
        return verdict if ids and verdict.cancels else None

    def stop_all(self) -> None:
        """End every call, because the gateway ends; servers of parked ones are told."""
        self.open.stop_all()
        self.parked.end_all()

    def sweep(self) -> None:
        """Forget parked calls that nobody came back for; the wheel calls it."""
        self.parked.sweep(self.now())

    def end_session(self, session: str) -> None:
        """Let go of what a session watches and of the links that are its own."""
        self.watches.leave(session)
        self.links.leave(session)

    def _hear(self, verdict: Verdict, caller: Caller) -> bool:
        """Hand on what a client answers and watches; say False if nothing waits for an answer."""
        self.watches.apply(caller.session, verdict.watches)
        return all(self.asks.answer(caller.session, answer) for answer in verdict.answers)

    async def run(
        self, raw: bytes, caller: Caller, head: Head | None, sink: Sink, ids: str = ""
    ) -> Verdict | None:
        """Carry one message to its last reply; return the verdict of one that opens a stream."""
        begun = self.begin(raw, caller, head, sink, ids)
        if isinstance(begun, BEGUN):
            await begun
            return None
        return begun
