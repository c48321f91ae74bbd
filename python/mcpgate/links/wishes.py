"""What clients want to be told of one server, beyond its lists: log messages and single resources.

Strategy: a legacy server is told once from which severity on it shall log, whoever asked for the
least, and what to watch, resource by resource; the gate sorts out who hears what. A modern server
is told with each request what to log, and watches for as long as a listen request stays open.
Rules: a wish that a server does not grant is logged and costs nobody a call. A new listen is open
before an older one is closed, so that nothing is missed in between; wishes of one moment share one.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Final, Protocol, final

import msgspec

from mcpgate.errors import GateError
from mcpgate.links.workers import Workers
from mcpgate.model import Peer

LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
WISH_S: Final = 10.0
LEVEL_S: Final = 2.0
OVERLAP_S: Final = 1.0
GATHER_S: Final = 0.02

log = logging.getLogger(__name__)


class Asker(Protocol):
    """The link that carries the wishes."""

    async def request(self, method: str, params: bytes, timeout_s: float) -> bytes:
        """Ask on the gateway's behalf; raise GateError."""
        ...


@final
class Wishes:
    """The wishes that one link carries to its server."""

    __slots__ = (
        "_granting",
        "_later",
        "_level",
        "_link",
        "_peer",
        "_staying",
        "_uris",
        "_workers",
    )

    def __init__(self, link: Asker, workers: Workers) -> None:
        """Take the link and who runs its tasks."""
        self._link = link
        self._workers = workers
        self._peer: Peer | None = None
        self._level = len(LEVELS)
        self._uris: frozenset[str] = frozenset()
        self._staying: _Staying | None = None
        self._granting: asyncio.Future[None] | None = None
        self._later: asyncio.TimerHandle | None = None

    def meet(self, peer: Peer) -> None:
        """Take note of whom the link leads to."""
        self._peer = peer

    def set_level(self, level: int) -> asyncio.Future[None] | None:
        """Have the server log from this severity on; return what to wait for before a call."""
        peer = self._peer
        if peer is not None and level < self._level:
            self._level = level
            if peer.era == "legacy" and peer.offers("logging"):
                granting = self._granting = asyncio.get_running_loop().create_future()
                self._workers.start(partial(self._lower, LEVELS[level], granting))
        return self._granting

    def watch(
        self, uris: frozenset[str], stay: Callable[[bytes], Coroutine[None, None, None]]
    ) -> None:
        """Have the server tell of these resources and no others; `stay` keeps a listen open."""
        before, self._uris = self._uris, uris
        if self._peer is None or uris == before:
            return
        if self._peer.era == "modern":
            if self._later is None:
                loop = asyncio.get_running_loop()
                self._later = loop.call_later(GATHER_S, self._listen, stay)
            return
        for uri in sorted(uris - before):
            self._start("resources/subscribe", {"uri": uri})
        for uri in sorted(before - uris):
            self._start("resources/unsubscribe", {"uri": uri})

    def _listen(self, stay: Callable[[bytes], Coroutine[None, None, None]]) -> None:
        """Open a listen for what is watched now, and close the older one a little later."""
        self._later = None
        if self._staying is not None:
            asyncio.get_running_loop().call_later(OVERLAP_S, self._staying.end)
            self._staying = None
        if self._uris:
            wanted = {"notifications": {"resourceSubscriptions": sorted(self._uris)}}
            self._staying = _Staying(partial(stay, msgspec.json.encode(wanted)))
            self._workers.start(self._staying.run)

    def _start(self, method: str, params: dict[str, str]) -> None:
        self._workers.start(partial(self._ask, method, msgspec.json.encode(params)))

    async def _lower(self, level: str, granting: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(LEVEL_S):
                await self._ask("logging/setLevel", msgspec.json.encode({"level": level}))
        except TimeoutError:
            log.warning("link.wish_refused", extra={"method": "logging/setLevel", "reason": "late"})
        finally:
            if self._granting is granting:
                self._granting = None
            granting.set_result(None)

    async def _ask(self, method: str, params: bytes) -> None:
        try:
            await self._link.request(method, params, WISH_S)
        except GateError as fault:
            log.warning("link.wish_refused", extra={"method": method, "reason": str(fault)})


@final
class _Staying:
    """One listen request, and its end."""

    __slots__ = ("_ended", "_stay", "_task")

    def __init__(self, stay: Callable[[], Coroutine[None, None, None]]) -> None:
        self._stay = stay
        self._task: asyncio.Task[None] | None = None
        self._ended = False

    async def run(self) -> None:
        """Keep it open until it is ended or refused."""
        self._task = asyncio.current_task()
        if not self._ended:
            await self._stay()

    def end(self) -> None:
        """Close it, or never open it."""
        self._ended = True
        if self._task is not None:
            self._task.cancel()
