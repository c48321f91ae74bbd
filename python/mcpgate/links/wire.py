"""A link whose server says everything on one wire; what carries the bytes is given to it.

Rules: the gate says whose each message is. Nothing waits for the server to read; over the write
bound a call is refused as surely not run. What is no message is counted and told to the log, and
the link lives on; the call that it seems to answer ends. The end of the wire ends every open call
as `lost`, and the link; opening another is for whoever keeps links.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol, final

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault
from mcpgate.gate import LISTS, LOG, NOTICE, PROGRESS, REPLY, REQUEST, UNREADABLE
from mcpgate.links.call import OpenCall
from mcpgate.links.lost import Lost
from mcpgate.links.rpc import (
    MODERN,
    Own,
    build_listen,
    build_own,
    build_stamp,
    is_error,
    read_result,
)
from mcpgate.links.setup import Setup
from mcpgate.links.workers import Workers
from mcpgate.model import Forward, Peer

QUIET_NS: Final = 10_000_000_000
NEVER_NS: Final = 1 << 62
SHORTEST_S: Final = 1.0
LONGEST_S: Final = 30.0
UNREAD: Final = "the server does not read what it is sent"

log = logging.getLogger(__name__)


class Hearer(Protocol):
    """Who hears what comes over a wire."""

    def take_message(self, message: bytes) -> None:
        """Take one message."""
        ...

    def take_overlong(self, ends: bytes) -> None:
        """Take the beginning and the end of a message that was too long."""
        ...

    def take_foreign(self, message: bytes) -> None:
        """Take what came in a form that no message has."""
        ...

    def refuse(self, upstream_id: int, reason: str, text: str) -> None:
        """End one call."""
        ...

    def take_end(self, text: str) -> None:
        """Take note that the wire is of no more use."""
        ...


class Wire(Protocol):
    """What carries messages to one server and back."""

    async def start(self, hearer: Hearer, /) -> None:
        """Reach the server; raise LinkFault."""
        ...

    def settle(self, revision: str, /) -> None:
        """Take note of the revision that is spoken."""
        ...

    def write(self, body: bytes, upstream_id: int | None, /) -> LinkFault | None:
        """Send a message, a request with its id; a fault means that it was surely not sent."""
        ...

    async def deliver(self, body: bytes, /) -> None:
        """Send a message that must arrive before any later one; raise LinkFault.

        As it is here for a wire that keeps the order in which it is written to.
        """
        fault = self.write(body, None)
        if fault is not None:
            raise fault

    def withdraw(self, upstream_id: int, /) -> None:
        """Do not send a request that is still unsent."""
        ...

    async def close(self) -> None:
        """Leave the server."""
        ...


def check_unread(unwritten: int, body: bytes, write_bytes: int) -> LinkFault | None:
    """Refuse a message that has to wait behind too much; alone it may have any size."""
    if unwritten and unwritten + len(body) > write_bytes:
        return LinkFault("unavailable", UNREAD)
    return None


@final
class WireLink:
    """Carry calls over one wire."""

    def __init__(self, server: Server, setup: Setup, wire: Wire) -> None:
        self.wire = wire
        self._server = server
        self._setup = setup
        self._wheel = setup.wheel
        self._gate = setup.gate
        self._calls: dict[int, OpenCall] = {}
        self._loop = asyncio.get_running_loop()
        self._workers = Workers()
        self._lost = Lost()
        self._closed = False
        self._stamp = b""
        self._peer: Peer | None = None
        self._notice: Callable[[int], None] | None = None
        self._missed = 0
        self._said_ns = -QUIET_NS
        self.unreadable = 0

    async def start(self) -> None:
        """Reach the server."""
        await self.wire.start(self)

    @property
    def lost(self) -> str:
        """Why the link is no longer usable; empty while it is."""
        return self._lost.reason

    def settle(self, revision: str) -> None:
        """Take note of the revision that is spoken."""
        self._stamp = build_stamp(self._setup.version) if revision == MODERN else b""
        self.wire.settle(revision)

    def meet(self, peer: Peer) -> None:
        """Take note of whom this link leads to."""
        self._peer = peer

    def call(self, forward: Forward, upstream_id: int, deadline_ns: int) -> OpenCall:
        """Send a judged message."""
        call = OpenCall(upstream_id, deadline_ns, self, self._loop)
        self._wheel.add(call)
        self._calls[upstream_id] = call
        fault = self._write(forward.body, upstream_id)
        if fault is not None:
            self._calls.pop(upstream_id, None)
            call.fail(fault)
        return call

    async def request(self, method: str, params: bytes, timeout_s: float) -> bytes:
        """Ask on the gateway's own behalf; return the raw `result`."""
        return read_result(await self.hear(self.ask(self.build(method, params), timeout_s)))

    def build(self, method: str, params: bytes) -> Own:
        """Build a request of our own with a fresh id."""
        return build_own(self._gate.issue_id(), method, params, self._stamp)

    def ask(self, own: Own, timeout_s: float | None) -> OpenCall:
        """Send a request of our own; None is for one that stays open."""
        deadline_ns = NEVER_NS
        if timeout_s is not None:
            deadline_ns = self._setup.clock.now() + int(timeout_s * 1e9)
        return self.call(_Message(own.body), own.upstream_id, deadline_ns)

    async def hear(self, call: OpenCall) -> bytes:
        """Wait for the reply to a request of our own and forget the request."""
        try:
            return await call.receive_last()
        finally:
            call.close()

    def post(self, body: bytes) -> None:
        """Send a message that has no reply."""
        fault = self._write(body, None)
        if fault is not None:
            log.debug("link.unsent", extra={"server": self._server.name, "reason": str(fault)})

    async def deliver(self, body: bytes) -> None:
        """Send a message that must arrive before any later one; raise LinkFault."""
        await self.wire.deliver(body)

    def listen(self, notice: Callable[[int], None]) -> None:
        """Have `notice` hear which lists changed."""
        self._notice = notice
        missed, self._missed = self._missed, 0
        if missed:
            notice(missed)
        if self._peer is not None and self._peer.era == "modern":
            params = build_listen(self._peer.capabilities)
            self._workers.start(partial(self._subscribe, params))

    async def wait_lost(self) -> str:
        """Return the reason once the link is no longer usable."""
        return await self._lost.wait()

    async def close(self) -> None:
        """Leave the server and end every call."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._workers.close()
        finally:
            await self.wire.close()
            self._end("closed")

    # What comes over the wire.

    def take_message(self, message: bytes) -> None:
        """Give a message to whom it is for."""
        address = self._gate.address(message)
        kind = address.kind
        if kind == REPLY and address.id in self._calls:
            self._calls.pop(address.id).put(message, final=True)
        elif kind == PROGRESS and address.id in self._calls:
            call = self._calls[address.id]
            if not call.full:  # nobody reads: progress may be lost, replies never
                call.put(message, final=False)
        elif kind == NOTICE:
            self._take_notice(address.id, len(message))
        elif kind == REQUEST:
            self.post(address.body)
        elif kind == UNREADABLE:
            self.refuse(address.id, "unreadable", "the server's reply cannot be read")
            self._count(len(message))

    def take_overlong(self, ends: bytes) -> None:
        """End the call whose reply was too long to be held."""
        text = f"the server's answer is over {self._setup.reply_bytes} bytes"
        self._blame(ends, "reply_too_large", text)
        self._count(self._setup.reply_bytes)

    def take_foreign(self, message: bytes) -> None:
        """End the call whose reply came in a form that no message has."""
        self._blame(message, "unreadable", "the server's reply cannot be read")
        self._count(len(message))

    def refuse(self, upstream_id: int, reason: str, text: str) -> None:
        """End one call, if it is still open."""
        call = self._calls.pop(upstream_id, None)
        if call is not None:
            call.fail(LinkFault(reason, text))

    def take_end(self, text: str) -> None:
        """End every call: the wire is gone."""
        if not self._closed and not self._lost:
            log.warning("link.lost", extra={"server": self._server.name, "reason": text})
        self._end(text)

    # What calls ask for.

    def cancel(self, call: OpenCall, body: bytes) -> None:
        """Tell the server that nobody waits."""
        if body and call.upstream_id in self._calls:
            self.post(body)

    def forget(self, call: OpenCall) -> None:
        """Let go of a call; a late reply finds nobody."""
        self._wheel.discard(call)
        if self._calls.get(call.upstream_id) is call:
            del self._calls[call.upstream_id]
        self.wire.withdraw(call.upstream_id)

    def resume(self) -> None:
        """Do nothing: one slow reader does not stop the wire that all share."""

    def _write(self, body: bytes, upstream_id: int | None) -> LinkFault | None:
        if self._lost:
            return LinkFault("unavailable", self._lost.reason)
        return self.wire.write(body, upstream_id)

    def _take_notice(self, bits: int, size_bytes: int) -> None:
        if bits & LISTS:
            if self._notice is not None:
                self._notice(bits & LISTS)
            else:
                self._missed |= bits & LISTS
        elif bits == LOG:
            log.debug("server.log", extra={"server": self._server.name, "size_bytes": size_bytes})

    def _blame(self, raw: bytes, reason: str, text: str) -> None:
        address = self._gate.address(raw)
        if address.kind in {UNREADABLE, REPLY}:
            self.refuse(address.id, reason, text)

    def _count(self, size_bytes: int) -> None:
        self.unreadable += 1
        now = self._setup.clock.now()
        if now - self._said_ns >= QUIET_NS:
            self._said_ns = now
            fields = {
                "server": self._server.name,
                "size_bytes": size_bytes,
                "count": self.unreadable,
            }
            log.warning("server.unreadable", extra=fields)

    def _end(self, text: str) -> None:
        self._lost.set(text)
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.fail(LinkFault("lost", text))

    async def _subscribe(self, params: bytes) -> None:
        delay_s = SHORTEST_S
        while params and not self._lost:
            try:
                raw = await self.hear(self.ask(self.build("subscriptions/listen", params), None))
            except LinkFault as fault:
                log.debug("link.no_stream", extra={"reason": str(fault)})
                return
            if is_error(raw):
                return
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, LONGEST_S)


@final
class _Message:
    """A message of our own in the form of a forward verdict."""

    __slots__ = ("body", "head")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.head = b""
