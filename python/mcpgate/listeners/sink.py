"""Where the reply to one HTTP request goes.

Strategy: a reply is sent whole, or as a stream of events that begins with its first message.
Rules: granian keeps what a client does not read in memory without bound and never says that it was
read, so a stream has a budget of bytes for its whole life; over it the stream is cut and the log
says so. A status outside 200..599 would kill the worker and is sent as 500.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, final

from mcpgate.listeners.framing import KEEP_ALIVE, OPENING, encode_event, encode_priming
from mcpgate.listeners.rsgi import HeaderList, Reply, Transport, Watcher

REPLY_BUDGET_BYTES: Final = 64 << 20
STREAM_BUDGET_BYTES: Final = 1 << 20
_log = logging.getLogger("mcpgate.listeners")


@final
class Replies:
    """The header lists of every reply of one server, made once."""

    __slots__ = ("empty", "json", "sse")

    def __init__(self, closing: bool) -> None:
        """Make them; `closing` ends each connection with its reply."""
        end: HeaderList = [("connection", "close")] if closing else []
        self.empty: Final[HeaderList] = end
        self.json: Final[HeaderList] = [("content-type", "application/json"), *end]
        self.sse: Final[HeaderList] = [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-store, no-transform"),
            ("x-accel-buffering", "no"),
            *end,
        ]


def clamp_status(status: int) -> int:
    """Return a status that granian can send."""
    return status if 200 <= status <= 599 else 500


def send_whole(
    protocol: Reply, replies: Replies, status: int, body: bytes, session: str = ""
) -> None:
    """Send a whole reply."""
    if not body:
        protocol.response_empty(clamp_status(status), replies.empty)
        return
    headers = replies.json
    if session:
        headers = [*headers, ("mcp-session-id", session)]
    protocol.response_bytes(clamp_status(status), headers, body)


@final
class HttpSink:
    """Send one reply through granian, whole or as a stream."""

    __slots__ = (
        "_budget",
        "_ended",
        "_live",
        "_over",
        "_protocol",
        "_replies",
        "_transport",
        "_watcher",
    )

    def __init__(self, protocol: Reply, replies: Replies, live: "set[HttpSink]") -> None:
        """Take granian's protocol, the header lists and the set of started streams."""
        self._protocol = protocol
        self._replies = replies
        self._live = live
        self._budget = REPLY_BUDGET_BYTES
        self._ended = False
        self._transport: Transport | None = None
        self._watcher: Watcher | None = None
        self._over: Callable[[], None] | None = None

    def send(self, status: int, body: bytes, session: str = "") -> None:
        """Send the whole reply; after a first message, send its last one."""
        if self._transport is not None:
            if body:
                self.write(body)
            self.end()
        else:
            send_whole(self._protocol, self._replies, status, body, session)

    def write(self, message: bytes) -> bool:
        """Send one of several messages; say False once the stream is over its budget."""
        return self._put(encode_event(message))

    def put(self, event: str, message: bytes) -> bool:
        """Send one message, or none, under a name; say False once the stream is over."""
        return self._put(encode_event(message, event) if message else encode_priming(event))

    def beat(self) -> None:
        """Show the client and what is between that the stream lives."""
        self._put(KEEP_ALIVE)

    def open(self, first: bytes = OPENING) -> None:
        """Begin a stream that has no message yet."""
        self._put(first)

    def end(self) -> None:
        """End the reply without a further message: an empty stream if nothing was sent."""
        if self._ended:
            return
        if self._transport is None:
            self._start()
        self.leave()

    def leave(self) -> None:
        """Take note that there is nobody to send anything to."""
        if self._ended:
            return
        self._ended = True
        self._transport = None
        self._live.discard(self)
        over, self._over = self._over, None
        if over is not None:
            over()

    async def hold(self) -> None:
        """Wait until the client leaves or the stream is ended."""
        over = asyncio.get_running_loop().create_future()
        self.stay(lambda: None if over.done() else over.set_result(None))
        try:
            await over
        finally:
            self.unwatch()
            self.end()

    def start(self) -> None:
        """Do nothing: the reply begins with its first message."""

    def rest(self) -> None:
        """Do nothing: the stream goes on."""

    def stay(self, over: Callable[[], None]) -> None:
        """Call back once, when the client leaves or the stream is ended."""
        if self._ended:
            over()
            return
        self._over = over
        self.watch(self.leave)

    def limit(self, budget_bytes: int) -> None:
        """Give the stream another budget."""
        self._budget = budget_bytes

    def watch(self, gone: Callable[[], None]) -> None:
        """Call back once when the client leaves."""
        self._watcher = self._protocol.client_disconnect()
        self._watcher.add_done_callback(lambda _: self._leave(gone))

    def unwatch(self) -> None:
        """Care no longer whether the client leaves."""
        self._over = None
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()

    def _leave(self, gone: Callable[[], None]) -> None:
        if self._watcher is not None:
            self._watcher = None
            gone()

    def _start(self) -> Transport:
        transport = self._protocol.response_stream(200, self._replies.sse)
        self._transport = transport
        self._live.add(self)
        return transport

    def _put(self, data: bytes) -> bool:
        if self._ended:
            return False
        self._budget -= len(data)
        if self._budget < 0:
            _log.warning("stream.cut", extra={"reason": "over its budget of bytes"})
            self.end()
            return False
        (self._transport or self._start()).send_bytes(data)
        return True
