"""A link that is still being opened: its calls wait for it, and follow it or its failure.

Rules: calls are bounded in number and bytes, and a call's deadline counts from the call. A call
that no link came for was surely not run, so it ends as `unavailable`, also at its deadline. After
the link came this only passes on, to who still holds it.
"""

import asyncio
from collections.abc import Callable
from typing import Final, final

from mcpgate.errors import LinkFault
from mcpgate.links.wheel import Wheel
from mcpgate.links.wishes import LEVELS
from mcpgate.model import Call, Forward, Link, Taker

WAITING_CALLS: Final = 1024
WAITING_BYTES: Final = 64 << 20


@final
class WaitingCall:
    """A call that is sent once there is a link for it; from then on it is what was sent."""

    __slots__ = (
        "_deadline_ns",
        "_fault",
        "_forward",
        "_sent",
        "_slow",
        "_taker",
        "_waiting",
        "upstream_id",
    )

    def __init__(
        self, waiting: "WaitingLink", forward: Forward, upstream_id: int, deadline_ns: int
    ) -> None:
        self.upstream_id = upstream_id
        self._deadline_ns = deadline_ns
        self._slow: Callable[[], None] | None = None
        self._waiting = waiting
        self._forward = forward
        self._taker: Taker | None = None
        self._fault: LinkFault | None = None
        self._sent: Call | None = None

    @property
    def size_bytes(self) -> int:
        """How many bytes wait."""
        return len(self._forward.body)

    @property
    def deadline_ns(self) -> int:
        """When nobody waits any more."""
        return self._deadline_ns if self._sent is None else self._sent.deadline_ns

    @deadline_ns.setter
    def deadline_ns(self, deadline_ns: int) -> None:
        if self._sent is None:
            self._deadline_ns = deadline_ns
        else:
            self._sent.deadline_ns = deadline_ns

    @property
    def slow(self) -> Callable[[], None] | None:
        """What is run once if the call lasts, whether it waits or was sent."""
        if self._sent is not None:
            return self._sent.slow
        return None if self._slow is None else self._run_slow

    @slow.setter
    def slow(self, slow: Callable[[], None] | None) -> None:
        if self._sent is None:
            self._slow = slow
        else:
            self._sent.slow = slow

    def attach(self, taker: Taker) -> None:
        """Give every further message to a taker, and the fault at once if the call has failed."""
        self._taker = taker
        if self._sent is not None:
            self._sent.attach(taker)
        elif self._fault is not None:
            taker.fail(self._fault)

    def cancel(self, body: bytes) -> None:
        """Tell the server that nobody waits, if it was sent anything."""
        if self._sent is not None:
            self._sent.cancel(body)

    def close(self) -> None:
        """Forget this call."""
        self._taker = self._slow = None
        self._waiting.forget(self)
        if self._sent is not None:
            self._sent.close()

    def send(self, link: Link) -> None:
        """Send it over the link that came."""
        sent = link.call(self._forward, self.upstream_id, self._deadline_ns)
        sent.slow = self._slow
        self._sent = sent
        if self._taker is not None:
            sent.attach(self._taker)

    def fail(self, fault: LinkFault) -> None:
        """End it, because no link came."""
        self._fault = fault
        if self._taker is not None:
            self._taker.fail(fault)

    def expire(self) -> None:
        """End it, because no link came in time."""
        self._waiting.forget(self)
        self.fail(LinkFault("unavailable", "no link to the server came in time"))

    def _run_slow(self) -> None:
        slow, self._slow = self._slow, None  # the link that comes is not to run it again
        if slow is not None:
            slow()


@final
class WaitingLink:
    """Hold calls until `open` or `refuse`; exactly one of them is called, once."""

    def __init__(self, wheel: Wheel) -> None:
        self.link: Link | None = None
        self._wheel = wheel
        self._loop = asyncio.get_running_loop()
        self._came = asyncio.Event()
        self._fault: LinkFault | None = None
        self._held: dict[WaitingCall, None] = {}
        self._size = 0
        self._level = len(LEVELS)

    @property
    def usable(self) -> bool:
        """Whether a call can still reach the server over this link, as far as is known."""
        return self.link.usable if self.link is not None else self._fault is None

    @property
    def open_calls(self) -> int:
        """How many calls wait or are open."""
        return self.link.open_calls if self.link is not None else len(self._held)

    def call(self, forward: Forward, upstream_id: int, deadline_ns: int) -> Call:
        """Hold a call, or send it if the link has come."""
        if self.link is not None:
            return self.link.call(forward, upstream_id, deadline_ns)
        call = WaitingCall(self, forward, upstream_id, deadline_ns)
        full = len(self._held) >= WAITING_CALLS or self._size + call.size_bytes > WAITING_BYTES
        if self._fault is not None:
            call.fail(self._fault)
        elif full:
            call.fail(LinkFault("unavailable", "too many calls wait for a link to this server"))
        else:
            self._held[call] = None
            self._size += call.size_bytes
            self._wheel.add(call)
        return call

    def tell(self, body: bytes) -> None:
        """Send a message that has no reply; before the link came nobody is there to be told."""
        if self.link is not None:
            self.link.tell(body)

    async def request(self, method: str, params: bytes, timeout_s: float) -> bytes:
        """Ask on the gateway's behalf, once the link has come."""
        return await (await self.wait_open()).request(method, params, timeout_s)

    def listen(
        self, notice: Callable[[int], None], updated: Callable[[str], None] | None = None
    ) -> None:
        """Keep the server's own stream open, if the link has come."""
        if self.link is not None:
            self.link.listen(notice, updated)

    def set_level(self, level: int) -> asyncio.Future[None] | None:
        """Have the server log from this severity on, once there is a link."""
        self._level = min(level, self._level)
        return None if self.link is None else self.link.set_level(level)

    def watch(self, uris: frozenset[str]) -> None:
        """Have the server tell of these resources, if the link has come."""
        if self.link is not None:
            self.link.watch(uris)

    async def wait_listening(self) -> None:
        """Wait until the link has come and its server's own stream with it."""
        await (await self.wait_open()).wait_listening()

    async def wait_lost(self) -> str:
        """Return the reason once the link is no longer usable."""
        try:
            return await (await self.wait_open()).wait_lost()
        except LinkFault as fault:
            return str(fault)

    async def close(self) -> None:
        """End the link, or the wait for it."""
        if self.link is not None:
            await self.link.close()
        else:
            self.refuse(LinkFault("unavailable", "the link was closed"))

    async def wait_open(self) -> Link:
        """Return the link once it has come; raise LinkFault when it does not."""
        await self._came.wait()
        if self.link is None:
            raise self._fault or LinkFault("unavailable")
        return self.link

    def open(self, link: Link) -> None:
        """Send every call over the link that came, each in a turn of its own."""
        self.link = link
        granting = link.set_level(self._level)
        if granting is None:
            self._send_all()
        else:
            granting.add_done_callback(lambda _: self._send_all())

    def refuse(self, fault: LinkFault) -> None:
        """Fail every call, and whichever comes later, as surely not run."""
        self._fault = fault
        for call in self._release():
            self.forget(call)
            call.fail(fault)

    def forget(self, call: WaitingCall) -> None:
        """Hold a call no longer."""
        if call in self._held:
            del self._held[call]
            self._size -= call.size_bytes
            self._wheel.discard(call)

    def _send_all(self) -> None:
        for call in self._release():
            self._loop.call_soon(self._send, call)

    def _release(self) -> list[WaitingCall]:
        self._came.set()
        return list(self._held)

    def _send(self, call: WaitingCall) -> None:
        if call in self._held and self.link is not None:
            call.send(self.link)
            self.forget(call)  # after it: one that could not be sent is still watched
