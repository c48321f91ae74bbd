"""A link to a server that is a child process: one message per line, both ways.

Rules: nothing waits for the child to read; over the write bound a call is refused as surely not
run. A line that is no message is counted and told to the log, and the link lives on; the call that
it seems to answer ends. The end of the child ends every open call as `lost`, and the link; starting
another is for whoever keeps links.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Final, final

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault
from mcpgate.gate import LISTS, LOG, NOTICE, PROGRESS, REPLY, REQUEST, UNREADABLE
from mcpgate.links.call import OpenCall
from mcpgate.links.child import Child, build_env, start_child
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
SECOND_NS: Final = 1_000_000_000
STDERR_LINES: Final = 200
NEVER_NS: Final = 1 << 62
SHORTEST_S: Final = 1.0
LONGEST_S: Final = 30.0

log = logging.getLogger(__name__)


@final
class StdioLink:
    """Carry calls to one child."""

    def __init__(self, server: Server, setup: Setup) -> None:
        self._server = server
        self._setup = setup
        self._wheel = setup.wheel
        self._gate = setup.gate
        self._child: Child | None = None
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
        self._shown_ns = self._shown = 0
        self.unreadable = 0

    async def start(self) -> None:
        """Start the child."""
        server, setup = self._server, self._setup
        env = build_env(os.environ, server.env)
        self._child = await start_child(
            self, server.command, env, server.cwd, setup.reply_bytes, setup.guard
        )
        log.info("link.started", extra={"server": server.name, "pid": self._child.pid})

    @property
    def pid(self) -> int:
        """The child's process id."""
        return 0 if self._child is None else self._child.pid

    @property
    def stderr_tail(self) -> str:
        """The last of what the child wrote to stderr."""
        return "" if self._child is None else self._child.tail.text

    @property
    def lost(self) -> str:
        """Why the link is no longer usable; empty while it is."""
        return self._lost.reason

    def settle(self, revision: str) -> None:
        """Take note of the revision that is spoken."""
        self._stamp = build_stamp(self._setup.version) if revision == MODERN else b""

    def meet(self, peer: Peer) -> None:
        """Take note of whom this link leads to."""
        self._peer = peer

    def call(self, forward: Forward, upstream_id: int, deadline_ns: int) -> OpenCall:
        """Send a judged message."""
        call = OpenCall(upstream_id, deadline_ns, self, self._loop)
        self._wheel.add(call)
        fault = self._write(forward.body)
        if fault is None:
            self._calls[upstream_id] = call
        else:
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
        fault = self._write(body)
        if fault is not None:
            log.debug("link.unsent", extra={"server": self._server.name, "reason": str(fault)})

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
        """End the child and every call."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._workers.close()
        finally:
            if self._child is not None:
                await self._child.stop()
            self._end("closed")

    # What the child says.

    def take_line(self, line: bytes) -> None:
        """Give a message to whom it is for."""
        address = self._gate.address(line)
        kind = address.kind
        if kind == REPLY and address.id in self._calls:
            self._calls.pop(address.id).put(line, final=True)
        elif kind == PROGRESS and address.id in self._calls:
            call = self._calls[address.id]
            if not call.full:  # nobody reads: progress may be lost, replies never
                call.put(line, final=False)
        elif kind == NOTICE:
            self._take_notice(address.id, len(line))
        elif kind == REQUEST:
            self.post(address.body)
        elif kind == UNREADABLE:
            self._refuse(address.id, "unreadable", "the server's reply cannot be read")
            self._count(len(line))

    def take_overlong(self, ends: bytes) -> None:
        """End the call whose reply was too long to be held."""
        address = self._gate.address(ends)
        if address.kind in {UNREADABLE, REPLY}:
            text = f"the server's answer is over {self._setup.reply_bytes} bytes"
            self._refuse(address.id, "reply_too_large", text)
        self._count(self._setup.reply_bytes)

    def take_complaint(self, line: str) -> None:
        """Show a line of stderr, so many a second; it is free text and no sign of an error."""
        if not line:
            return
        now = self._setup.clock.now()
        if now - self._shown_ns >= SECOND_NS:
            if self._shown > STDERR_LINES:
                skipped = self._shown - STDERR_LINES
                fields = {"server": self._server.name, "lines": skipped}
                log.warning("server.stderr_skipped", extra=fields)
            self._shown_ns, self._shown = now, 0
        self._shown += 1
        if self._shown <= STDERR_LINES:
            log.info("server.stderr", extra={"server": self._server.name, "line": line})

    def take_end(self, text: str) -> None:
        """End every call: the child is gone."""
        if not self._closed:
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

    def resume(self) -> None:
        """Do nothing: one slow reader does not stop the pipe that all share."""

    def _write(self, body: bytes) -> LinkFault | None:
        child = self._child
        if child is None or self._lost:
            return LinkFault("unavailable", self._lost.reason or "the server is not running")
        if child.unwritten + len(body) > self._setup.write_bytes and child.unwritten:
            return LinkFault("unavailable", "the server does not read what it is sent")
        if not child.write(body):
            return LinkFault("unavailable", "the server has closed its stdin")
        return None

    def _take_notice(self, bits: int, size_bytes: int) -> None:
        if bits & LISTS:
            if self._notice is not None:
                self._notice(bits & LISTS)
            else:
                self._missed |= bits & LISTS
        elif bits == LOG:
            log.debug("server.log", extra={"server": self._server.name, "size_bytes": size_bytes})

    def _refuse(self, upstream_id: int, reason: str, text: str) -> None:
        call = self._calls.pop(upstream_id, None)
        if call is not None:
            call.fail(LinkFault(reason, text))

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
            log.warning("server.unreadable_line", extra=fields)

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
