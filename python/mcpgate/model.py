"""The words that rooms share: frozen data and the Protocols through which siblings meet."""

from collections.abc import Callable
from typing import Literal, Protocol, final

import msgspec

from mcpgate.errors import LinkFault

TransportName = Literal["http", "sse", "stdio", "websocket"]
Era = Literal["legacy", "modern"]
LinkState = Literal["starting", "up", "down", "stopped"]


@final
class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """What a server said of itself when its link opened."""

    era: Era
    revision: str
    name: str
    version: str
    instructions: str
    capabilities: msgspec.Raw

    def offers(self, capability: str) -> bool:
        """Say whether the server declared this capability."""
        return capability in msgspec.json.decode(self.capabilities, type=dict[str, msgspec.Raw])


@final
class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of the gate on one entry, or on a server's instructions; `name` is its own."""

    server: str
    kind: str
    name: str
    rule: str
    quarantined: bool
    text: str


@final
class ServerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator sees of one server."""

    name: str
    transport: TransportName
    state: LinkState
    revision: str
    reason: str
    since_ns: int
    tools: int
    prompts: int
    resources: int
    templates: int
    detail: str


class Forward(Protocol):
    """What a link needs of a forward verdict: the bytes, the mirrored head and the ids."""

    @property
    def body(self) -> bytes:
        """The message for the server."""
        ...

    @property
    def head(self) -> bytes:
        """Mirrored header lines for a modern HTTP server."""
        ...


class Sink(Protocol):
    """Where the reply goes, whatever the transport."""

    def send(self, status: int, body: bytes, session: str = "") -> None:
        """Send the whole reply, or the last message of several."""
        ...

    def write(self, message: bytes) -> bool:
        """Send one of several messages; say False once the client takes no more."""
        ...

    def end(self) -> None:
        """End a reply that gets no last message."""
        ...

    def watch(self, gone: Callable[[], None]) -> None:
        """Call back once when the client leaves."""
        ...

    def unwatch(self) -> None:
        """Care no longer whether the client leaves."""
        ...


class Taker(Protocol):
    """Who takes what a server sends for one call, in the callback that brings it."""

    def take(self, message: bytes) -> None:
        """Take one message."""
        ...

    def fail(self, fault: LinkFault) -> None:
        """Take note that no further message will come."""
        ...


class Call(Protocol):
    """One open request to a server; `slow` is run once if it lasts."""

    slow: Callable[[], None] | None

    def attach(self, taker: Taker) -> None:
        """Give every message to a taker, and the fault at once if the call has failed."""
        ...

    def cancel(self, body: bytes) -> None:
        """Tell the server that nobody waits: send `body`, or close the stream if it is empty."""
        ...

    def close(self) -> None:
        """Forget this call, and tell its taker nothing more."""
        ...


class Link(Protocol):
    """A live connection to one server."""

    def call(self, forward: Forward, upstream_id: int, deadline_ns: int) -> Call:
        """Send a judged message; return at once, also while a connection is being made."""
        ...

    async def request(self, method: str, params: bytes, timeout_s: float) -> bytes:
        """Ask on the gateway's behalf: the raw `result`, or RemoteError, or LinkFault."""
        ...

    def listen(self, notice: Callable[[int], None]) -> None:
        """Keep the server's own stream open; call `notice` with the bits of changed lists."""
        ...

    async def wait_lost(self) -> str:
        """Return the reason once the link is no longer usable."""
        ...

    async def close(self) -> None:
        """End the link and everything it started."""
        ...


class Links(Protocol):
    """Where the exchange finds the link of a server."""

    def find(self, server: str) -> Link | None:
        """Return the server's live link, or None while it is down."""
        ...
