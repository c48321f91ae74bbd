"""A wire to a server over HTTP+SSE: one stream of events down, a POST for each message up.

Rules: the stream's first event says where to POST; any other origin than that of the url is
refused. A reply comes on the stream, whatever is said in answer to its POST, which only counts when
it is a refusal. The end of the stream is the end of the wire: this transport cannot resume.
"""

import asyncio
from typing import Final, final

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault
from mcpgate.links.dial import load_trust
from mcpgate.links.http_pool import HttpPool
from mcpgate.links.outbox import Outbox
from mcpgate.links.setup import Setup
from mcpgate.links.sse_replies import EventStream, Post, find_endpoint
from mcpgate.links.target import ACCEPT_STREAM, check_headers, read_target, render_head
from mcpgate.links.wires import UNREAD, Hearer, Wire

POST_S: Final = 10.0
POSTS: Final = 64
_JSON: Final = {"content-type": "application/json"}


@final
class SseWire(Wire):
    """Carry messages by POST and events."""

    def __init__(self, server: Server, setup: Setup) -> None:
        self._setup = setup
        self._url = server.url or ""
        self._target = read_target(self._url)
        self._endpoint = self._target
        self._fields = {"user-agent": f"mcpgate/{setup.version}", **check_headers(server.headers)}
        self._pool = HttpPool(
            self._target,
            load_trust(self._target, server.ca_file),
            setup.clock,
            setup.connections_per_server,
            Outbox(asyncio.get_running_loop()),
        )
        self._stream: EventStream | None = None
        self._hearer: Hearer | None = None
        self._posts: dict[int, Post] = {}
        self._others: set[Post] = set()
        self._head = b""
        self._gone = False

    @property
    def ended(self) -> bool:
        """Whether the server knows our session no more."""
        return self._gone

    async def start(self, hearer: Hearer) -> None:
        """Open the stream and wait for its endpoint."""
        self._hearer = hearer
        self._pool.on_dead = hearer.take_end
        self._setup.wheel.every(self._pool.sweep)
        stream = self._stream = EventStream(hearer, self._setup.reply_bytes)
        head = render_head("GET", self._target, ACCEPT_STREAM, self._fields)
        try:
            async with asyncio.timeout(self._setup.open_s):
                await self._pool.open_apart(stream, head + b"\r\n")
                uri = await stream.endpoint()
        except TimeoutError:
            text = f"the server named no endpoint within {self._setup.open_s:g} s"
            raise LinkFault("unavailable", text) from None
        self._endpoint = find_endpoint(self._target, self._url, uri)
        self.settle("")

    def settle(self, revision: str) -> None:
        """Render the head of each POST."""
        agreed = {"mcp-protocol-version": revision} if revision else {}
        self._head = render_head("POST", self._endpoint, _JSON, self._fields, agreed)

    def write(self, body: bytes, upstream_id: int | None) -> LinkFault | None:
        """POST a message on whichever connection is free."""
        if upstream_id is None:
            if len(self._others) >= POSTS:
                return LinkFault("unavailable", UNREAD)
            self._post_other(body)
            return None
        post = Post(self._end_post, upstream_id, 0)
        self._posts[upstream_id] = post
        self._pool.send(post, self._frame(body))
        return None

    async def deliver(self, body: bytes) -> None:
        """POST a message and wait until it is accepted."""
        fault = await self._post_other(body).done
        if fault is not None:
            raise fault

    def is_unsent(self, upstream_id: int) -> bool:
        """Say whether a request still waits for a connection."""
        post = self._posts.get(upstream_id)
        return post is not None and post.connection is None

    def withdraw(self, upstream_id: int) -> None:
        """Drop an unsent request; one whose answer is overdue has a second for it."""
        post = self._posts.pop(upstream_id, None)
        if post is None:
            return
        if post.connection is None:
            self._pool.withdraw(post)
        else:
            self._pool.drain(post)

    async def close(self) -> None:
        """Close the stream and every connection."""
        self._setup.wheel.never(self._pool.sweep)
        if self._stream is not None and self._stream.connection is not None:
            self._stream.connection.abort()
        for post in list(self._others):
            post.expire()
        await self._pool.close()

    def _post_other(self, body: bytes) -> Post:
        """POST what has no reply; it may overtake requests that wait for a connection."""
        post = Post(self._end_post, None, self._setup.clock.now() + int(POST_S * 1e9))
        self._others.add(post)
        self._setup.wheel.add(post)
        self._pool.send(post, self._frame(body), urgent=True)
        return post

    def _end_post(self, post: Post, fault: LinkFault | None) -> None:
        upstream_id = post.upstream_id
        if upstream_id is None:
            self._others.discard(post)
            self._setup.wheel.discard(post)
            self._pool.withdraw(post)
        elif self._posts.get(upstream_id) is post:
            del self._posts[upstream_id]
        else:
            return
        if fault is None or self._hearer is None:
            return
        self._gone = self._gone or post.status in {404, 410}  # before the refused call is told
        if upstream_id is not None:
            self._hearer.refuse(upstream_id, fault.reason, str(fault))
        if post.status in {404, 410}:
            self._hearer.take_end(f"the server knows our stream no longer (status {post.status})")

    def _frame(self, body: bytes) -> bytes:
        return b"%bcontent-length: %d\r\n\r\n%b" % (self._head, len(body), body)
