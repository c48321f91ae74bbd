"""The listener of local clients: a unix socket in the state directory, one message per line.

Every gateway has it, without a setting: it is what `mcpgate stdio` connects to, whatever the
configuration says, and nobody but this user and root can open it.
"""

import asyncio
from typing import Final, final

from mcpgate.errors import GatewayFault
from mcpgate.links.wheel import Wheel
from mcpgate.listeners.lines_connection import LinesConnection
from mcpgate.listeners.parts import Parts
from mcpgate.listeners.room import Room
from mcpgate.listeners.sockets import BACKLOG
from mcpgate.unix import CLIENTS_NAME, bind_private, remove

CONNECTIONS: Final = 1_000


@final
class LinesServer:
    """Serve the clients of one state directory."""

    url: Final = ""  # clients find it by the state directory

    def __init__(self, state_dir: str, parts: Parts, wheel: Wheel, message_bytes: int) -> None:
        """Take where the socket is, the shared parts, the wheel and the largest message."""
        self._path = f"{state_dir}/{CLIENTS_NAME}"
        self._wheel = wheel
        self._server: asyncio.Server | None = None
        self._room = Room(parts, "", message_bytes, CONNECTIONS)
        self._connections: set[LinesConnection] = set()
        self._stopping = False

    def __len__(self) -> int:
        return len(self._room)

    async def start(self) -> None:
        """Listen; raise GatewayFault if the socket cannot be made."""
        try:
            bound = bind_private(self._path)
        except OSError as fault:
            text = f"socket {self._path} cannot be made: {fault.strerror or fault}"
            raise GatewayFault("internal", text) from fault
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: LinesConnection(self._room, self._connections),
            sock=bound,
            backlog=BACKLOG,
        )
        self._wheel.every(self._look)

    async def renew(self) -> None:
        """Have no certificate."""

    def retire(self) -> None:
        """Take no more messages; what is in work is answered."""
        self._room.retire()

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
        ended = await self._room.wait_vacant(within_s)
        if again:
            self._room.abort()
        if again or ended:
            self._wheel.never(self._look)
        return ended

    def _look(self) -> None:
        for connection in list(self._connections):
            connection.look()
