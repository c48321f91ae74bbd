"""The server's own stream over http: a GET for legacy servers, `subscriptions/listen` for modern.

Rules: 405, or any other refusal that will not change, is never asked again. Else the stream is
kept for as long as the link lives: each break waits for the server's `retry`, or a delay that
doubles up to 30 s while streams stay short. What was missed during a break without event ids
cannot be known, so all lists are announced once the stream is back.
"""

import asyncio
import logging
from typing import Final, Protocol, final

from mcpgate.errors import LinkFault
from mcpgate.gate import (
    LISTS,
    LOG,
    NOTICE,
    PING,
    REPLY,
    REQUEST,
    UNREADABLE,
    UPDATED,
    Gate,
    SseCutter,
    cut_batch,
    is_array,
)
from mcpgate.links.http_connection import HttpConnection, Reply
from mcpgate.links.rpc import Own, build_listen, is_error
from mcpgate.model import Peer

SHORTEST_S: Final = 1.0
LONGEST_S: Final = 30.0
STEADY_S: Final = 5.0

log = logging.getLogger(__name__)


class Desk(Protocol):
    """What a stream needs of its link."""

    gate: Gate
    reply_bytes: int
    batches: bool

    def build(self, method: str, params: bytes) -> Own:
        """Build a request of our own."""
        ...

    def frame_own(self, own: Own) -> bytes:
        """Render a request of our own with its head."""
        ...

    def announce(self, bits: int) -> None:
        """Say which lists changed."""
        ...

    def give(self, upstream_id: int, reply: bytes) -> bool:
        """Give a reply to the open call that it is for; say False without one."""
        ...

    def update(self, uri: str) -> None:
        """Say which resource changed."""
        ...

    def tell(self, body: bytes) -> None:
        """Send the answer to a server's own request."""
        ...

    def ask_back(self, message: bytes, body: bytes) -> None:
        """Give a server's own request to who can be asked, or answer it with `body`."""
        ...

    def end_session(self, text: str) -> None:
        """Take note that the server knows the session no longer."""
        ...

    def is_session_over(self, status: int, body: bytes, *, ours: bool) -> bool:
        """Say whether this answer means that the session is gone."""
        ...


class Opener(Protocol):
    """Who opens connections that stay."""

    async def open_apart(self, reply: Reply, payload: bytes) -> None:
        """Send a request on a connection of its own."""
        ...


@final
class StreamReply:
    """The answer to the request that opens a stream; `done` resolves when it is over."""

    __slots__ = (
        "_began",
        "_body",
        "_cutter",
        "_desk",
        "_gap",
        "connection",
        "done",
        "last_id",
        "refused",
        "retry_ms",
        "status",
        "text",
    )

    def __init__(self, desk: Desk, began: asyncio.Event, *, gap: bool) -> None:
        """Take whom it is for, what is set once it is answered, and whether news may be missed."""
        self.connection: HttpConnection | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.status = 0
        self.text = ""
        self.last_id = ""
        self.retry_ms = -1
        self.refused = False
        self._began = began
        self._gap = gap
        self._desk = desk
        self._cutter: SseCutter | None = None
        self._body = b""

    @property
    def streamed(self) -> bool:
        """Whether the server really opened a stream."""
        return self._cutter is not None

    @property
    def body(self) -> bytes:
        """The beginning of an answer that is no stream."""
        return self._body

    def begin(self, status: int, headers: dict[bytes, bytes]) -> LinkFault | None:
        """Accept a stream; anything else is a refusal."""
        self._began.set()
        self.status = status
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if status == 200 and kind == b"text/event-stream":
            self._cutter = SseCutter(self._desk.reply_bytes)
            if self._gap:
                self._desk.announce(LISTS)
        else:
            self.text = f"status {status}"
            self.refused = status < 500 and status not in {408, 409, 425, 429}
        return None

    def feed(self, chunk: bytes) -> LinkFault | None:
        """Cut events off the stream."""
        cutter = self._cutter
        if cutter is None:
            self._body = (self._body + chunk)[:4096]
            if len(self._body) < 4096:
                return None
            self._finish()
            return LinkFault("unreadable", "no stream")
        try:
            events = cutter.feed(chunk)
        except ValueError:
            self.fail(LinkFault("reply_too_large", "an event is over the limit"))
            return LinkFault("reply_too_large", "an event is over the limit")
        for event in events:
            self._take(event)
        return None

    def end(self) -> None:
        """Take note that the server ended the stream."""
        self._finish()

    def fail(self, fault: LinkFault) -> None:
        """Take note that the stream broke."""
        self.text = str(fault)
        self._finish()

    def _take(self, event: bytes) -> None:
        address = self._desk.gate.address(event)
        if address.kind == NOTICE and address.id & LISTS:
            self._desk.announce(address.id & LISTS)
        elif address.kind == NOTICE and address.id == LOG:
            log.debug("server.log", extra={"size_bytes": len(event)})
        elif address.kind == REQUEST and address.id == PING:
            self._desk.tell(address.body)
        elif address.kind == REQUEST:
            self._desk.ask_back(event, address.body)
        elif address.kind == UPDATED:
            self._desk.update(address.body.decode())
        elif address.kind == REPLY and not self._desk.give(address.id, event):
            self.refused = self.refused or is_error(event)
        elif address.kind == UNREADABLE and self._desk.batches:
            for each in cut_batch(event) or ():
                if not is_array(each):
                    self._take(each)

    def _finish(self) -> None:
        self._began.set()
        if self._cutter is not None:
            self.last_id, self.retry_ms = self._cutter.last_id, self._cutter.retry_ms
        if not self.done.done():
            self.done.set_result(None)


@final
class HttpStream:
    """Keep one stream open for as long as it makes sense."""

    def __init__(
        self, desk: Desk, opener: Opener, peer: Peer, head: bytes, params: bytes = b""
    ) -> None:
        """Take whom it is for; `params` are those of a listen request, if not for all lists."""
        self._desk = desk
        self._opener = opener
        self._modern = peer.era == "modern"
        self._params = params or (build_listen(peer.capabilities) if self._modern else b"")
        self._head = head
        self._last_id = ""
        self._opened = False
        self.began = asyncio.Event()

    async def run(self) -> None:
        """Open the stream again and again, until it is refused for good."""
        if self._modern and not self._params:
            return
        loop = asyncio.get_running_loop()
        delay_s = SHORTEST_S
        while True:
            started = loop.time()
            reply = await self._stay()
            if self._is_over(reply):
                return
            if loop.time() - started >= STEADY_S:
                delay_s = SHORTEST_S
            wished = reply.retry_ms >= 0
            await asyncio.sleep(max(reply.retry_ms / 1000, 0.1) if wished else delay_s)
            delay_s = min(delay_s * 2, LONGEST_S)

    async def _stay(self) -> StreamReply:
        reply = StreamReply(self._desk, self.began, gap=self._opened and not self._last_id)
        try:
            await self._opener.open_apart(reply, self._render())
            await reply.done
        except LinkFault as fault:
            reply.text = str(fault)
        finally:
            if reply.connection is not None:
                reply.connection.abort()
        self._opened = self._opened or reply.streamed
        self._last_id = reply.last_id or ("" if reply.streamed else self._last_id)
        return reply

    def _is_over(self, reply: StreamReply) -> bool:
        if not reply.streamed and self._opened:
            text = f"the server knows our session no longer (status {reply.status} for its stream)"
            if self._desk.is_session_over(reply.status, reply.body, ours=False):
                self._desk.end_session(text)
                return True
        if reply.refused:
            log.debug("link.no_stream", extra={"reason": reply.text})
        return reply.refused

    def _render(self) -> bytes:
        if self._modern:
            return self._desk.frame_own(self._desk.build("subscriptions/listen", self._params))
        resumable = self._last_id and self._last_id.isprintable() and self._last_id.isascii()
        resume = f"last-event-id: {self._last_id}\r\n" if resumable else ""
        return self._head + resume.encode("ascii") + b"\r\n"
