"""A client that speaks lines to a gateway in this process."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from mcpgate.app import Gateway
from mcpgate.unix import CLIENTS_NAME
from tests.support.gateways import hello, legacy, notification


@dataclass
class Line:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, *messages: bytes) -> None:
        self.writer.write(b"".join(message + b"\n" for message in messages))

    async def receive_raw(self) -> bytes:
        """Return the next line, empty at the end."""
        async with asyncio.timeout(10):
            return await self.reader.readline()

    async def receive(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(await self.receive_raw())
        return found

    async def ask(self, message: bytes) -> dict[str, object]:
        self.send(message)
        return await self.receive()

    async def open_session(self, revision: str = "2025-11-25") -> dict[str, object]:
        answer = await self.ask(legacy("initialize", hello(revision)))
        self.send(notification("notifications/initialized"))
        return answer

    async def is_over(self) -> bool:
        """Say whether nothing more comes."""
        try:
            return await self.receive_raw() == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def connected(gateway: Gateway) -> AsyncIterator[Line]:
    """Connect until the block ends."""
    path = f"{gateway.state_dir}/{CLIENTS_NAME}"
    line = Line(*await asyncio.open_unix_connection(path, limit=8 << 20))
    try:
        yield line
    finally:
        line.writer.close()


def reason_of(message: dict[str, object]) -> str:
    """Return the reason of an error."""
    error = message["error"]
    assert isinstance(error, dict)
    return str(error["data"]["reason"])


def reading(line: Line) -> asyncio.ReadTransport:
    """Return the transport of a connection as one that can pause; uvloop's have no such class."""
    return cast("asyncio.ReadTransport", line.writer.transport)
