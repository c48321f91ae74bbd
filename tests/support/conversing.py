"""A room with a real gate and scripted links, and a carrier that keeps what it is told."""

import asyncio
import json
from collections.abc import Iterable

from mcpgate.exchange import Exchange
from mcpgate.listeners.body import BodyReader
from mcpgate.listeners.conversation import Conversation
from mcpgate.listeners.parts import Parts
from mcpgate.listeners.room import Room
from mcpgate.listeners.session_sink import SessionSinks
from mcpgate.sessions.streams import Streams
from tests.support.exchanges import (
    ManualClock,
    ScriptedCall,
    ScriptedLink,
    ScriptedLinks,
    encode,
    make_gate,
    read_events,
)

HELLO = encode(
    "initialize",
    {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
    0,
)
MESSAGE_BYTES = 100_000


class KeptCarrier:
    """Keep what a client would get, and what is asked of a carrier."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.calls: list[str] = []
        self.takes = True

    def write(self, message: bytes) -> bool:
        if self.takes:
            self.sent.append(message)
        return self.takes

    def hold(self) -> None:
        self.calls.append("hold")

    def proceed(self) -> None:
        self.calls.append("proceed")

    def close(self) -> None:
        self.calls.append("close")

    def cut(self) -> None:
        self.calls.append("cut")


class World:
    """One room and everything around it."""

    def __init__(self, limit: int = 10) -> None:
        self.clock = ManualClock()
        self.gate = make_gate(self.clock)
        self.links = ScriptedLinks()
        self.link = ScriptedLink()
        self.links.links = {"every": self.link, "time": self.link}
        self.events: list[dict[str, object]] = []
        streams = Streams()
        self.exchange = Exchange(
            self.gate, self.links, self.clock.now, self.record, streams.watches
        )
        self.parts = Parts(
            gate=self.gate,
            exchange=self.exchange,
            streams=streams,
            bodies=BodyReader(MESSAGE_BYTES, 1_000_000_000),
            live=set(),
            sessions=SessionSinks(self.clock),
            now=self.clock.now,
            record=self.record,
            ready=lambda: (True, b"{}"),
        )
        self.room = Room(self.parts, "room", MESSAGE_BYTES, limit)

    def record(self) -> bool:
        self.events += read_events(self.gate.drain())
        return True

    @property
    def reasons(self) -> list[object]:
        return [each["reason"] for each in self.events if each["outcome"] == "refuse"]

    @property
    def ends(self) -> list[object]:
        return [each["outcome"] for each in self.events if each["kind"] == "end"]

    @property
    def calls(self) -> list[ScriptedCall]:
        return self.link.calls

    def converse(self) -> tuple[Conversation, KeptCarrier]:
        carrier = KeptCarrier()
        return Conversation(self.room, carrier), carrier


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def read_all(messages: Iterable[bytes]) -> list[dict[str, object]]:
    return [json.loads(message) for message in messages]
