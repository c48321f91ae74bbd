"""How a link opens: which era the server speaks, and the handshake if there is one.

Modern is asked first, with `server/discover`, for it has no side effect; whoever does not answer it
as a modern server would is greeted with `initialize`. A pinned revision or a remembered era skips
the question. Trouble that may pass (no connection, no answer, 5xx, 401, 429) decides nothing: it is
raised, so that a modern server on a bad day is not taken for a legacy one.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, final

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault, RemoteError
from mcpgate.links.call import OpenCall
from mcpgate.links.http import HttpLink
from mcpgate.links.http_reply import CallReply
from mcpgate.links.rpc import (
    INITIALIZED,
    LEGACY,
    MODERN,
    MODERN_CODES,
    build_hello,
    find_error_code,
    offers_modern,
    read_discovery,
    read_hello,
    read_result,
)
from mcpgate.links.setup import Setup
from mcpgate.links.sse import SseWire
from mcpgate.links.stdio import StdioWire
from mcpgate.links.target import read_session
from mcpgate.links.websocket import WebSocketWire
from mcpgate.links.wire import WireLink
from mcpgate.links.wires import Wire
from mcpgate.model import COMMON, Era, Link, Peer, Terms

DISCOVER: Final = "server/discover"
END_S: Final = 1.0
_PASSING: Final = frozenset((0, 401, 403, 407, 408, 425, 429))
_ODD: Final = frozenset((500, 501))
_WIRES: Final[dict[str, Callable[[Server, Setup], Wire]]] = {
    "sse": SseWire,
    "stdio": StdioWire,
    "websocket": WebSocketWire,
}


@final
class LinkOpener:
    """Open links, all with one setup."""

    __slots__ = ("_setup",)

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    async def __call__(
        self, server: Server, hint: Era | None, terms: Terms = COMMON
    ) -> tuple[Link, Peer]:
        """Open a link; raise LinkFault or RemoteError, leaving nothing behind."""
        return await open_link(server, self._setup, hint, terms)


async def open_link(
    server: Server, setup: Setup, hint: Era | None = None, terms: Terms = COMMON
) -> tuple[Link, Peer]:
    """Open a link; raise LinkFault or RemoteError, leaving nothing behind."""
    if server.transport == "http":
        return await open_http(server, setup, hint, terms)
    return await open_wire(server, setup, hint, terms)


async def open_http(
    server: Server, setup: Setup, hint: Era | None = None, terms: Terms = COMMON
) -> tuple[HttpLink, Peer]:
    """Open a link over Streamable HTTP."""
    link = HttpLink(server, setup, terms)
    try:
        peer = await _agree_http(link, _Hello(server, setup, terms), hint)
    except BaseException:
        await link.close()
        raise
    link.meet(peer)
    return link, peer


async def open_wire(
    server: Server, setup: Setup, hint: Era | None = None, terms: Terms = COMMON
) -> tuple[WireLink, Peer]:
    """Open a link over one wire; a server that the question ends is started again."""
    era, hello = choose_era(server, hint), _Hello(server, setup, terms)
    link = _make_link(server, setup, terms)
    try:
        await link.start()
        try:
            peer = await _agree_or_end(link, hello, era)
        except LinkFault:
            if era is not None or not link.lost:
                raise
            await link.close()
            link = _make_link(server, setup, terms)
            await link.start()
            peer = await _agree_or_end(link, hello, "legacy")
    except BaseException:
        await link.close()
        raise
    link.meet(peer)
    return link, peer


def choose_era(server: Server, hint: Era | None) -> Era | None:
    """Return the era that is known before asking: the pinned one, else the remembered one."""
    if server.transport == "sse":  # the transport is older than the modern era and not part of it
        return "legacy"
    if server.revision == "auto":
        return hint
    return "modern" if server.revision == MODERN else "legacy"


def is_passing(status: int, reason: str) -> bool:
    """Say whether a failed question tells nothing about the era."""
    if reason in {"lost", "deadline"} or status in _PASSING:
        return True
    return status >= 500 and status not in _ODD


@final
class _Hello:
    """What is said to a legacy server, and how long anything may take."""

    __slots__ = ("params", "server", "setup")

    def __init__(self, server: Server, setup: Setup, terms: Terms) -> None:
        self.server = server
        self.setup = setup
        first = server.revision if server.revision in LEGACY else LEGACY[0]
        self.params = build_hello(first, setup.version, terms.capabilities)


async def _agree_http(link: HttpLink, hello: _Hello, hint: Era | None) -> Peer:
    setup = hello.setup
    era = choose_era(hello.server, hint)
    if era != "legacy":
        link.settle(MODERN, "")
        reply = link.ask(link.build(DISCOVER, b""), setup.probe_s)
        try:
            return read_discovery(read_result(await link.hear(reply)))
        except RemoteError as error:
            if offers_modern(error):  # it refused a revision and names ours
                return read_discovery(await link.request(DISCOVER, b"", setup.probe_s))
            if era == "modern" or error.code in MODERN_CODES:
                raise
        except LinkFault as fault:
            if era == "modern" or _is_modern_error(reply) or is_passing(reply.status, fault.reason):
                raise
    return await _greet_http(link, hello)


async def _greet_http(link: HttpLink, hello: _Hello) -> Peer:
    link.settle("", "")
    reply = link.ask(link.build("initialize", hello.params), hello.setup.open_s)
    peer = read_hello(read_result(await link.hear(reply)))
    link.settle(peer.revision, read_session(reply.session))
    status = await link.post(INITIALIZED)
    if not 200 <= status < 300:
        said = f"status {status}" if status else "nothing"
        raise LinkFault("unavailable", f"the server answered notifications/initialized with {said}")
    return peer


async def _agree_or_end(link: WireLink, hello: _Hello, era: Era | None) -> Peer:
    """Agree with a server; one that is ending is given the time to say why."""
    try:
        return await _agree_wire(link, hello, era)
    except LinkFault as fault:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S if fault.reason == "unavailable" else 0):
                await link.wait_lost()
        if link.lost:
            raise LinkFault("lost", link.lost) from fault
        raise


async def _agree_wire(link: WireLink, hello: _Hello, era: Era | None) -> Peer:
    setup = hello.setup
    if era == "legacy":
        return await _greet_wire(link, hello)
    link.settle(MODERN)
    probe = link.ask(link.build(DISCOVER, b""), setup.open_s)
    try:
        peer = await _probe_wire(probe, None if era == "modern" else setup.probe_s)
        if peer is not None:
            return peer
        try:
            return await _greet_wire(link, hello)
        except RemoteError:
            if not probe.answered:
                raise
        # It was only slow: it answers the question now and refuses the greeting, as modern ones do.
        link.settle(MODERN)
        return read_discovery(read_result(await probe.receive_last()))
    finally:
        probe.close()


async def _probe_wire(probe: OpenCall, patience_s: float | None) -> Peer | None:
    """Return the modern peer; None, when there is patience to lose, for whoever is not one."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            raw = await probe.receive_last()
        try:
            return read_discovery(read_result(raw))
        except RemoteError as error:
            if patience_s is None or error.code in MODERN_CODES:
                raise
        except LinkFault:
            if patience_s is None:
                raise
    return None


async def _greet_wire(link: WireLink, hello: _Hello) -> Peer:
    link.settle("")
    peer = read_hello(await link.request("initialize", hello.params, hello.setup.open_s))
    link.settle(peer.revision)
    await link.deliver(INITIALIZED)
    return peer


def _make_link(server: Server, setup: Setup, terms: Terms) -> WireLink:
    return WireLink(server, setup, _WIRES[server.transport](server, setup), terms)


def _is_modern_error(reply: CallReply) -> bool:
    return reply.status >= 400 and find_error_code(reply.body) in MODERN_CODES
