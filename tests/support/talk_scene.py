"""A gateway in front of a legacy and a modern server, for clients that are there for a while."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mcpgate.app import Core, Gateway
from mcpgate.gate import TOOLS as TOOLS_CHANGED
from tests.support.exchanges import ScriptedLink, read_events
from tests.support.gateways import KIND, http_server, modern, running, wait_for_entries
from tests.support.recording_server import TOOLS, RecordingServer
from tests.support.talks import Talk, talking


class Wide(RecordingServer):
    """A server whose replies have line breaks between their tokens, and as much text as asked."""

    text = b""

    def result(self) -> bytes:
        content = b'"content":[\n{"type":"text",\r\n"text":"%b"}\r]' % self.text
        return b"{%b%b}" % (content, b',"resultType":"complete"' if self.modern else b"")


class Hanging(ScriptedLink):
    """A link whose calls nobody answers."""

    async def close(self) -> None:
        """Have nothing to close."""


@dataclass
class Scene:
    """What a test has."""

    kind: str
    port: int
    gateway: Gateway
    old: Wide
    new: Wide

    @property
    def core(self) -> Core:
        assert self.gateway.core is not None
        return self.gateway.core

    @property
    def events(self) -> list[dict[str, object]]:
        folder = Path(self.gateway.state_dir) / "events"
        return read_events(b"".join(path.read_bytes() for path in sorted(folder.iterdir())))

    def talking(self) -> AbstractAsyncContextManager[Talk]:
        return talking(self.kind, self.port)

    def hang_old(self) -> ScriptedLink:
        """Have every call to the older server hang, without a connection for each."""
        link = Hanging()
        self.core.pool.put("old", link)
        return link

    def announce(self) -> None:
        self.core.streams.announce(TOOLS_CHANGED)

    async def wait_for_ends(self, count: int) -> list[object]:
        return await self.wait_for("end", count)

    async def wait_for(self, kind: str, count: int) -> list[object]:
        """Wait until so many events of a kind are there; return their outcomes or reasons."""
        what = "outcome" if kind == "end" else "reason"
        async with asyncio.timeout(10):
            while True:
                found = [each.get(what) for each in self.events if kind in each.values()]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.01)  # nothing but the file tells


@asynccontextmanager
async def talk_scene(kind: str, port: int, **more: object) -> AsyncIterator[Scene]:
    """Run a gateway with the listener that this kind of talk needs."""
    KIND.name = "granian" if kind == "sse-granian" else "native"
    try:
        async with Wide(modern=False) as old, Wide(modern=True) as new:
            servers = [http_server("old", old.url), http_server("new", new.url)]
            limits = {"message_bytes": 1 << 16}
            async with running(port, servers, limits=limits, **more) as gateway:
                await wait_for_entries(gateway, 2 * len(TOOLS))
                yield Scene(kind, port, gateway, old, new)
    finally:
        KIND.name = "granian"


def call_modern(name: str, request_id: object = 1, **meta: object) -> bytes:
    """Write a call that names its revision."""
    message = json.loads(modern("tools/call", {"name": name, "arguments": {}}, request_id))
    message["params"]["_meta"].update(meta)
    return json.dumps(message).encode()
