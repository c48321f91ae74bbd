"""Fakes of our interfaces: a clock by hand, a server behind a link, a pool, a gate for swaps."""

import asyncio
from collections.abc import Callable
from typing import final

import msgspec

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault, RemoteError
from mcpgate.model import COMMON, Call, Era, Forward, Link, Mark, Peer, Terms
from tests.support.wished import Wished

SECOND = 1_000_000_000
METHODS = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}


@final
class AtOnce:
    """A loop whose turns end at once."""

    def call_soon(self, callback: Callable[[], None]) -> None:
        callback()


@final
class ManualClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at_ns = 1_000 * SECOND
        self.byte = 255

    def now(self) -> int:
        return self.at_ns

    def wall(self) -> int:
        return self.at_ns + 1_000_000 * SECOND

    def random(self, size_bytes: int) -> bytes:
        return bytes([self.byte]) * size_bytes


@final
class ManualWaiter:
    """Wait for moments of a manual clock."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self._waiting: list[tuple[int, asyncio.Event]] = []

    async def wait(self, event: asyncio.Event, until_ns: int) -> None:
        if self.clock.now() >= until_ns:
            await asyncio.sleep(0)
            return
        moment = (until_ns, asyncio.Event())
        self._waiting.append(moment)
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(event.wait()), loop.create_task(moment[1].wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.remove(moment)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def advance(self, seconds: float) -> None:
        """Move the clock, stopping at each moment that somebody waits for."""
        end = self.clock.at_ns + int(seconds * SECOND)
        await settle()
        while due := [until for until, _ in self._waiting if until <= end]:
            self.clock.at_ns = max(self.clock.at_ns, min(due))
            for until, moment in self._waiting:
                if until <= self.clock.at_ns:
                    moment.set()
            await settle()
        self.clock.at_ns = end
        await settle()


async def settle() -> None:
    """Let every task run until it waits for something else than the loop."""
    for _ in range(60):
        await asyncio.sleep(0)


def make_peer(*offers: str, era: Era = "legacy", instructions: str = "") -> Peer:
    """Make a peer that declares these capabilities."""
    return Peer(
        era=era,
        revision="2026-07-28" if era == "modern" else "2025-11-25",
        name="fake",
        version="1",
        instructions=instructions,
        capabilities=msgspec.Raw(msgspec.json.encode({name: {} for name in offers})),
    )


@final
class FakeLink(Wished):
    """A server's lists behind the interface of a link; pages are raw results by method."""

    def __init__(self, pages: dict[str, list[bytes | Exception]]) -> None:
        super().__init__()
        self.pages = pages
        self.asked: list[tuple[str, bytes]] = []
        self.notice: Callable[[int], None] | None = None
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.open_calls = 0
        self.closes = 0
        self.hold: asyncio.Event | None = None

    @property
    def usable(self) -> bool:
        return not self.ended.done()

    def call(self, forward: Forward, upstream_id: int, deadline_ns: int) -> Call:
        raise AssertionError("no test asks for this")

    def tell(self, body: bytes) -> None:
        raise AssertionError("no test asks for this")

    async def request(self, method: str, params: bytes, timeout_s: float) -> bytes:
        self.asked.append((method, params))
        if self.hold is not None:
            await self.hold.wait()
        if method not in self.pages:
            raise RemoteError(-32601, "Method not found")
        pages = self.pages[method]
        page = pages.pop(0) if len(pages) > 1 else pages[0]
        if isinstance(page, Exception):
            raise page
        return page

    def listen(
        self, notice: Callable[[int], None], updated: Callable[[str], None] | None = None
    ) -> None:
        self.notice = notice

    async def wait_lost(self) -> str:
        return await asyncio.shield(self.ended)

    async def close(self) -> None:
        self.closes += 1

    def lose(self, reason: str = "the child ended") -> None:
        """Break the link."""
        self.ended.set_result(reason)

    def change(self, bits: int) -> None:
        """Tell that lists changed."""
        assert self.notice is not None
        self.notice(bits)


def make_page(method: str, *definitions: str, cursor: str | None = None, rest: str = "") -> bytes:
    """Make the raw result of a list method from raw definitions and a raw cursor."""
    more = f',"nextCursor":{cursor}' if cursor is not None else ""
    return f'{{"{METHODS[method]}":[{",".join(definitions)}]{more}{rest}}}'.encode()


def make_tools(*names: str) -> dict[str, list[bytes | Exception]]:
    """Make the pages of a server that has these tools."""
    return {"tools/list": [make_page("tools/list", *(f'{{"name":"{name}"}}' for name in names))]}


@final
class FakeOpener:
    """Open the links a test put in, in order; an exception in their place is raised."""

    def __init__(self) -> None:
        self.next: dict[str, list[tuple[Link, Peer] | Exception]] = {}
        self.opened: list[tuple[str, Era | None]] = []
        self.terms: list[Terms] = []
        self.hold: asyncio.Event | None = None

    async def __call__(
        self, server: Server, era: Era | None, terms: Terms = COMMON
    ) -> tuple[Link, Peer]:
        self.opened.append((server.name, era))
        self.terms.append(terms)
        if self.hold is not None:
            await self.hold.wait()
        coming = self.next.get(server.name, [])
        found = coming.pop(0) if coming else LinkFault("unavailable", "connection refused")
        if isinstance(found, Exception):
            raise found
        return found


@final
class FakePool:
    """Hold links by server."""

    def __init__(self) -> None:
        self.links: dict[str, Link] = {}
        self.retired: list[Link] = []
        self.ended: list[str] = []

    def retire(self, server: str, link: Link) -> None:
        self.retired.append(link)

    def end(self, server: str) -> None:
        self.ended.append(server)

    def put(self, server: str, link: Link) -> None:
        self.links[server] = link

    def remove(self, server: str, link: Link) -> None:
        if self.links.get(server) is link:
            del self.links[server]


@final
class FakeSwap(msgspec.Struct, frozen=True):
    """What a fake swap changed."""

    changed: int = 0
    problems: list[str] = []


@final
class FakeSwapper:
    """A gate that keeps the documents it was given."""

    def __init__(self) -> None:
        self.documents: list[bytes] = []
        self.outcomes: list[FakeSwap | Exception] = []
        self.found: list[Mark] = []

    def swap(self, document: bytes) -> FakeSwap:
        outcome = self.outcomes.pop(0) if self.outcomes else FakeSwap()
        if isinstance(outcome, Exception):
            raise outcome
        self.documents.append(document)
        return outcome

    def marks(self) -> bytes:
        """Say what the document holds against entries, and what a test put in."""
        return msgspec.json.encode([*_read_held(self.documents), *self.found])


@final
class _Held(msgspec.Struct):
    name: str
    held: list[dict[str, object]]


@final
class _Document(msgspec.Struct):
    servers: list[_Held]


def _read_held(documents: list[bytes]) -> list[Mark]:
    last = msgspec.json.decode(documents[-1], type=_Document)
    return [
        msgspec.convert(
            {**held, "server": server.name, "quarantined": held["quarantine"]}, type=Mark
        )
        for server in last.servers
        for held in server.held
    ]
