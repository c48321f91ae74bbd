"""Links of their own for some clients: by server, by what its clients can do, by owner.

Strategy: whoever asks first gets a link whose calls wait, and one handshake is made for all that
ask meanwhile. If that fails they fail, as surely not run, and the key is forgotten; the next try
comes after a delay that doubles from half a second to eight, and so does that for a link that again
and again is lost within a second. While the server itself is down no handshake is tried: its keeper
finds out first when it is back.
Rules: at most 64 links per server, then the one that was idle longest makes room; who finds none
idle is refused. What was idle for five minutes is closed. Lists are the keeper's business: changes
that such a link hears of are not announced again.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, Protocol, final

from mcpgate.clock import Clock
from mcpgate.errors import GateError, LinkFault
from mcpgate.links.retired import Retired
from mcpgate.links.waiting import WaitingLink
from mcpgate.links.wheel import Wheel
from mcpgate.links.workers import Workers
from mcpgate.model import Link, Peer, Terms

PER_SERVER: Final = 64
ONE_CALL: Final = "*"
"""The owner of links that carry one call at a time."""
IDLE_NS: Final = 300_000_000_000
OPEN_S: Final = 75.0
LISTEN_S: Final = 2.0
PING_S: Final = 5.0
LOOK_NS: Final = 1_000_000_000
FLOOR_NS: Final = 500_000_000
OF_USE_NS: Final = 1_000_000_000
_DOUBLINGS: Final = 4

Key = tuple[str, int, str]

log = logging.getLogger(__name__)


class Bases(Protocol):
    """The links that keepers hold."""

    def find_usable(self, server: str, /) -> Link | None:
        """Return the keeper's link, one to wait for where it is lost, or None without either."""
        ...

    async def open_link(self, server: str, terms: Terms, /) -> tuple[Link, Peer]:
        """Open one more link to a server; raise GateError."""
        ...


@final
class _Held:
    """One link, since when it is open, and when it was used last."""

    __slots__ = ("link", "opened_ns", "used_ns")

    def __init__(self, link: Link, now: int) -> None:
        self.link = link
        self.opened_ns = self.used_ns = now


@final
class _Pause:
    """How long nothing is opened after so many failures, or links that were soon lost."""

    __slots__ = ("failures", "losses", "until_ns", "why")

    def __init__(self) -> None:
        self.failures = self.losses = self.until_ns = 0
        self.why = ""

    def wait(self, times: int, now: int, why: str) -> None:
        """Open nothing for a delay that doubles each time."""
        self.until_ns = now + (FLOOR_NS << min(times, _DOUBLINGS))
        self.why = why


@final
class KeyedLinks:
    """Open, find and close the links that are not the keepers'."""

    def __init__(
        self,
        bases: Bases,
        declare: Callable[[int], bytes],
        retired: Retired,
        wheel: Wheel,
        clock: Clock,
    ) -> None:
        """Take whom links belong beside, and what renders what clients can do."""
        self._bases = bases
        self._declare = declare
        self._retired = retired
        self._wheel = wheel
        self._clock = clock
        self._held: dict[Key, _Held] = {}
        self._pauses: dict[tuple[str, int], _Pause] = {}
        self._workers = Workers()
        self._look_ns = 0

    def __len__(self) -> int:
        return len(self._held)

    def find(self, key: Key) -> Link | None:
        """Return the link of a key, opening it if there is none; None while the server is down."""
        if key[2] == ONE_CALL:
            return self._find_idle(key)
        held = self._held.get(key)
        if held is not None:
            if held.link.usable:
                held.used_ns = self._clock.now()
                return held.link
            self._drop(key)
        return self._open(key)

    def _find_idle(self, key: Key) -> Link | None:
        """Return a link without an open call, of those that carry one at a time."""
        for place in range(PER_SERVER):
            one = (*key[:2], f"{ONE_CALL}{place}")
            held = self._held.get(one)
            if held is None or not held.link.usable or not self._is_busy(held.link):
                return self.find(one)
        return self._refuse_full(key[0])

    def heal(self, key: Key, lost: Link) -> Link | None:
        """Return a link in place of a lost one; None where that one is still usable."""
        same = any(held.link is lost for held in self._held.values())
        return None if same and lost.usable else self.find(key)

    def leave(self, owner: str) -> None:
        """Close an owner's links after their open calls."""
        for key in [key for key in self._held if key[2] == owner]:
            self._drop(key)

    def retire(self, server: str) -> None:
        """Close a server's links after their open calls; forget what failed."""
        for key in [key for key in self._held if key[0] == server]:
            self._drop(key)
        for failed in [failed for failed in self._pauses if failed[0] == server]:
            del self._pauses[failed]

    def sweep(self) -> None:
        """Look each second which links are lost or have long been idle."""
        now = self._clock.now()
        if now < self._look_ns:
            return
        self._look_ns = now + LOOK_NS
        for key, held in list(self._held.items()):
            if held.link.open_calls or isinstance(held.link, WaitingLink):
                held.used_ns = now
            elif now - held.used_ns >= IDLE_NS or not held.link.usable:
                self._drop(key)

    async def close(self) -> None:
        """Open no more and let go of all."""
        await self._workers.close()
        for key, held in list(self._held.items()):
            if isinstance(held.link, WaitingLink):
                held.link.refuse(LinkFault("unavailable", "the gateway ends"))
            self._drop(key)

    def _open(self, key: Key) -> Link | None:
        server, capabilities, _ = key
        base = self._bases.find_usable(server)
        if base is None:
            return None
        waiting = WaitingLink(self._wheel)
        pause = self._pauses.get((server, capabilities))
        now = self._clock.now()
        if pause is not None and now < pause.until_ns:
            waiting.refuse(LinkFault("unavailable", f"tried a moment ago: {pause.why}"))
        elif not self._make_room(server):
            return self._refuse_full(server)
        else:
            self._held[key] = _Held(waiting, now)
            self._workers.start(partial(self._fill, key, waiting, base))
        return waiting

    def _refuse_full(self, server: str) -> Link:
        text = f"all {PER_SERVER} links of their own to this server have open calls"
        log.warning("link.no_room", extra={"server": server, "links": PER_SERVER})
        waiting = WaitingLink(self._wheel)
        waiting.refuse(LinkFault("unavailable", text))
        return waiting

    def _make_room(self, server: str) -> bool:
        held = {key: held for key, held in self._held.items() if key[0] == server}
        if len(held) < PER_SERVER:
            return True
        idle = [key for key, one in held.items() if not self._is_busy(one.link)]
        if not idle:
            return False
        self._drop(min(idle, key=lambda key: held[key].used_ns))
        return True

    def _is_busy(self, link: Link) -> bool:
        return isinstance(link, WaitingLink) or link.open_calls > 0

    def _drop(self, key: Key) -> None:
        """Take a link out; one that is still opening is closed by who opens it."""
        held = self._held.pop(key)
        if isinstance(held.link, WaitingLink):
            return
        now, pause = self._clock.now(), self._pauses.setdefault(key[:2], _Pause())
        if now - held.opened_ns >= OF_USE_NS or held.link.usable:
            pause.losses = 0
        else:
            pause.losses += 1
            if pause.losses > 1:  # the first one may be a restart: it is healed at once
                pause.wait(pause.losses - 2, now, "the link was lost as soon as it was open")
        self._retired.add(key[0], held.link)

    async def _fill(self, key: Key, waiting: WaitingLink, base: Link) -> None:
        """Open the link that calls wait for, or fail them."""
        fault = LinkFault("unavailable", "the link could not be opened")
        link, stays = None, False
        try:
            link, peer = await self._reach(key, base)
            stays = peer.era == "legacy"
        except GateError as error:
            fault = LinkFault("unavailable", str(error))
        finally:
            held = self._held.get(key)
            current = held is not None and held.link is waiting
            if held is not None and current and link is not None:
                held.link, held.opened_ns = link, self._clock.now()
            elif current:
                del self._held[key]
            if link is None:
                self._note_failure(key, str(fault))
                waiting.refuse(fault)
        if link is not None:
            self._pauses.setdefault(key[:2], _Pause()).failures = 0
            if current and stays:  # its server may ask on its own stream too
                await self._listen(link)
            waiting.open(link)
            if not current:  # its owner or its server left: it is for the calls that waited
                self._retired.add(key[0], link)

    async def _listen(self, link: Link) -> None:
        """Hear what the server asks, before any call gives it a reason to."""
        link.listen(_ignore)
        with suppress(TimeoutError):
            async with asyncio.timeout(LISTEN_S):
                await link.wait_listening()

    async def _reach(self, key: Key, base: Link) -> tuple[Link, Peer]:
        """Open a link; where that fails because the server is not there, once more when it is."""
        server, capabilities, owner = key
        terms = Terms(capabilities=self._declare(capabilities), owned=bool(owner))
        if isinstance(base, WaitingLink):
            await base.wait_open()
        try:
            return await self._open_within(server, terms)
        except LinkFault:
            if await self._is_there(base):
                raise
        again = self._bases.find_usable(server)
        if isinstance(again, WaitingLink):
            await again.wait_open()
        return await self._open_within(server, terms)

    async def _open_within(self, server: str, terms: Terms) -> tuple[Link, Peer]:
        try:
            async with asyncio.timeout(OPEN_S):
                return await self._bases.open_link(server, terms)
        except TimeoutError:
            raise LinkFault("unavailable", f"no link within {OPEN_S:.0f} s") from None

    async def _is_there(self, base: Link) -> bool:
        """Ask the keeper's link whether the server lives; one that does not learns it by that."""
        try:
            await base.request("ping", b"", PING_S)
        except LinkFault:
            return base.usable
        except GateError:  # an error is an answer
            return True
        return True

    def _note_failure(self, key: Key, why: str) -> None:
        pause = self._pauses.setdefault(key[:2], _Pause())
        pause.wait(pause.failures, self._clock.now(), why)
        pause.failures += 1
        log.warning("link.unopened", extra={"server": key[0], "reason": why})


def _ignore(_: int) -> None:
    """Do nothing with changed lists: the keeper's link announces them."""
