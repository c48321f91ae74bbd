"""Where the exchange finds the link of a server: the keepers' links, and those of some clients.

Rules: the keeper's link is one look-up away. While a server that was up is away, calls wait up to
five seconds for its next link, for as long as its keeper expects one; then it is down, and calls
are refused at once. A lost link is replaced once for all who ask; one that is still usable is not.
"""

from collections.abc import Callable
from typing import Final, Protocol, final

from mcpgate.clock import Clock
from mcpgate.errors import LinkFault
from mcpgate.links.keyed import KeyedLinks
from mcpgate.links.retired import Retired
from mcpgate.links.waiting import WaitingLink
from mcpgate.links.wheel import Wheel
from mcpgate.model import Link, Peer, Terms

CLOSE_S: Final = 10.0


class Keepers(Protocol):
    """Who keeps the servers' links."""

    def revive(self, server: str, /) -> int:
        """Have a lost link opened again; say until when it may come, 0 for never."""
        ...

    async def open_link(self, server: str, terms: Terms, /) -> tuple[Link, Peer]:
        """Open one more link to a server; raise GateError."""
        ...


@final
class _Nobody:
    """Keeps no server."""

    def revive(self, _server: str) -> int:
        """Expect no link."""
        return 0

    async def open_link(self, server: str, _terms: Terms) -> tuple[Link, Peer]:
        """Open no link."""
        raise LinkFault("unavailable", f"nobody keeps {server!r}")


@final
class Pool:
    """The live links, and those that are expected."""

    __slots__ = ("_clock", "_expected", "_keyed", "_links", "_retired", "_wheel", "keepers")

    def __init__(self, wheel: Wheel, clock: Clock, declare: Callable[[int], bytes]) -> None:
        """Take what renders what clients can do; who keeps the servers comes later."""
        self.keepers: Keepers = _Nobody()
        self._wheel = wheel
        self._clock = clock
        self._links: dict[str, Link] = {}
        self._expected: dict[str, tuple[WaitingLink, int]] = {}
        self._retired = Retired(clock)
        self._keyed = KeyedLinks(self, declare, self._retired, wheel, clock)
        wheel.every(self.sweep)

    def find(self, server: str, capabilities: int = 0, owner: str = "") -> Link | None:
        """Return a link whose calls wait if it is still opening; None while the server is down."""
        if capabilities or owner:
            return self._keyed.find((server, capabilities, owner))
        link = self._links.get(server)
        return link if link is not None else self._expect(server)

    def heal(
        self,
        server: str,
        capabilities: int,
        owner: str,
        lost: Link,
        then: Callable[[Link | None], None],
    ) -> None:
        """Call back at once with a link in place of `lost`, or None without one."""
        if isinstance(lost, WaitingLink) and lost.link is not None:
            lost = lost.link
        if capabilities or owner:
            then(self._keyed.heal((server, capabilities, owner), lost))
        elif self._links.get(server) is not lost:
            then(self.find(server))
        else:
            then(None if lost.usable else self.find_usable(server))

    def find_usable(self, server: str) -> Link | None:
        """Return the keeper's link, one to wait for where it is lost, or None without either."""
        link = self._links.get(server)
        if link is not None and not link.usable:
            del self._links[server]
        return self.find(server)

    async def open_link(self, server: str, terms: Terms) -> tuple[Link, Peer]:
        """Open one more link to a server."""
        return await self.keepers.open_link(server, terms)

    def leave(self, owner: str) -> None:
        """Close an owner's links once their open calls have ended."""
        if owner:
            self._keyed.leave(owner)

    def put(self, server: str, link: Link) -> Link | None:
        """Make a link the server's live one; return the one it replaces, for its closing."""
        replaced = self._links.get(server)
        self._links[server] = link
        expected = self._expected.pop(server, None)
        if expected is not None:
            expected[0].open(link)
        return replaced if replaced is not link else None

    def remove(self, server: str, link: Link) -> bool:
        """Take a link out, unless another has replaced it."""
        if self._links.get(server) is not link:
            return False
        del self._links[server]
        return True

    def retire(self, server: str, link: Link) -> None:
        """Close a link, which is in no one's way, after its open calls."""
        self._retired.add(server, link)

    def end(self, server: str) -> None:
        """Close what clients have of their own to a server that leaves or changes."""
        self._keyed.retire(server)

    def sweep(self) -> None:
        """Give up what did not come, and close what is idle or lost."""
        if self._expected:
            now = self._clock.now()
            for server, (waiting, until_ns) in list(self._expected.items()):
                if until_ns <= now:
                    del self._expected[server]
                    waiting.refuse(LinkFault("unavailable", "the server did not come back"))
        self._keyed.sweep()
        self._retired.sweep()

    async def close(self, deadline_s: float = CLOSE_S) -> list[str]:
        """Close every link side by side; return the servers whose links did not end in time."""
        self._wheel.never(self.sweep)
        expected, self._expected = self._expected, {}
        for waiting, _ in expected.values():
            waiting.refuse(LinkFault("unavailable", "the gateway ends"))
        await self._keyed.close()
        links, self._links = self._links, {}
        for server, link in links.items():
            self._retired.add(server, link)
        return await self._retired.close(deadline_s)

    def _expect(self, server: str) -> Link | None:
        """Return a link whose calls wait for the keeper's next one, if that may come soon."""
        expected = self._expected.get(server)
        if expected is not None:
            return expected[0]
        until_ns = self.keepers.revive(server)
        if until_ns <= self._clock.now():
            return None
        waiting = WaitingLink(self._wheel)
        self._expected[server] = (waiting, until_ns)
        return waiting
