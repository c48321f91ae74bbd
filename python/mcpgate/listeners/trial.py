"""Try a certificate in a process of its own: granian ends the process if it cannot use it.

Run as `python -m mcpgate.listeners.trial CERTIFICATE KEY`; exit code 0 says that hands were shaken.
"""

import asyncio
import os
import ssl
import sys
from typing import final

from mcpgate.config.model import Tls
from mcpgate.listeners.rsgi import HttpProtocol, Scope
from mcpgate.listeners.server import Granian
from mcpgate.listeners.sockets import bind


@final
class Nobody:
    """An application that nobody asks anything."""

    async def __rsgi__(self, scope: Scope, protocol: HttpProtocol) -> None:
        """Answer with nothing."""
        del scope
        protocol.response_empty(204, [])

    def refuse(self, status: int) -> bytes:
        """Have nothing to say."""
        del status
        return b""

    def retire(self) -> None:
        """Stay as it is."""

    def take_leave(self) -> None:
        """Have nothing that lasts."""


async def shake_hands(tls: Tls) -> None:
    """Serve with this certificate and connect once; raise OSError if that fails."""
    server = Granian(Nobody(), tls)
    server.bound = bind("127.0.0.1", 0)
    port = server.bound.getsockname()[1]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is our own certificate, and may be for any name
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        await asyncio.open_connection("127.0.0.1", port, ssl=context)
        os._exit(0)  # all is known; an orderly end would wait for both sides of the connection


if __name__ == "__main__":
    asyncio.run(shake_hands(Tls(certificate=sys.argv[1], key=sys.argv[2])))
