"""A link to a server over Streamable HTTP, either era.

Rules: `call` never waits and starts no task when a connection is free. Heads are rendered once,
when the era and the session are known. A link is lost when the server forgot its session, when it
could not be dialled three times in a row, or once while no connection was left; whoever keeps links
opens another. Calls that a lost link has sent may still be answered.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import final

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault
from mcpgate.gate import BATCHED, REPLY
from mcpgate.links.call import OpenCall, find_asked
from mcpgate.links.dial import load_trust
from mcpgate.links.http_pool import HttpPool
from mcpgate.links.http_reply import CallReply, PostReply
from mcpgate.links.http_stream import HttpStream
from mcpgate.links.lost import Lost
from mcpgate.links.outbox import Outbox
from mcpgate.links.rpc import MODERN, Own, build_own, build_stamp, find_error_code, read_result
from mcpgate.links.setup import Setup
from mcpgate.links.target import (
    ACCEPT_BOTH,
    ACCEPT_STREAM,
    NOTHING,
    check_headers,
    mirror,
    read_target,
    render_head,
)
from mcpgate.links.wishes import Wishes
from mcpgate.links.workers import Workers
from mcpgate.model import COMMON, Forward, Peer, Terms

POST_S = 10.0
POSTS = 64
SESSION_CODES = frozenset((0, -32000, -32001, -32600))
CLOSE_S = 2.0

log = logging.getLogger(__name__)


@final
class HttpLink:
    """Carry calls to one http server over pooled connections."""

    def __init__(self, server: Server, setup: Setup, terms: Terms = COMMON) -> None:
        self.gate = setup.gate
        self._owned = terms.owned
        self.reply_bytes = setup.reply_bytes
        self._server = server
        self._setup = setup
        self._wheel = setup.wheel
        self._target = read_target(server.url or "")
        self._fields = {"user-agent": f"mcpgate/{setup.version}", **check_headers(server.headers)}
        self.loop = asyncio.get_running_loop()
        self._pool = HttpPool(
            self._target,
            load_trust(self._target, server.ca_file),
            setup.clock,
            setup.connections_per_server,
            Outbox(self.loop),
        )
        self._pool.on_dead = self._pool.on_unreachable = self.lose
        self._wheel.every(self._pool.sweep)
        self._workers = Workers()
        self._lost = Lost()
        self._closed = False
        self._calls: dict[OpenCall, None] = {}
        self._stamp = b""
        self._notice: Callable[[int], None] | None = None
        self._missed = 0
        self._posts = 0
        self._updated: Callable[[str], None] | None = None
        self._peer: Peer | None = None
        self._wishes = Wishes(self, self._workers)
        self._stream: HttpStream | None = None
        self.settle("", "")

    def settle(self, revision: str, session: str) -> None:
        """Render the heads for what was agreed with the server."""
        self._modern = revision == MODERN
        self.batches = revision == BATCHED
        self._session = session
        self._sessional = bool(session)
        agreed = {}
        if revision:
            agreed["mcp-protocol-version"] = revision
        if session:
            agreed["mcp-session-id"] = session
        self._agreed = agreed
        self._head = render_head("POST", self._target, ACCEPT_BOTH, self._fields, agreed)
        self._stamp = build_stamp(self._setup.version) if self._modern else b""

    def meet(self, peer: Peer) -> None:
        """Take note of whom this link leads to."""
        self._peer = peer
        self._wishes.meet(peer)

    def call(self, forward: Forward, upstream_id: int, deadline_ns: int) -> OpenCall:
        """Send a judged message; written at once when a connection is free."""
        return self._send(forward.body, forward.head, upstream_id, deadline_ns).call

    async def request(self, method: str, params: bytes, timeout_s: float) -> bytes:
        """Ask on the gateway's own behalf; return the raw `result`."""
        reply = self.ask(self.build(method, params), timeout_s)
        return read_result(await self.hear(reply))

    def build(self, method: str, params: bytes) -> Own:
        """Build a request of our own with a fresh id."""
        return build_own(self.gate.issue_id(), method, params, self._stamp)

    def ask(self, own: Own, timeout_s: float) -> CallReply:
        """Send a request of our own."""
        deadline_ns = self._setup.clock.now() + int(timeout_s * 1e9)
        return self._send(own.body, self._mirror(own), own.upstream_id, deadline_ns)

    def frame_own(self, own: Own) -> bytes:
        """Render a request of our own with its head."""
        return self._frame(own.body, self._mirror(own))

    async def hear(self, reply: CallReply) -> bytes:
        """Wait for the reply to a request of our own and forget the request."""
        call = reply.call
        try:
            raw = await call.receive_last()
        finally:
            call.close()
        address = self.gate.address(raw)
        if address.kind != REPLY or address.id != call.upstream_id:
            raise LinkFault("unreadable", "the server answered something that was not asked")
        return raw

    async def post(self, body: bytes) -> int:
        """Send a message that has no reply; return the status, 0 when none came."""
        return await self._deliver(self._frame(body, b""), POST_S)

    def set_level(self, level: int) -> asyncio.Future[None] | None:
        """Have the server log from this severity on; return what to wait for before a call."""
        return self._wishes.set_level(level)

    def watch(self, uris: frozenset[str]) -> None:
        """Have the server tell of changes of these resources and no others."""
        self._wishes.watch(uris, self._stay)

    def listen(
        self, notice: Callable[[int], None], updated: Callable[[str], None] | None = None
    ) -> None:
        """Keep the server's own stream open; `notice` hears which lists changed."""
        self._notice, self._updated = notice, updated
        missed, self._missed = self._missed, 0
        if missed:
            notice(missed)
        if self._peer is not None:
            self._stream = self._make_stream(self._peer, b"")
            self._workers.start(self._stream.run)

    async def wait_listening(self) -> None:
        """Wait until the server has answered the request for its own stream, if that was made."""
        if self._stream is not None:
            await self._stream.began.wait()

    @property
    def connections(self) -> int:
        """How many connections carry calls or wait for them."""
        return self._pool.size

    async def streams_ended(self) -> None:
        """Wait until no stream of the server's own is kept or sought any more."""
        await self._workers.wait_idle()

    @property
    def usable(self) -> bool:
        """Whether a call can still reach the server over this link, as far as is known."""
        return not self._lost

    @property
    def open_calls(self) -> int:
        """How many calls are open."""
        return len(self._calls)

    async def wait_lost(self) -> str:
        """Return the reason once the link is no longer usable."""
        return await self._lost.wait()

    def lose(self, text: str) -> None:
        """Mark the link as no longer usable."""
        if not self._lost and not self._closed:
            log.warning("link.lost", extra={"server": self._server.name, "reason": text})
        self._lost.set(text)

    async def close(self) -> None:
        """End the streams, the session, every call and every connection."""
        if self._closed:
            return
        self._closed = True
        self.lose("closed")
        await self._workers.close()
        if self._session:
            head = render_head("DELETE", self._target, self._fields, self._agreed)
            with contextlib.suppress(LinkFault):
                await self._deliver(head + NOTHING, CLOSE_S)
        self._pool.fail_unsent("the link was closed")
        for call in list(self._calls):
            call.fail(LinkFault("lost", "the link was closed"))
        await self._pool.close()
        self._wheel.never(self._pool.sweep)

    # What replies and streams ask for.

    def announce(self, bits: int) -> None:
        """Say which lists changed."""
        if self._notice is not None:
            self._notice(bits)
        else:
            self._missed |= bits

    def give(self, upstream_id: int, reply: bytes) -> bool:
        """Give a reply that came on the server's own stream to the open call that it is for."""
        for call in self._calls:
            if call.upstream_id == upstream_id:
                call.put(reply, final=True)
                return True
        return False

    def update(self, uri: str) -> None:
        """Say which resource changed."""
        if self._updated is not None:
            self._updated(uri)

    def tell(self, body: bytes) -> None:
        """Send a message that has no reply, on another connection."""
        if not body or self._closed:
            return
        if self._posts >= POSTS:
            log.debug("link.unsent", extra={"server": self._server.name})
            return
        self._start_post(self._frame(body, b""), POST_S)

    def ask_back(self, message: bytes, body: bytes) -> None:
        """Give what a server asks on its own stream to whose call it is; else answer with `body`.

        That is the only open call, or the newest of a link's owner: its client can be asked.
        """
        call = find_asked(reversed(self._calls), owned=self._owned) if body else None
        if call is None:
            self.tell(body)
        else:
            call.put(message, final=False)

    def end_session(self, text: str) -> None:
        """Take note that the server knows the session no longer."""
        self._session = ""
        self.lose(text)

    def is_session_over(self, status: int, body: bytes, *, ours: bool) -> bool:
        """Say whether an answer means that the session is gone.

        The specification says 404. Servers made with the TypeScript SDK answer 400 after a restart
        and say so in words only; without a look at those, every later call would fail for good.
        """
        if not self._sessional or status not in {400, 404}:
            return False
        if status == 404 and not ours:
            return True
        said = body[:4096].lower()
        named = b"session" in said or b"not initialized" in said
        return named and find_error_code(body) in SESSION_CODES

    def resume(self, reply: CallReply, last_id: str, retry_ms: int) -> bool:
        """Ask for the rest of a broken stream, as a server with event ids allows."""
        if self._modern or self._closed or self._lost or not last_id.isprintable():
            return False
        again = {**self._agreed, "last-event-id": last_id}
        try:
            head = render_head("GET", self._target, ACCEPT_STREAM, self._fields, again)
        except UnicodeEncodeError:
            return False
        reply.resumed = True
        delay_s = min(max(retry_ms, 100), 10_000) / 1000
        asyncio.get_running_loop().call_later(delay_s, self._continue, reply, head + b"\r\n")
        return True

    def cancel(self, reply: CallReply, body: bytes) -> None:
        """Tell a legacy server in words, a modern one by closing the stream."""
        if body and reply.connection is not None:
            self.tell(body)
        else:
            self._pool.withdraw(reply)

    def forget(self, reply: CallReply) -> None:
        """Let go of a call; an unanswered one takes its connection with it."""
        call = reply.call
        self._wheel.discard(call)
        self._calls.pop(call, None)
        if call.answered:
            self._pool.drain(reply)
        else:
            call.fail(LinkFault("lost", "nobody waits for this call"))
            self._pool.withdraw(reply)

    def _make_stream(self, peer: Peer, params: bytes) -> HttpStream:
        head = render_head("GET", self._target, ACCEPT_STREAM, self._fields, self._agreed)
        return HttpStream(self, self._pool, peer, head, params)

    async def _stay(self, params: bytes) -> None:
        if self._peer is not None:
            await self._make_stream(self._peer, params).run()

    def _send(self, body: bytes, head: bytes, upstream_id: int, deadline_ns: int) -> CallReply:
        reply = CallReply(self, upstream_id, deadline_ns)
        self._wheel.add(reply.call)
        self._calls[reply.call] = None
        self._pool.send(reply, self._frame(body, head))
        return reply

    def _mirror(self, own: Own) -> bytes:
        return mirror(own.method, own.name) if self._modern else b""

    def _frame(self, body: bytes, head: bytes) -> bytes:
        return b"%b%bcontent-length: %d\r\n\r\n%b" % (self._head, head, len(body), body)

    def _start_post(self, payload: bytes, timeout_s: float) -> PostReply:
        reply = PostReply(self._setup.clock.now() + int(timeout_s * 1e9))
        self._wheel.add(reply)
        self._posts += 1
        reply.done.add_done_callback(lambda _: self._end_post(reply))
        self._pool.send(reply, payload, urgent=True)
        return reply

    def _end_post(self, reply: PostReply) -> None:
        self._posts -= 1
        self._wheel.discard(reply)
        self._pool.withdraw(reply)

    async def _deliver(self, payload: bytes, timeout_s: float) -> int:
        return await self._start_post(payload, timeout_s).done

    def _continue(self, reply: CallReply, payload: bytes) -> None:
        if not reply.call.ended:
            self._pool.send(reply, payload)
