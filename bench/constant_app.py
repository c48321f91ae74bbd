"""The floor: granian, as the gateway starts it, with an application that reads the body and
answers a constant. Start it with a port: `python -m bench.constant_app 21401`.
"""

import logging
import sys
from typing import Final, Protocol

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

BODY: Final = (
    b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"0123456789abcdef"},'
    b'{"type":"text","text":"constant"}],"isError":false}}'
)
HEADERS: Final = [("content-type", "application/json")]


class HttpProtocol(Protocol):
    """The part of granian's RSGI protocol that is used here."""

    async def __call__(self) -> bytes: ...

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...


async def app(_scope: object, protocol: HttpProtocol) -> None:
    """Read the body, answer the constant."""
    await protocol()
    protocol.response_bytes(200, HEADERS, BODY)


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    server = Server(
        app,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=1024,
        backpressure=20_000,
        log_enabled=False,
    )
    await server.serve()


if __name__ == "__main__":
    logging.disable()
    uvloop.run(serve(int(sys.argv[1])))
