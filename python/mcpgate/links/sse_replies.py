"""What a server over HTTP+SSE answers: the stream to a GET, a status to each POST."""

import asyncio
import re
from collections.abc import Callable
from typing import Final, final
from urllib.parse import urljoin

from mcpgate.errors import LinkFault
from mcpgate.links.http_connection import HttpConnection
from mcpgate.links.http_reply import HINTS, describe_redirect
from mcpgate.links.sse_events import EventReader
from mcpgate.links.target import Target, read_target
from mcpgate.links.wires import Hearer

_STREAM: Final = b"text/event-stream"
_POST_BYTES: Final = 64 << 10


@final
class EventStream:
    """The answer to the GET: an endpoint first, then messages for as long as it lasts."""

    __slots__ = ("_endpoint", "_fault", "_hearer", "_named", "_reader", "connection")

    def __init__(self, hearer: Hearer, limit_bytes: int) -> None:
        self.connection: HttpConnection | None = None
        self._hearer = hearer
        self._reader = EventReader(limit_bytes)
        self._endpoint = ""
        self._fault: LinkFault | None = None
        self._named = asyncio.Event()

    async def endpoint(self) -> str:
        """Return what the first event says; raise LinkFault when it never comes."""
        await self._named.wait()
        if self._fault is not None:
            raise self._fault
        return self._endpoint

    def begin(self, status: int, headers: dict[bytes, bytes]) -> LinkFault | None:
        """Accept a stream of events and nothing else."""
        if 300 <= status < 400:
            return describe_redirect(status, headers)
        if status != 200:
            return refuse_status(status, "the request for its stream")
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        encoding = headers.get(b"content-encoding", b"identity").lower()
        if kind != _STREAM:
            named = kind.decode("ascii", "replace") or "no type"
            return LinkFault("unreadable", f"the server answered with {named}, not {_STREAM!r}")
        if encoding != b"identity":
            return LinkFault("unreadable", "the server compressed its stream unasked")
        return None

    def feed(self, chunk: bytes) -> LinkFault | None:
        """Cut events off the stream."""
        for name, data in self._reader.feed(chunk):
            fault = self._take(name, data)
            if fault is not None:
                return fault
        for ends in self._reader.take_overlong():
            self._hearer.take_overlong(ends)
        return None

    def end(self) -> None:
        """Take note that the server ended the stream."""
        self.fail(LinkFault("lost", "the server ended its stream"))

    def fail(self, fault: LinkFault) -> None:
        """Take note that nothing more will come."""
        if self._named.is_set():
            self._hearer.take_end(str(fault))
        else:
            self._fault = fault
            self._named.set()

    def _take(self, name: str, data: bytes) -> LinkFault | None:
        if name == "endpoint" and not self._named.is_set():
            self._endpoint = data.decode("utf-8", "replace").strip()
            self._named.set()
        elif name == "message":
            if not self._named.is_set():
                text = "the server's stream does not begin with its endpoint"
                return LinkFault("unreadable", text)
            self._hearer.take_message(data)
        return None


@final
class Post:
    """The answer to one POST; only a refusal of it says something of its message."""

    __slots__ = (
        "_hear",
        "_size",
        "connection",
        "deadline_ns",
        "done",
        "slow",
        "status",
        "upstream_id",
    )

    def __init__(
        self,
        hear: Callable[["Post", LinkFault | None], None],
        upstream_id: int | None,
        deadline_ns: int,
    ) -> None:
        self.connection: HttpConnection | None = None
        self.upstream_id = upstream_id
        self.deadline_ns = deadline_ns
        self.slow: Callable[[], None] | None = None
        self.status = 0
        self.done: asyncio.Future[LinkFault | None] = asyncio.get_running_loop().create_future()
        self._hear = hear
        self._size = 0

    def begin(self, status: int, headers: dict[bytes, bytes]) -> LinkFault | None:
        """Note the status; a stream is not listened to."""
        self.status = status
        if 300 <= status < 400:
            return describe_redirect(status, headers)
        if headers.get(b"content-type", b"").startswith(_STREAM):
            return LinkFault("unreadable", "the server answered a message with a stream of its own")
        return None

    def feed(self, chunk: bytes) -> LinkFault | None:
        """Drop the body, within reason."""
        self._size += len(chunk)
        if self._size > _POST_BYTES:
            return LinkFault("reply_too_large", "the server answered a message with a long body")
        return None

    def end(self) -> None:
        """Report what the status says."""
        status = self.status
        if 200 <= status < 300:
            self._end(None)
        else:  # what the server calls our error was surely not run
            ours = 400 <= status < 500 or status == 503
            text = f"the server answered a message with status {status}{HINTS.get(status, '')}"
            self._end(LinkFault("unavailable" if ours else "lost", text))

    def fail(self, fault: LinkFault) -> None:
        """Report that no whole answer came; an accepted message stays accepted."""
        self._end(None if 200 <= self.status < 300 else fault)

    def expire(self) -> None:
        """Wait no longer."""
        self._end(LinkFault("unavailable", "the server did not accept a message in time"))

    def _end(self, fault: LinkFault | None) -> None:
        if not self.done.done():
            self.done.set_result(fault)
            self._hear(self, fault)


def refuse_status(status: int, what: str) -> LinkFault:
    """Say that a server does not open what it was asked for."""
    hint = HINTS.get(status, "")
    return LinkFault("unavailable", f"the server answered {what} with status {status}{hint}")


def find_endpoint(target: Target, url: str, uri: str) -> Target:
    """Resolve where to POST; raise LinkFault when it is not on the origin of the url."""
    shown = repr(uri[:200])
    if re.search(r"[^\x21-\x7e]", uri):
        raise LinkFault("unavailable", f"the server's endpoint {shown} is not a URI")
    try:
        found = read_target(urljoin(url, uri))
    except (LinkFault, ValueError) as error:
        text = f"the server's endpoint {shown} cannot be used: {error}"
        raise LinkFault("unavailable", text) from error
    if (found.secure, found.host, found.port) != (target.secure, target.host, target.port):
        text = f"the server's endpoint {shown} is on another origin than {target.authority}"
        raise LinkFault("unavailable", text)
    return found
