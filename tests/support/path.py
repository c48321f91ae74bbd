"""One exchange with everything around it: a real gate, links and sinks that a test plays."""

import asyncio

from mcpgate.exchange import Exchange
from mcpgate.gate import Caller, Gate, Head
from mcpgate.sessions.streams import Streams
from tests.support.exchanges import (
    KeptSink,
    ManualClock,
    ScriptedCall,
    ScriptedLink,
    ScriptedLinks,
    make_gate,
    open_session,
    read_events,
)


class Path:
    """One exchange with everything around it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.gate: Gate = make_gate(self.clock)
        self.links = ScriptedLinks()
        self.link = ScriptedLink()
        self.links.links = {"every": self.link, "time": self.link}
        self.events: list[dict[str, object]] = []
        self.recording = True
        self.streams = Streams()
        self.watches = self.streams.watches
        self.exchange = Exchange(self.gate, self.links, self.clock.now, self.record, self.watches)
        self.caller = open_session(self.gate, self.clock)
        self.modern = self.gate.new_caller("anonymous", modern=True)
        self.tasks: list[asyncio.Task[object]] = []
        self.record()
        self.events.clear()

    def record(self) -> bool:
        self.events += read_events(self.gate.drain())
        return self.recording

    def start(self, raw: bytes, sink: KeptSink, head: Head | None = None) -> asyncio.Task[object]:
        caller: Caller = self.modern if head else self.caller
        task: asyncio.Task[object] = asyncio.create_task(self.exchange.run(raw, caller, head, sink))
        self.tasks.append(task)
        return task

    async def begin(self, raw: bytes, sink: KeptSink, head: Head | None = None) -> ScriptedCall:
        self.link.called.clear()
        self.start(raw, sink, head)
        await self.link.called.wait()
        return self.link.calls[-1]

    def endings(self) -> list[object]:
        return [event["outcome"] for event in self.events if event["kind"] == "end"]
