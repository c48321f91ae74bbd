"""HTTP+SSE, the transport of 2024-11-05: one stream of events to the client, posts beside it.

Strategy: the stream is what carries a conversation; a post brings one message of it and is answered
202 with nothing in it, since every reply, refusals too, is an event of the stream.
Rules: the stream's first event names where to post, with an id that is ours, drawn at random, and
good for as long as the stream is open and no longer. It counts in that one place of an address: not
in a header, and not where a session of Streamable HTTP is meant, whose ids do not count here. Posts
are held to Host, Origin, type and size as every other; the two paths lie beside the listener's.
"""

import base64
import re
from collections.abc import Callable, Coroutine
from typing import Final, Protocol, final

from mcpgate.listeners import heads
from mcpgate.listeners.conversation import Conversation
from mcpgate.listeners.framing import encode_endpoint
from mcpgate.listeners.glance import is_reply
from mcpgate.listeners.room import Room
from mcpgate.listeners.rsgi import HttpProtocol, Scope
from mcpgate.listeners.sink import REPLY_BUDGET_BYTES, HttpSink, Replies

STREAM_PATH: Final = "sse"
POST_PATH: Final = "messages"
ID_BYTES: Final = 32
ENDLESS_BYTES: Final = 1 << 62
_ALLOW_STREAM: Final = ("allow", "GET")
_ALLOW_POST: Final = ("allow", "POST")
_SESSION: Final = re.compile(r"(?:^|&)session=([^&]*)")


class Desk(Protocol):
    """Who refuses for the transport, and what its replies are made of: the front."""

    @property
    def replies(self) -> Replies:
        """The header lists of replies."""
        ...

    def refuse_request(
        self, protocol: HttpProtocol, reason: str, *more: tuple[str, str], status: int = 0
    ) -> None:
        """Refuse before a message exists, with an event of it; 0 is the reason's own status."""
        ...


@final
class SseStream:
    """Carry the messages for one client as events of its stream."""

    __slots__ = ("_sink",)

    def __init__(self, sink: HttpSink) -> None:
        """Take the stream."""
        self._sink = sink

    def write(self, message: bytes) -> bool:
        """Send one message as one event; say False once the client takes no more."""
        return self._sink.write(message)

    def hold(self) -> None:
        """Do nothing: what is posted while too much waits is refused."""

    def proceed(self) -> None:
        """Do nothing: nothing was held."""

    def close(self) -> None:
        """End the stream: nothing is due any more."""
        self._sink.end()

    def cut(self) -> None:
        """End the stream at once."""
        self._sink.end()


@final
class SseRoom:
    """The open streams of one listener, by their ids."""

    __slots__ = ("_budget", "_open", "_random", "_room", "post_path", "stream_path")

    def __init__(
        self, room: Room, path: str, random: Callable[[int], bytes], unread_is_bounded: bool
    ) -> None:
        """Take the room, the listener's path, what draws ids, and who bounds what is not read.

        Where it is not known how much a client has read, its stream has a budget of bytes.
        """
        folder = path.rpartition("/")[0]
        self.stream_path = f"{folder}/{STREAM_PATH}"
        self.post_path = f"{folder}/{POST_PATH}"
        self._room = room
        self._random = random
        self._budget = ENDLESS_BYTES if unread_is_bounded else REPLY_BUDGET_BYTES
        self._open: dict[str, Conversation] = {}

    def __len__(self) -> int:
        return len(self._open)

    def answer(
        self, scope: Scope, protocol: HttpProtocol, desk: Desk
    ) -> Coroutine[object, None, None] | None:
        """Open a stream or take a message; its Host and Origin have been checked."""
        if scope.path == self.stream_path:
            return self._answer_stream(scope, protocol, desk)
        return self._answer_post(scope, protocol, desk)

    def _answer_stream(
        self, scope: Scope, protocol: HttpProtocol, desk: Desk
    ) -> Coroutine[object, None, None] | None:
        accept = scope.headers.get("accept")
        if scope.method != "GET":
            desk.refuse_request(protocol, "method_not_allowed", _ALLOW_STREAM)
        elif accept is not None and not heads.accepts(accept, "text/event-stream"):
            desk.refuse_request(protocol, "not_acceptable")
        elif self._room.parts.streams.draining:
            desk.refuse_request(protocol, "draining")
        else:
            return self._stream(protocol, desk)
        return None

    async def _stream(self, protocol: HttpProtocol, desk: Desk) -> None:
        """Keep a stream open until its client leaves or the conversation is over."""
        sink = HttpSink(protocol, desk.replies, self._room.parts.live)
        conversation = Conversation(self._room, SseStream(sink))
        if not conversation.welcome:
            desk.refuse_request(protocol, "overloaded", status=503)
            return
        session = _encode_id(self._random(ID_BYTES))
        sink.limit(self._budget)
        self._open[session] = conversation
        try:
            sink.open(encode_endpoint(f"{self.post_path}?session={session}"))
            await sink.hold()
        finally:
            del self._open[session]
            conversation.leave()

    def _answer_post(
        self, scope: Scope, protocol: HttpProtocol, desk: Desk
    ) -> Coroutine[object, None, None] | None:
        headers = scope.headers
        length = heads.read_length(headers.get("content-length"))
        named = _SESSION.findall(scope.query_string)
        reason = self._room.parts.bodies.refuses(length, "transfer-encoding" in headers)
        if scope.method != "POST":
            desk.refuse_request(protocol, "method_not_allowed", _ALLOW_POST)
        elif reason:
            desk.refuse_request(protocol, reason)
        elif not heads.is_json(headers.get("content-type")):
            desk.refuse_request(protocol, "media_type")
        elif not named:
            desk.refuse_request(protocol, "session_missing")
        elif len(named) > 1 or named[0] not in self._open:
            desk.refuse_request(protocol, "session_unknown")
        else:
            return self._take(named[0], length, protocol, desk)
        return None

    async def _take(self, session: str, length: int, protocol: HttpProtocol, desk: Desk) -> None:
        """Read one message and hand it on, if its stream is still there then."""
        parts = self._room.parts
        raw = await parts.bodies.read(protocol, length, parts.now())
        conversation = self._open.get(session)
        if isinstance(raw, str):
            desk.refuse_request(protocol, raw)
        elif conversation is None:
            desk.refuse_request(protocol, "session_unknown")
        elif conversation.ending:
            desk.refuse_request(protocol, "draining")
        else:
            protocol.response_empty(202, desk.replies.empty)
            if conversation.full and not is_reply(raw):
                conversation.refuse("overloaded", raw)
            else:
                conversation.take((raw,))


def _encode_id(drawn: bytes) -> str:
    return base64.urlsafe_b64encode(drawn).rstrip(b"=").decode("ascii")
