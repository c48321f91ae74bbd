"""The words that rooms share: frozen data and the Protocols through which siblings meet."""

from asyncio import Future
from collections.abc import Callable
from typing import Final, Literal, Protocol, final

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

    def offers(self, capability: str, part: str = "") -> bool:
        """Say whether the server declared this capability, or a part of it as true."""
        declared = msgspec.json.decode(self.capabilities, type=dict[str, object])
        found = declared.get(capability)
        if not part:
            return capability in declared
        return isinstance(found, dict) and found.get(part) is True


@final
class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What one link is opened for: what its clients can do, and whether they are one owner's.

    `capabilities` is the raw object that `initialize` declares.
    """

    capabilities: bytes = b"{}"
    owned: bool = False


COMMON: Final = Terms()
"""The terms of the link that all clients of a server share."""


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

    def start(self) -> None:
        """Take note that a server works on the reply."""
        ...

    def rest(self) -> None:
        """Take note that the server says nothing for a while."""
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

    def rest(self) -> None:
        """Take note that the server ended the stream of the call, which goes on later."""
        ...

    def fail(self, fault: LinkFault) -> None:
        """Take note that no further message will come."""
        ...


class Call(Protocol):
    """One open request to a server; `slow` is run once if it lasts."""

    slow: Callable[[], None] | None
    deadline_ns: int

    def attach(self, taker: Taker) -> None:
        """Give every further message to a taker, and the fault at once if the call has failed."""
        ...

    def cancel(self, body: bytes) -> None:
        """Tell the server that nobody waits: send `body`, or close the stream if it is empty."""
        ...

    def close(self) -> None:
        """Forget this call, and tell its taker nothing more."""
        ...


class Link(Protocol):
    """A live connection to one server."""

    @property
    def usable(self) -> bool:
        """Whether a call can still reach the server over this link, as far as is known."""
        ...

    @property
    def open_calls(self) -> int:
        """How many calls are open."""
        ...

    def call(self, forward: Forward, upstream_id: int, deadline_ns: int) -> Call:
        """Send a judged message; return at once, also while a connection is being made."""
        ...

    def tell(self, body: bytes) -> None:
        """Send a message that has no reply; never raise, whatever becomes of it."""
        ...

    async def request(self, method: str, params: bytes, timeout_s: float) -> bytes:
        """Ask on the gateway's behalf: the raw `result`, or RemoteError, or LinkFault."""
        ...

    def listen(
        self, notice: Callable[[int], None], updated: Callable[[str], None] | None = None
    ) -> None:
        """Keep the server's own stream open.

        `notice` is called with the bits of changed lists, `updated` with a watched resource.
        """
        ...

    async def wait_listening(self) -> None:
        """Wait until what the server says on its own account would be heard."""
        ...

    def set_level(self, level: int) -> Future[None] | None:
        """Have the server log from this severity on (0 debug to 7).

        A call should wait for what is returned, if anything is.
        """
        ...

    def watch(self, uris: frozenset[str]) -> None:
        """Have the server tell of changes of these resources and no others."""
        ...

    async def wait_lost(self) -> str:
        """Return the reason once the link is no longer usable."""
        ...

    async def close(self) -> None:
        """End the link and everything it started."""
        ...


class Links(Protocol):
    """Where the exchange finds the link of a server.

    `capabilities` are the bits of what the client can do, `owner` is whose link it must be; without
    both it is the link that the server's keeper holds.
    """

    def find(self, server: str, capabilities: int = 0, owner: str = "") -> Link | None:
        """Return a link whose calls wait if it is still opening; None while the server is down."""
        ...

    def heal(
        self,
        server: str,
        capabilities: int,
        owner: str,
        lost: Link,
        then: Callable[[Link | None], None],
    ) -> None:
        """Call back once, maybe at once, with a link in place of `lost`, or None without one.

        Only a link that is no longer usable is replaced.
        """
        ...

    def leave(self, owner: str) -> None:
        """Close an owner's links once their open calls have ended."""
        ...
