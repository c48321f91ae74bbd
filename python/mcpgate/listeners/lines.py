"""The listener of local clients: a unix socket in the state directory, one message per line.

Every gateway has it, without a setting: it is what `mcpgate stdio` connects to, whatever the
configuration says, and nobody but this user and root can open it.
"""

import asyncio
from typing import Final, final

from mcpgate.errors import GatewayFault
from mcpgate.gate import Head
from mcpgate.links.wheel import Wheel
from mcpgate.listeners.http import ANONYMOUS, Parts
from mcpgate.listeners.lines_connection import LinesConnection
from mcpgate.listeners.sockets import BACKLOG
from mcpgate.unix import CLIENTS_NAME, bind_private, remove

CONNECTIONS: Final = 1_000


@final
class LinesServer:
    """Serve the clients of one state directory; the room that their connections share."""

    url: Final = ""  # clients find it by the state directory

    def __init__(self, state_dir: str, parts: Parts, wheel: Wheel, message_bytes: int) -> None:
        """Take where the socket is, the shared parts, the wheel and the largest message."""
        self._path = f"{state_dir}/{CLIENTS_NAME}"
        self._wheel = wheel
        self._server: asyncio.Server | None = None
        self._connections: dict[LinesConnection, None] = {}
        self._vacant: asyncio.Future[None] | None = None
        self._count = 0
        self._stopping = False
        self.parts = parts
        self.message_bytes = message_bytes
        self.modern = parts.gate.new_caller(ANONYMOUS, modern=True)
        self.legacy = parts.gate.new_caller(ANONYMOUS, modern=False)
        self.no_head = Head(None, None, None, None, False)

    def __len__(self) -> int:
        return len(self._connections)

    async def start(self) -> None:
        """Listen; raise GatewayFault if the socket cannot be made."""
        try:
            bound = bind_private(self._path)
        except OSError as fault:
            text = f"socket {self._path} cannot be made: {fault.strerror or fault}"
            raise GatewayFault("internal", text) from fault
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: LinesConnection(self), sock=bound, backlog=BACKLOG
        )
        self._wheel.every(self._look)

    async def renew(self) -> None:
        """Have no certificate."""

    def retire(self) -> None:
        """Take no more messages; what is in work is answered."""
        for connection in list(self._connections):
            connection.retire()

    async def stop(self, within_s: float) -> bool:
        """Accept no more and let clients end; say False if some did not in time.

        The second time, what is late is cut.
        """
        if self._server is not None:
            self._server.close()
            self._server = None
            remove(self._path)
        again, self._stopping = self._stopping, True
        self.retire()
        if self._connections:
            self._vacant = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._vacant}, timeout=within_s)
        if again:
            for connection in list(self._connections):
                connection.abort()
        if again or not self._connections:
            self._wheel.never(self._look)
        return not self._connections

    def add(self, connection: LinesConnection) -> str:
        """Keep a connection and name its space of ids; empty if there are too many."""
        if len(self._connections) >= CONNECTIONS or self._stopping:
            return ""
        self._connections[connection] = None
        self._count += 1
        return f"line-{self._count}"

    def discard(self, connection: LinesConnection) -> None:
        """Forget a connection that is gone."""
        self._connections.pop(connection, None)
        if not self._connections and self._vacant is not None and not self._vacant.done():
            self._vacant.set_result(None)

    def _look(self) -> None:
        for connection in list(self._connections):
            connection.look()
