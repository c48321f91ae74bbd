"""How one answer to a POST or GET is read: JSON, event stream, nothing, or an error status.

Rules: nothing over `reply_bytes` is ever held; redirects are not followed; a body that carries our
id is the reply whatever its status, because modern servers answer errors with 400 and 404.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, final

from mcpgate.errors import LinkFault
from mcpgate.gate import (
    LISTS,
    LOG,
    NOTICE,
    PING,
    PROGRESS,
    REPLY,
    REQUEST,
    UNREADABLE,
    UPDATED,
    Gate,
    SseCutter,
    cut_batch,
    is_array,
)
from mcpgate.links.call import OpenCall
from mcpgate.links.http_connection import HttpConnection

_JSON: Final = b"application/json"
_STREAM: Final = b"text/event-stream"
_POST_BYTES: Final = 64 << 10
HINTS: Final = dict.fromkeys((401, 403), "; it may want a credential in headers")


class Desk(Protocol):
    """What a reply needs of the link it belongs to."""

    gate: Gate
    loop: asyncio.AbstractEventLoop
    reply_bytes: int
    batches: bool

    def announce(self, bits: int) -> None:
        """Say which lists changed."""
        ...

    def update(self, uri: str) -> None:
        """Say which resource changed."""
        ...

    def tell(self, body: bytes) -> None:
        """Send the answer to a server's own request."""
        ...

    def end_session(self, text: str) -> None:
        """Take note that the server knows the session no longer."""
        ...

    def is_session_over(self, status: int, body: bytes, *, ours: bool) -> bool:
        """Say whether this answer means that the session is gone."""
        ...

    def resume(self, reply: "CallReply", last_id: str, retry_ms: int) -> bool:
        """Ask for the rest of a broken stream; False when it cannot be had."""
        ...

    def cancel(self, reply: "CallReply", body: bytes) -> None:
        """Tell the server that nobody waits for this reply."""
        ...

    def forget(self, reply: "CallReply") -> None:
        """Let go of the call of this reply."""
        ...


@final
class CallReply:
    """The answer to one request; puts its messages into the call."""

    __slots__ = (
        "_chunks",
        "_cutter",
        "_desk",
        "_size",
        "call",
        "connection",
        "resumed",
        "session",
        "status",
    )

    def __init__(self, desk: Desk, upstream_id: int, deadline_ns: int) -> None:
        self.connection: HttpConnection | None = None
        self.call = OpenCall(upstream_id, deadline_ns, self, desk.loop)
        self.status = 0
        self.session = b""
        self.resumed = False
        self._desk = desk
        self._cutter: SseCutter | None = None
        self._chunks: list[bytes] = []
        self._size = 0

    @property
    def body(self) -> bytes:
        """What was collected so far, for a look at an answer that was no reply."""
        return b"".join(self._chunks)

    # What the connection calls.

    def begin(self, status: int, headers: dict[bytes, bytes]) -> LinkFault | None:
        """Decide by status and type how the body is read."""
        self.status = status
        self._cutter = None
        fault = self._judge(status, headers)
        return None if fault is None else self._end(fault)

    def feed(self, chunk: bytes) -> LinkFault | None:
        """Collect a body, or cut events off a stream."""
        if self._cutter is not None:
            return self._feed_stream(self._cutter, chunk)
        self._size += len(chunk)
        if self._size > self._desk.reply_bytes:
            return self._end(self._too_large())
        self._chunks.append(chunk)
        return None

    def end(self) -> None:
        """Deliver what was collected."""
        if self._cutter is not None:
            self._end_stream(LinkFault("lost", "the server ended its stream without a reply"))
            return
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        if self.status == 200 and body:
            if self._desk.batches and is_array(body):
                self._take_all(body)
                self.call.fail(LinkFault("unreadable", "the server's batch holds no reply"))
            else:
                self.call.put(body, final=True)
        else:
            self._end_status(body)

    def fail(self, fault: LinkFault) -> None:
        """End the call, or ask for the rest of its stream."""
        if self._cutter is not None and fault.reason == "lost":
            self._end_stream(fault)
        else:
            self._end(fault)

    # What the call asks for.

    def cancel(self, _call: OpenCall, body: bytes) -> None:
        """Tell the server that nobody waits."""
        self._desk.cancel(self, body)

    def forget(self, _call: OpenCall) -> None:
        """Let go of the call."""
        self._desk.forget(self)

    def resume(self) -> None:
        """Read on."""
        if self.connection is not None:
            self.connection.resume()

    def _judge(self, status: int, headers: dict[bytes, bytes]) -> LinkFault | None:
        if 300 <= status < 400:
            return describe_redirect(status, headers)
        encoding = headers.get(b"content-encoding")
        if encoding is not None and encoding.lower() != b"identity":
            return LinkFault("unreadable", "the server compressed its answer unasked")
        if int(headers.get(b"content-length", b"0")) > self._desk.reply_bytes:
            return self._too_large()
        if status == 200:
            self.session = headers.get(b"mcp-session-id", b"")
            return self._choose(headers.get(b"content-type", b""))
        return None

    def _choose(self, content_type: bytes) -> LinkFault | None:
        if content_type == _JSON:
            return None
        kind = content_type.partition(b";")[0].strip().lower()
        if kind == _STREAM:
            self._cutter = SseCutter(self._desk.reply_bytes)
        elif kind != _JSON:
            named = kind.decode("ascii", "replace") or "no type"
            return LinkFault("unreadable", f"the server answered with {named}, not JSON")
        return None

    def _feed_stream(self, cutter: SseCutter, chunk: bytes) -> LinkFault | None:
        try:
            events = cutter.feed(chunk)
        except ValueError:
            return self._end(self._too_large())
        for event in events:
            fault = self._take(event)
            if fault is not None:
                return self._end(fault)
        return None

    def _take(self, event: bytes) -> LinkFault | None:
        desk, call = self._desk, self.call
        address = desk.gate.address(event)
        kind = address.kind
        if kind == UNREADABLE:
            if self._take_all(event):
                return None
            return LinkFault("unreadable", "the server's stream holds what is no message")
        if kind == REQUEST and (address.id == PING or not call.taken):
            desk.tell(address.body)
        elif kind == REQUEST:
            call.put(event, final=False)
        elif kind == UPDATED:
            desk.update(address.body.decode())
        elif kind == NOTICE and address.id & LISTS:
            desk.announce(address.id & LISTS)
        elif (kind == NOTICE and address.id == LOG) or address.id == call.upstream_id:
            room = kind in {REPLY, PROGRESS, NOTICE} and call.put(event, final=kind == REPLY)
            if not room and self.connection is not None:
                self.connection.pause()
        return None

    def _take_all(self, raw: bytes) -> bool:
        """Take the messages of a batch; say False if it is none, or holds what is no message."""
        messages = cut_batch(raw) if self._desk.batches else None
        if messages is None:
            return False
        faults = [is_array(each) or self._take(each) is not None for each in messages]
        return not any(faults)

    def _end_stream(self, fault: LinkFault) -> None:
        cutter = self._cutter
        if self.call.ended or cutter is None:
            return
        if cutter.last_id and self._desk.resume(self, cutter.last_id, cutter.retry_ms):
            self.call.rest()
        else:
            self.call.fail(fault)

    def _end_status(self, body: bytes) -> None:
        desk, status = self._desk, self.status
        address = desk.gate.address(body)
        ours = address.kind == REPLY and address.id == self.call.upstream_id
        if desk.is_session_over(status, body, ours=ours):
            text = f"the server knows our session no longer (status {status})"
            desk.end_session(text)
            self._end(LinkFault("unavailable", text))
            return
        if status >= 400 and ours:
            self.call.put(body, final=True)
            return
        reason = "unavailable" if 400 <= status < 500 or status == 503 else "unreadable"
        hint = HINTS.get(status, "")
        self._end(LinkFault(reason, f"the server answered with status {status} and no reply{hint}"))

    def _end(self, fault: LinkFault) -> LinkFault:
        if self.resumed and fault.reason == "unavailable":
            fault = LinkFault("lost", f"the rest of a stream is gone: {fault}")
        self.call.fail(fault)
        return fault

    def _too_large(self) -> LinkFault:
        return LinkFault(
            "reply_too_large", f"the server's answer is over {self._desk.reply_bytes} bytes"
        )


@final
class PostReply:
    """The answer to a message that has no reply; resolves to its status, 0 when none came."""

    __slots__ = ("_size", "connection", "deadline_ns", "done", "slow", "status")

    def __init__(self, deadline_ns: int) -> None:
        self.connection: HttpConnection | None = None
        self.deadline_ns = deadline_ns
        self.slow: Callable[[], None] | None = None
        self.status = 0
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._size = 0

    def begin(self, status: int, headers: dict[bytes, bytes]) -> LinkFault | None:
        """Note the status; a stream is not listened to."""
        self.status = status
        if headers.get(b"content-type", b"").startswith(_STREAM):
            return self._end(LinkFault("unreadable", "a stream answers a notification"))
        return None

    def feed(self, chunk: bytes) -> LinkFault | None:
        """Drop the body, within reason."""
        self._size += len(chunk)
        if self._size > _POST_BYTES:
            return self._end(LinkFault("reply_too_large", "a notification needs no answer"))
        return None

    def end(self) -> None:
        """Report the status."""
        if not self.done.done():
            self.done.set_result(self.status)

    def fail(self, _fault: LinkFault) -> None:
        """Report that no status came."""
        self.end()

    def expire(self) -> None:
        """Wait no longer."""
        self.end()

    def _end(self, fault: LinkFault) -> LinkFault:
        self.end()
        return fault


def describe_redirect(status: int, headers: dict[bytes, bytes]) -> LinkFault:
    """Say where a server wants to send us; it is not followed."""
    where = headers.get(b"location", b"").decode("latin-1")[:200]
    aim = f" to {where!r}" if where else ""
    return LinkFault(
        "unreadable", f"the server answered {status}{aim}: write its final address as url"
    )
