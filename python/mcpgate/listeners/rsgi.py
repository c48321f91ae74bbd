"""The part of granian's interface that is used, as Protocols; granian's own stubs say less."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from granian._granian import RSGIProtocolClosed as ProtocolClosed

__all__ = [
    "Body",
    "HeaderList",
    "Headers",
    "HttpProtocol",
    "ProtocolClosed",
    "Reply",
    "Scope",
    "Transport",
    "Watcher",
]

HeaderList = list[tuple[str, str]]


class Headers(Protocol):
    """The header view of one request; names are in lower case."""

    def __contains__(self, key: str) -> bool:
        """Say whether a name is there."""
        ...

    def get(self, key: str, default: str | None = None) -> str | None:
        """Return the first value."""
        ...

    def get_all(self, key: str) -> list[str]:
        """Return every value of a name."""
        ...

    def keys(self) -> list[str]:
        """Return the names, each once."""
        ...

    def items(self) -> list[tuple[str, str]]:
        """Return every name with its value, repeated names too."""
        ...


class Scope(Protocol):
    """What is known of a request before its body."""

    @property
    def method(self) -> str:
        """The request's method."""
        ...

    @property
    def path(self) -> str:
        """The path, already decoded: compared with our own paths and nothing else."""
        ...

    @property
    def query_string(self) -> str:
        """What follows the path, as it was sent."""
        ...

    @property
    def authority(self) -> str | None:
        """The authority of an absolute target."""
        ...

    @property
    def headers(self) -> Headers:
        """The header view."""
        ...


class Transport(Protocol):
    """A started stream."""

    def send_bytes(self, data: bytes) -> Awaitable[None]:
        """Queue bytes at once; what is returned only says whether the client is still there."""
        ...


class Watcher(Protocol):
    """A client's leaving."""

    def add_done_callback(self, callback: Callable[[object], None]) -> object:
        """Call back on the loop once the client left or the watch was cancelled."""
        ...

    def cancel(self) -> object:
        """Watch no longer."""
        ...


class Reply(Protocol):
    """The replying half of a request's protocol object."""

    def response_empty(self, status: int, headers: HeaderList) -> None:
        """Reply without a body."""
        ...

    def response_bytes(self, status: int, headers: HeaderList, body: bytes) -> None:
        """Reply with a body; a second reply is ignored."""
        ...

    def response_stream(self, status: int, headers: HeaderList) -> Transport:
        """Begin a streamed reply; it ends when the transport is dropped."""
        ...

    def client_disconnect(self) -> Watcher:
        """Begin to watch for the client's leaving."""
        ...


class Body(Protocol):
    """The reading half of a request's protocol object."""

    def __call__(self) -> Awaitable[bytes]:
        """Return the whole body."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the body in pieces."""
        ...


class HttpProtocol(Reply, Body, Protocol):
    """The protocol object of one request."""
