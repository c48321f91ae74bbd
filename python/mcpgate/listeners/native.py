"""A listener without hand-overs: HTTP/1.1 on the gateway's own loop.

Strategy: one listening socket, its connections and one sweep, which the wheel turns, for all their
times. A changed certificate is loaded beside the one in use and shown to new connections, so no
connection has to end for it.
Rules: the port is ours alone, which is tried before it is shared; a certificate that cannot be used
is a fault at the start and a log line later. The rules over messages are the front's.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from email.utils import formatdate
from typing import Final, Protocol, final

from mcpgate.clock import Clock
from mcpgate.config.model import Listener, Tls, build_url, split_address
from mcpgate.errors import GatewayFault
from mcpgate.links.outbox import Outbox
from mcpgate.links.wheel import Wheel
from mcpgate.listeners.certificate import look
from mcpgate.listeners.native_connection import NativeConnection, NativeFront
from mcpgate.listeners.sockets import BACKLOG, claim
from mcpgate.listeners.websocket import WebSocketConnection

CONNECTIONS: Final = 10_000
HANDSHAKE_S: Final = 10.0
FAREWELL_S: Final = 2.0
_LOOK_NS: Final = 1_000_000_000
_log = logging.getLogger("mcpgate.listeners")


class Front(NativeFront, Protocol):
    """A front that can be told to end."""

    def retire(self) -> None:
        """End every connection with its next reply."""
        ...

    def take_leave(self) -> None:
        """End what lasts longer than a request."""
        ...


@final
class NativeHouse:
    """The connections of one listener and what they share."""

    __slots__ = (
        "_clock",
        "_connections",
        "_limit",
        "_looked_ns",
        "_second",
        "_vacant",
        "date",
        "front",
        "loop",
        "now_ns",
        "outbox",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        front: NativeFront,
        limit: int = CONNECTIONS,
    ) -> None:
        """Take the loop, the clock, the front and how many may come."""
        self.loop = loop
        self.front = front
        self.outbox = Outbox(loop)
        self._clock = clock
        self._limit = limit
        self._connections: dict[NativeConnection | WebSocketConnection, None] = {}
        self._vacant: asyncio.Future[None] | None = None
        self._second = -1
        self._looked_ns = 0
        self.now_ns = 0
        self.date = b""
        self.sweep()

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: NativeConnection) -> bool:
        """Keep a connection; say False if there are too many."""
        if len(self._connections) >= self._limit:
            _log.warning("connection.refused", extra={"open": len(self._connections)})
            return False
        self._connections[connection] = None
        return True

    def replace(self, connection: NativeConnection, other: WebSocketConnection) -> None:
        """Keep what a connection became instead of it."""
        self._connections[other] = None
        self._connections.pop(connection, None)

    def discard(self, connection: NativeConnection | WebSocketConnection) -> None:
        """Forget a connection that is gone."""
        self._connections.pop(connection, None)
        if not self._connections and self._vacant is not None and not self._vacant.done():
            self._vacant.set_result(None)

    def sweep(self) -> None:
        """Take the time, and look after every connection each second."""
        self.now_ns = now = self._clock.now()
        second = self._clock.wall() // 1_000_000_000
        if second != self._second:
            self._second = second
            self.date = b"date: %b\r\n" % formatdate(second, usegmt=True).encode()
        if now - self._looked_ns >= _LOOK_NS:
            self._looked_ns = now
            for connection in list(self._connections):
                connection.expire(now)

    def retire(self) -> None:
        """End every connection with the reply in work, or at once."""
        for connection in list(self._connections):
            connection.retire()

    def abort(self) -> None:
        """End every connection and its request."""
        for connection in list(self._connections):
            connection.abort()

    async def wait_vacant(self, within_s: float) -> bool:
        """Wait until every connection is gone; say False if some are not in time."""
        if self._connections:
            self._vacant = self.loop.create_future()
            await asyncio.wait({self._vacant}, timeout=within_s)
        return not self._connections


@final
class Certificates:
    """What new connections are shown: always the newest certificate that can be used."""

    def __init__(self, tls: Tls) -> None:
        """Load it; raise OSError (ssl.SSLError is one) if it cannot be used."""
        self._tls = tls
        self._seen = look(self._tls)
        self._newest = self.context = _load(tls)
        self.context.sni_callback = self._show

    def renew(self) -> bool:
        """Load the files again if they changed; say whether a new certificate is shown."""
        seen = look(self._tls)
        if seen in ((), self._seen):
            return False
        self._seen = seen
        try:
            self._newest = _load(self._tls)
        except OSError as fault:
            _log.error("certificate.refused", extra={"text": str(fault)})
            return False
        return True

    def _show(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        del name, context
        connection.context = self._newest


@final
class NativeServer:
    """Serve one listener on this loop."""

    def __init__(
        self, listener: Listener, make_front: Callable[[], Front], wheel: Wheel, clock: Clock
    ) -> None:
        """Take the listener, what makes its application, the wheel and the clock."""
        self._listener = listener
        self._front = make_front()
        self._wheel = wheel
        self._clock = clock
        self._house: NativeHouse | None = None
        self._server: asyncio.Server | None = None
        self._certificates: Certificates | None = None
        self._stopping = False

    @property
    def url(self) -> str:
        """The address that clients are given."""
        return build_url(self._listener)

    async def start(self) -> None:
        """Listen; raise GatewayFault if the address or the certificate cannot be used."""
        loop = asyncio.get_running_loop()
        house = NativeHouse(loop, self._clock, self._front)
        tls = self._listener.tls
        bound = claim(*split_address(self._listener.address))
        try:
            self._certificates = found = Certificates(tls) if tls else None
            self._server = await loop.create_server(
                lambda: NativeConnection(house),
                sock=bound,
                backlog=BACKLOG,
                ssl=found.context if found else None,
                ssl_handshake_timeout=HANDSHAKE_S if found else None,
                ssl_shutdown_timeout=FAREWELL_S if found else None,
            )
        except OSError as fault:
            bound.close()
            text = f"listener {self._listener.name}: certificate or key cannot be used: {fault}"
            raise GatewayFault("internal", text) from fault
        self._house = house
        self._wheel.every(house.sweep)

    async def renew(self) -> None:
        """Show the certificate as it is now, if its files changed since they were read."""
        if self._certificates is not None and self._certificates.renew():
            _log.info("certificate.renewed", extra={"listener": self._listener.name})

    def retire(self) -> None:
        """End every connection with its next reply, because the gateway ends."""
        self._front.retire()
        self._front.take_leave()

    async def stop(self, within_s: float) -> bool:
        """Accept no more and let open requests end; say False if some did not in time.

        The second time, what is late is cut.
        """
        if self._server is not None:
            self._server.close()
        house = self._house
        if house is None:
            return True
        again, self._stopping = self._stopping, True
        house.retire()
        ended = await house.wait_vacant(within_s)
        if again and not ended:
            self.abandon()
        elif ended:
            self._wheel.never(house.sweep)
        return ended

    def abandon(self) -> None:
        """Cut what did not end in time."""
        if self._house is not None:
            self._house.abort()
            self._wheel.never(self._house.sweep)


def _load(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(tls.certificate, tls.key, _refuse_passphrase)
    return context


def _refuse_passphrase() -> str:
    raise ssl.SSLError("a key with a passphrase cannot be used")
