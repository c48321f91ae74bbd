"""Keep one server's link open and its entries fresh.

Strategy: open, remember the era, hand the link to the pool, listen, fetch every list, then wait
for whichever comes first: lists changed, entries too old, link lost, server leaves. A lost link
leaves the pool at once, its entries stay in the catalog, and the next try comes after a growing
delay: at once, but only once for each loss, if a call waits for it and the lost link had been of
use. A child is gone before its successor starts; any other lost link is closed beside, for calls
that it has sent may still be answered. Listening begins before the lists are fetched, so that no
change falls in between.
Nothing a server does leaves its keeper: each fault becomes the reason in its status.
"""

import asyncio
import logging
from typing import Final, Literal, Protocol, final

import msgspec

from mcpgate.config.model import Server
from mcpgate.errors import GateError, LinkFault
from mcpgate.gate import LISTS
from mcpgate.model import COMMON, Era, Link, Peer, ServerStatus, Terms
from mcpgate.registry.backoff import Condition, Happening, choose_delay, turn
from mcpgate.registry.catalog import Catalog, ServerEntries, merge
from mcpgate.registry.debounce import Debounce
from mcpgate.registry.discovery import discover
from mcpgate.registry.era import Eras
from mcpgate.registry.waiter import Waiter

OPEN_S: Final = 150.0
CLOSE_S: Final = 10.0
DRAIN_NS: Final = 10_000_000_000
TTL_FLOOR_MS: Final = 5_000
RETRY_MS: Final = 30_000
RETURN_NS: Final = 5_000_000_000
OF_USE_NS: Final = 1_000_000_000

_Phase = Literal["idle", "opening", "tending", "closing"]

log = logging.getLogger("mcpgate.registry")


class Opener(Protocol):
    """Who opens links."""

    async def __call__(
        self, server: Server, hint: Era | None, terms: Terms = COMMON, /
    ) -> tuple[Link, Peer]:
        """Open a link to a server whose era may be known; raise GateError."""
        ...


class News(Protocol):
    """Who watches single resources."""

    def list_wanted(self, server: str) -> frozenset[str]:
        """Return the resources of a server that somebody watches."""
        ...

    def tell_updated(self, server: str, uri: str) -> None:
        """Tell everyone who watches a resource that it changed."""
        ...


class Pool(Protocol):
    """Where the exchange finds live links; what its methods return is of no interest here."""

    def put(self, server: str, link: Link) -> object:
        """Make this the server's link."""
        ...

    def remove(self, server: str, link: Link) -> object:
        """Take the link out, unless another one took its place."""
        ...

    def retire(self, server: str, link: Link) -> object:
        """Close a link after its open calls."""
        ...

    def end(self, server: str) -> object:
        """Close what else leads to a server that leaves or changes."""
        ...


@final
class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What keepers work with."""

    open_link: Opener
    pool: Pool
    catalog: Catalog
    eras: Eras
    waiter: Waiter
    news: News


@final
class Keeper:
    """The one task that looks after one server."""

    def __init__(self, server: Server, means: Means) -> None:
        """Look after this server."""
        self.server = server
        self._means = means
        self._clock = means.waiter.clock
        self._condition = Condition(since_ns=self._clock.now())
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._leaving = False
        self._probe = False
        self._awaited = self._of_use = False
        self._phase: _Phase = "idle"
        self._task: asyncio.Task[None] | None = None
        self._link: Link | None = None
        self._revision = ""
        self._changes = Debounce()

    async def run(self) -> None:
        """Keep a link open until the server leaves."""
        self._task = asyncio.current_task()
        try:
            while not self._leaving:
                await self._live()
                await self._pause()
        finally:
            self._condition = turn(self._condition, "left", self._clock.now())

    def update(self, server: Server) -> None:
        """Take settings that the open link need not know."""
        self.server = server
        self._wake.set()

    def revive(self) -> int:
        """Try at once, the first time after a loss; say until when a link may come, 0 for never."""
        if self._leaving:
            return 0
        self._awaited = True
        self._wake.set()
        condition = self._condition
        return (self._clock.now() if condition.state == "up" else condition.since_ns) + RETURN_NS

    def leave(self, *, at_once: bool = False) -> None:
        """Take no new calls, let open ones end for a while unless `at_once`, then end."""
        self._leaving = True
        self._means.pool.end(self.server.name)
        if at_once:
            self._hurry.set()
        if self._link is not None:
            self._means.pool.remove(self.server.name, self._link)
        interruptible = ("opening", "tending") if at_once else ("opening",)
        if self._task is not None and self._phase in interruptible:
            self._task.cancel()
        self._wake.set()

    def describe(self) -> ServerStatus:
        """Return what an operator sees of this server."""
        entries = self._means.catalog.find(self.server.name)
        now, condition = self._clock.now(), self._condition
        problems = [text for _, text in entries.problems] if entries else []
        if self._means.catalog.is_stale(self.server.name):
            problems.append("entries are from the last time it was up")
        return ServerStatus(
            name=self.server.name,
            transport=self.server.transport,
            state=condition.state,
            revision=self._revision,
            reason=condition.reason,
            since_ns=self._clock.wall() - (now - condition.since_ns),
            tools=len(entries.tools) if entries else 0,
            prompts=len(entries.prompts) if entries else 0,
            resources=len(entries.resources) if entries else 0,
            templates=len(entries.templates) if entries else 0,
            detail="; ".join([condition.detail, *problems] if condition.detail else problems),
        )

    async def _live(self) -> None:
        """Open a link and tend it to its end; whatever fails becomes the reason."""
        try:
            link, peer = await self._open()
            try:
                opened_ns = self._clock.now()
                fault = await self._tend(link, peer)
                if fault is not None:
                    long = self._clock.now() - opened_ns >= OF_USE_NS
                    self._of_use = long or not self._condition.failures
                    self._turn("failed", fault.reason, str(fault))
            finally:
                await self._end(link)
        except GateError as fault:
            self._turn("failed", fault.reason, str(fault))
        except Exception as error:
            log.exception("keeper.failed", extra={"server": self.server.name})
            self._turn("failed", "internal", f"unexpected {type(error).__name__}")

    async def _open(self) -> tuple[Link, Peer]:
        """Open a link; the era is found anew after an attempt that failed."""
        known = None if self._probe else self._means.eras.find(self.server)
        self._probe = True
        self._phase = "opening"
        try:
            async with asyncio.timeout(OPEN_S):
                link, peer = await self._means.open_link(self.server, known)
        except TimeoutError:
            raise LinkFault("unavailable", f"no link within {OPEN_S:.0f} s") from None
        finally:
            self._phase = "idle"
        self._probe = False
        self._link = link
        self._revision = peer.revision
        return link, peer

    async def _tend(self, link: Link, peer: Peer) -> GateError | None:
        """Keep entries fresh; return why the link ended, None when the server leaves."""
        self._phase = "tending"
        self._means.eras.remember(self.server, peer.era)
        self._means.pool.put(self.server.name, link)
        self._changes = Debounce()
        async with asyncio.TaskGroup() as group:
            lost = group.create_task(link.wait_lost())
            lost.add_done_callback(lambda _: self._wake.set())
            try:
                link.listen(self._note, self._update)
                link.watch(self._means.news.list_wanted(self.server.name))
                await self._keep_fresh(link, peer, lost)
            except GateError as fault:
                return fault
            finally:
                lost.cancel()
        return None

    async def _keep_fresh(self, link: Link, peer: Peer, lost: asyncio.Task[str]) -> None:
        fetched = await self._fetch(link, peer, LISTS)
        self._turn("opened")
        while not self._leaving:
            if lost.done():
                raise LinkFault("lost", lost.result())
            fetched = await self._refresh(link, peer, fetched)

    async def _refresh(self, link: Link, peer: Peer, fetched: ServerEntries) -> ServerEntries:
        """Fetch what is due, or wait until something is."""
        self._wake.clear()
        now, due = self._clock.now(), self._changes.find_due()
        old_at = fetched.fetched_at_ns + _choose_age(self.server, fetched)
        bits = LISTS if now >= old_at else self._changes.take(now)
        if bits:
            fresh = await self._fetch(link, peer, bits)
            kept_at = fresh.fetched_at_ns if bits == LISTS else fetched.fetched_at_ns
            return msgspec.structs.replace(fresh, fetched_at_ns=kept_at)
        await self._means.waiter.wait(self._wake, old_at if due is None else min(due, old_at))
        return fetched

    async def _fetch(self, link: Link, peer: Peer, bits: int) -> ServerEntries:
        name, catalog = self.server.name, self._means.catalog
        listings = await discover(link, peer, bits)
        before = catalog.find(name)
        entries = merge(peer, before, listings, self._clock.now())
        for field, text in set(entries.problems) - set(before.problems if before else ()):
            log.warning("catalog.problem", extra={"server": name, "list": field, "text": text})
        if not self._leaving:
            catalog.put(name, entries)
        return entries

    async def _end(self, link: Link) -> None:
        """Take the link out of service and close it, after open calls when the server leaves."""
        self._phase = "closing"
        self._means.pool.remove(self.server.name, link)
        self._link = None
        try:
            if self._leaving:
                await self._means.waiter.wait(self._hurry, self._clock.now() + DRAIN_NS)
            else:
                self._means.catalog.mark_stale(self.server.name)
        finally:
            if self._leaving or self.server.transport == "stdio":
                await self._close(link)
            else:
                self._means.pool.retire(self.server.name, link)
            self._phase = "idle"

    async def _close(self, link: Link) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await link.close()
        except TimeoutError:
            log.warning("link.close_timeout", extra={"server": self.server.name})

    async def _pause(self) -> None:
        """Wait before the next try, unless the server leaves or a call asks for it now."""
        until = self._clock.now() + choose_delay(self._condition.failures, self._clock.random(4))
        while not self._leaving and self._clock.now() < until:
            if self._awaited and self._of_use:
                break
            self._wake.clear()
            await self._means.waiter.wait(self._wake, until)
        self._awaited = self._of_use = False

    def _update(self, uri: str) -> None:
        self._means.news.tell_updated(self.server.name, uri)

    def _note(self, bits: int) -> None:
        self._changes.note(bits & LISTS, self._clock.now())
        self._wake.set()

    def _turn(self, happening: Happening, reason: str = "", detail: str = "") -> None:
        before = self._condition
        self._condition = turn(before, happening, self._clock.now(), reason, detail)
        if self._condition.state != before.state or reason != before.reason:
            fields = {"server": self.server.name}
            fields |= {"reason": reason, "text": detail} if reason else {}
            level = logging.WARNING if reason else logging.INFO
            log.log(level, "server.%s", self._condition.state, extra=fields)


def _choose_age(server: Server, entries: ServerEntries) -> int:
    """Return how many nanoseconds entries count as fresh; a ttl of 0 promises nothing."""
    age_ms = server.refresh_s * 1000
    if entries.missing:
        age_ms = min(age_ms, RETRY_MS)
    if entries.ttl_ms:
        age_ms = min(age_ms, max(entries.ttl_ms, TTL_FLOOR_MS))
    return int(age_ms * 1_000_000)
