"""A pool whose servers, links and time are a test's."""

import asyncio
from collections.abc import Callable
from typing import final

from mcpgate.errors import GateError, LinkFault
from mcpgate.links.pool import Pool
from mcpgate.links.wheel import Wheel
from mcpgate.model import Call, Forward, Link, Peer, Taker, Terms
from tests.support.link_world import Sent
from tests.support.links import SECOND, ManualClock, make_peer, settle
from tests.support.wished import Wished


@final
class KeptTaker:
    """Keep what a call brings."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.faults: list[LinkFault] = []

    def take(self, message: bytes) -> None:
        self.messages.append(message)

    def rest(self) -> None:
        raise AssertionError("no test asks for this")

    def fail(self, fault: LinkFault) -> None:
        self.faults.append(fault)

    @property
    def reasons(self) -> list[str]:
        return [fault.reason for fault in self.faults]


@final
class PooledCall:
    """One call on a link of a test."""

    def __init__(self, link: "PooledLink", upstream_id: int, deadline_ns: int) -> None:
        self.slow: Callable[[], None] | None = None
        self.upstream_id, self.deadline_ns = upstream_id, deadline_ns
        self.cancelled: list[bytes] = []
        self.taker: Taker | None = None
        self._link = link

    def attach(self, taker: Taker) -> None:
        self.taker = taker

    def cancel(self, body: bytes) -> None:
        self.cancelled.append(body)

    def close(self) -> None:
        self._link.called.remove(self)


@final
class PooledLink(Wished):
    """A link that is as usable, as busy and as slow to close as a test wants it."""

    def __init__(self, *, hangs: bool = False) -> None:
        super().__init__()
        self.usable = True
        self.called: list[PooledCall] = []
        self.told: list[bytes] = []
        self.closes = 0
        self.streams = 0
        self.answers_ping = True
        self._hangs = hangs

    @property
    def open_calls(self) -> int:
        return len(self.called)

    def call(self, forward: Forward, upstream_id: int, deadline_ns: int) -> Call:
        self.called.append(PooledCall(self, upstream_id, deadline_ns))
        return self.called[-1]

    def tell(self, body: bytes) -> None:
        self.told.append(body)

    async def request(self, method: str, params: bytes, timeout_s: float) -> bytes:
        assert method == "ping"
        if not self.answers_ping:
            self.usable = False
            raise LinkFault("unavailable", "connection refused")
        return b"{}"

    def listen(
        self, notice: Callable[[int], None], updated: Callable[[str], None] | None = None
    ) -> None:
        notice(7)
        self.streams += 1

    async def wait_lost(self) -> str:
        raise AssertionError("no test asks for this")

    async def close(self) -> None:
        if self._hangs:
            await asyncio.get_running_loop().create_future()
        self.closes += 1


@final
class World:
    """A pool and its keepers, with one server `s`."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.wheel = Wheel(self.clock)
        self.pool = Pool(self.wheel, self.clock, lambda bits: b'{"bits":%d}' % bits)
        self.pool.keepers = self
        self.base = PooledLink()
        self.pool.put("s", self.base)
        self.until_ns = 0
        self.revived = 0
        self.opened: list[tuple[str, Terms]] = []
        self.made: list[PooledLink] = []
        self.faults: list[GateError] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.peer = make_peer()
        self._ids = 0

    def revive(self, server: str) -> int:
        self.revived += 1
        return self.until_ns

    async def open_link(self, server: str, terms: Terms) -> tuple[Link, Peer]:
        self.opened.append((server, terms))
        await self.gate.wait()
        if self.faults:
            raise self.faults.pop(0)
        self.made.append(PooledLink())
        return self.made[-1], self.peer

    def call(self, link: Link | None, within_s: float = 60) -> tuple[Call, KeptTaker]:
        """Call over a link, as an exchange does."""
        assert link is not None
        self._ids += 1
        call = link.call(Sent({}), self._ids, self.clock.now() + int(within_s * SECOND))
        taker = KeptTaker()
        call.attach(taker)
        return call, taker

    def expect_base(self, within_s: float = 5) -> None:
        """Lose the keeper's link; another may come."""
        self.base.usable = False
        self.until_ns = self.clock.now() + int(within_s * SECOND)

    async def advance(self, seconds: float) -> None:
        """Move the clock and let the wheel turn once."""
        await settle()
        self.clock.at_ns += int(seconds * SECOND)
        self.wheel.sweep()
        await settle()

    def heal(self, lost: Link, capabilities: int = 0, owner: str = "") -> list[Link | None]:
        """Ask for a link in place of a lost one."""
        found: list[Link | None] = []
        self.pool.heal("s", capabilities, owner, lost, found.append)
        return found
