"""A cable between a client and the gateway that can be pulled."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self


@dataclass
class Relay:
    """Carry bytes from one port to another until it is cut."""

    port: int
    target: int
    carried: int = 0
    """How many connections there were."""
    seen: bytes = b""
    """What went to the client."""
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *fault: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection, without a word to either side."""
        for writer in self.writers:
            writer.transport.abort()

    async def wait_for(self, text: bytes) -> None:
        """Wait until this went to the client."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: text in self.seen)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.carried += 1
        inner, outer = await asyncio.open_connection("127.0.0.1", self.target)
        self.writers |= {writer, outer}
        for source, sink in ((reader, outer), (inner, writer)):
            task = asyncio.create_task(self._carry(source, sink, heard=sink is writer))
            self._tasks.add(task)

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, heard: bool
    ) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                sink.write(data)
                if heard:
                    await self._hear(data)
        sink.close()

    async def _hear(self, data: bytes) -> None:
        self.seen += data
        async with self._changed:
            self._changed.notify_all()
