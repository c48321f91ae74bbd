"""The path of a message: inspect, forward, review, close, reply.

Strategy: no coroutine and no task. A forwarded message becomes an open exchange, which does the
rest in the callbacks that bring what the server sends.
Rules: the gate decides, this carries; every verdict's event is written before anything leaves.
Nothing is retried.
"""

from collections.abc import Callable
from typing import Final, final

from mcpgate import gate as judge
from mcpgate.gate import Caller, Gate, Head, Verdict
from mcpgate.model import Links, Sink
from mcpgate.sessions.open_exchange import OpenExchange
from mcpgate.sessions.opened import OpenCalls

_FORWARD: Final = judge.FORWARD


@final
class Exchange:
    """Carry messages between callers and servers."""

    __slots__ = ("gate", "links", "now", "open", "record")

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
        self.gate = gate
        self.links = links
        self.now = now
        self.record = record
        self.open = OpenCalls()

    def begin(
        self, raw: bytes, caller: Caller, head: Head | None, sink: Sink, ids: str = ""
    ) -> "OpenExchange | Verdict | None":
        """Carry one message; return what is not over yet, or the verdict that opens a stream.

        `ids` names the space in which the client's request ids are looked up where that is not its
        session; a cancel there is returned too, for it may mean a stream.
        """
        verdict = self.gate.inspect(raw, caller, head, self.now())
        if verdict.outcome == _FORWARD:
            opened = OpenExchange(self, verdict, sink)
            opened.start(verdict, caller, ids)
            return None if opened.over else opened
        self.record()
        if verdict.subscription:
            return verdict
        if verdict.cancels:
            self.open.cancel(ids or caller.session, verdict.cancels)
        sink.send(verdict.status, verdict.body, verdict.session)
        return verdict if ids and verdict.cancels else None

    async def run(
        self, raw: bytes, caller: Caller, head: Head | None, sink: Sink, ids: str = ""
    ) -> Verdict | None:
        """Carry one message to its last reply; return the verdict of one that opens a stream."""
        begun = self.begin(raw, caller, head, sink, ids)
        if isinstance(begun, OpenExchange):
            await begun
            return None
        return begun
