"""How a link opens: which era the server speaks, and the handshake if there is one.

Modern is asked first, with `server/discover`, for it has no side effect; whoever does not answer it
as a modern server would is greeted with `initialize`. A pinned revision or a remembered era skips
the question. Trouble that may pass (no connection, no answer, 5xx, 401, 429) decides nothing: it is
raised, so that a modern server on a bad day is not taken for a legacy one.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

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
    read_discovery,
    read_hello,
    read_result,
)
from mcpgate.links.setup import Setup
from mcpgate.links.sse import SseWire
from mcpgate.links.stdio import StdioWire
from mcpgate.links.target import read_session
from mcpgate.links.websocket import WebSocketWire
from mcpgate.links.wire import Wire, WireLink
from mcpgate.model import Era, Link, Peer

DISCOVER: Final = "server/discover"
END_S: Final = 1.0
_PASSING: Final = frozenset((0, 401, 403, 407, 408, 425, 429))
_ODD: Final = frozenset((500, 501))
_WIRES: Final[dict[str, Callable[[Server, Setup], Wire]]] = {
    "sse": SseWire,
    "stdio": StdioWire,
    "websocket": WebSocketWire,
}


async def open_link(server: Server, setup: Setup, hint: Era | None = None) -> tuple[Link, Peer]:
    """Open a link; raise LinkFault or RemoteError, leaving nothing behind."""
    if server.transport == "http":
        return await open_http(server, setup, hint)
    return await open_wire(server, setup, hint)


async def open_http(server: Server, setup: Setup, hint: Era | None = None) -> tuple[HttpLink, Peer]:
    """Open a link over Streamable HTTP."""
    link = HttpLink(server, setup)
    try:
        peer = await _agree_http(link, server, setup, hint)
    except BaseException:
        await link.close()
        raise
    link.meet(peer)
    return link, peer


async def open_wire(server: Server, setup: Setup, hint: Era | None = None) -> tuple[WireLink, Peer]:
    """Open a link over one wire; a server that the question ends is started again."""
    era = choose_era(server, hint)
    link = _make_link(server, setup)
    try:
        await link.start()
        try:
            peer = await _agree_or_end(link, server, setup, era)
        except LinkFault:
            if era is not None or not link.lost:
                raise
            await link.close()
            link = _make_link(server, setup)
            await link.start()
            peer = await _agree_or_end(link, server, setup, "legacy")
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


async def _agree_http(link: HttpLink, server: Server, setup: Setup, hint: Era | None) -> Peer:
    era = choose_era(server, hint)
    if era != "legacy":
        link.settle(MODERN, "")
        reply = link.ask(link.build(DISCOVER, b""), setup.probe_s)
        try:
            return read_discovery(read_result(await link.hear(reply)))
        except RemoteError as error:
            if era == "modern" or error.code in MODERN_CODES:
                raise
        except LinkFault as fault:
            if era == "modern" or _is_modern_error(reply) or is_passing(reply.status, fault.reason):
                raise
    return await _greet_http(link, server, setup)


async def _greet_http(link: HttpLink, server: Server, setup: Setup) -> Peer:
    link.settle("", "")
    hello = build_hello(_first_revision(server), setup.version)
    reply = link.ask(link.build("initialize", hello), setup.open_s)
    peer = read_hello(read_result(await link.hear(reply)))
    link.settle(peer.revision, read_session(reply.session))
    status = await link.post(INITIALIZED)
    if not 200 <= status < 300:
        said = f"status {status}" if status else "nothing"
        raise LinkFault("unavailable", f"the server answered notifications/initialized with {said}")
    return peer


async def _agree_or_end(link: WireLink, server: Server, setup: Setup, era: Era | None) -> Peer:
    """Agree with a server; one that is ending is given the time to say why."""
    try:
        return await _agree_wire(link, server, setup, era)
    except LinkFault as fault:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S if fault.reason == "unavailable" else 0):
                await link.wait_lost()
        if link.lost:
            raise LinkFault("lost", link.lost) from fault
        raise


async def _agree_wire(link: WireLink, server: Server, setup: Setup, era: Era | None) -> Peer:
    if era == "legacy":
        return await _greet_wire(link, server, setup)
    link.settle(MODERN)
    probe = link.ask(link.build(DISCOVER, b""), setup.open_s)
    try:
        peer = await _probe_wire(probe, None if era == "modern" else setup.probe_s)
        if peer is not None:
            return peer
        try:
            return await _greet_wire(link, server, setup)
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


async def _greet_wire(link: WireLink, server: Server, setup: Setup) -> Peer:
    link.settle("")
    hello = build_hello(_first_revision(server), setup.version)
    peer = read_hello(await link.request("initialize", hello, setup.open_s))
    link.settle(peer.revision)
    await link.deliver(INITIALIZED)
    return peer


def _make_link(server: Server, setup: Setup) -> WireLink:
    return WireLink(server, setup, _WIRES[server.transport](server, setup))


def _first_revision(server: Server) -> str:
    return server.revision if server.revision in LEGACY else LEGACY[0]


def _is_modern_error(reply: CallReply) -> bool:
    return reply.status >= 400 and find_error_code(reply.body) in MODERN_CODES
