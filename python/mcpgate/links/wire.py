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
from typing import Final, final

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault
from mcpgate.gate import (
    BATCHED,
    LISTS,
    LOG,
    NOTICE,
    PING,
    PROGRESS,
    REPLY,
    REQUEST,
    UNREADABLE,
    UPDATED,
    Address,
    cut_batch,
    is_array,
)
from mcpgate.links.call import OpenCall, find_asked
from mcpgate.links.lost import Lost
from mcpgate.links.rpc import (
    MODERN,
    Own,
    build_cancel,
    build_listen,
    build_own,
    build_stamp,
    is_error,
    read_result,
)
from mcpgate.links.setup import Setup
from mcpgate.links.wires import Wire
from mcpgate.links.wishes import Wishes
from mcpgate.links.workers import Workers
from mcpgate.model import COMMON, Forward, Peer, Terms

QUIET_NS: Final = 10_000_000_000
NEVER_NS: Final = 1 << 62
SHORTEST_S: Final = 1.0
LONGEST_S: Final = 30.0

log = logging.getLogger(__name__)


@final
class WireLink:
    """Carry calls over one wire."""

    def __init__(self, server: Server, setup: Setup, wire: Wire, terms: Terms = COMMON) -> None:
        self.wire = wire
        self._owned = terms.owned
        self._server = server
        self._setup = setup
        self._wheel = setup.wheel
        self._gate = setup.gate
        self._calls: dict[int, OpenCall] = {}
        self._loop = asyncio.get_running_loop()
        self._workers = Workers()
        self._lost = Lost()
        self._closed = self._batches = False
        self._stamp = b""
        self._updated: Callable[[str], None] | None = None
        self._peer: Peer | None = None
        self._wishes = Wishes(self, self._workers)
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

    @property
    def usable(self) -> bool:
        """Whether a call can still reach the server over this link, as far as is known."""
        return not self._lost and not self.wire.ended

    @property
    def open_calls(self) -> int:
        """How many calls are open."""
        return len(self._calls)

    def settle(self, revision: str) -> None:
        """Take note of the revision that is spoken."""
        self._batches = revision == BATCHED
        self._stamp = build_stamp(self._setup.version) if revision == MODERN else b""
        self.wire.settle(revision)

    def meet(self, peer: Peer) -> None:
        """Take note of whom this link leads to."""
        self._peer = peer
        self._wishes.meet(peer)

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
        return self.call(own, own.upstream_id, deadline_ns)

    async def hear(self, call: OpenCall) -> bytes:
        """Wait for the reply to a request of our own and forget the request."""
        try:
            return await call.receive_last()
        finally:
            call.close()

    def tell(self, body: bytes) -> None:
        """Send a message that has no reply."""
        fault = self._write(body, None)
        if fault is not None:
            log.debug("link.unsent", extra={"server": self._server.name, "reason": str(fault)})

    async def deliver(self, body: bytes) -> None:
        """Send a message that must arrive before any later one; raise LinkFault."""
        await self.wire.deliver(body)

    def set_level(self, level: int) -> asyncio.Future[None] | None:
        """Have the server log from this severity on; return what to wait for before a call."""
        return self._wishes.set_level(level)

    def watch(self, uris: frozenset[str]) -> None:
        """Have the server tell of changes of these resources and no others."""
        self._wishes.watch(uris, self._subscribe)

    def listen(
        self, notice: Callable[[int], None], updated: Callable[[str], None] | None = None
    ) -> None:
        """Have `notice` hear which lists changed."""
        self._notice, self._updated = notice, updated
        missed, self._missed = self._missed, 0
        if missed:
            notice(missed)
        if self._peer is not None and self._peer.era == "modern":
            params = build_listen(self._peer.capabilities)
            self._workers.start(partial(self._subscribe, params))

    async def wait_listening(self) -> None:
        """Wait for nothing: the one wire is there."""

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
        elif kind in {NOTICE, UPDATED, REQUEST}:
            self._take_unasked(message, address)
        elif kind == UNREADABLE:
            self._take_unread(message, address.id)

    def _take_unasked(self, message: bytes, address: Address) -> None:
        """Take what the server says on its own account."""
        kind = address.kind
        if kind == UPDATED:
            if self._updated is not None:
                self._updated(address.body.decode())
        elif kind == REQUEST:
            if address.id == PING or not self._hand_over(message):
                self.tell(address.body)
        elif address.id != LOG:
            self._take_notice(address.id & LISTS)
        elif not self._hand_over(message):
            log.debug("server.log", extra={"server": self._server.name, "size": len(message)})

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
            self.tell(body)

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

    def _hand_over(self, message: bytes) -> bool:
        """Give what a server says unasked to the call it belongs to; False where none is clear."""
        call = find_asked(reversed(self._calls.values()), owned=self._owned)
        if call is not None:
            call.put(message, final=False)
        return call is not None

    def _take_unread(self, message: bytes, upstream_id: int) -> None:
        """Take the messages of a batch; what is none ends the call that it seems to answer."""
        messages = cut_batch(message) if self._batches else None
        if messages is None:
            self.refuse(upstream_id, "unreadable", "the server's reply cannot be read")
            self._count(len(message))
            return
        for each in messages:
            if is_array(each):
                self._count(len(each))
            else:
                self.take_message(each)

    def _take_notice(self, bits: int) -> None:
        if bits and self._notice is not None:
            self._notice(bits)
        else:
            self._missed |= bits

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
        for upstream_id, call in calls.items():
            unsent = self.wire.is_unsent(upstream_id)
            call.fail(LinkFault("unavailable" if unsent else "lost", text))

    async def _subscribe(self, params: bytes) -> None:
        delay_s = SHORTEST_S
        while params and not self._lost:
            own = self.build("subscriptions/listen", params)
            try:
                raw = await self.hear(self.ask(own, None))
            except LinkFault as fault:
                log.debug("link.no_stream", extra={"reason": str(fault)})
                return
            except asyncio.CancelledError:
                self.tell(build_cancel(own.upstream_id))
                raise
            if is_error(raw):
                return
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, LONGEST_S)
