"""A native connection without sockets: its house, its transport and its front."""

import asyncio
from collections.abc import Coroutine

from mcpgate.listeners.asked import Asked
from mcpgate.listeners.native import NativeHouse
from mcpgate.listeners.native_connection import NativeConnection, NativeFront
from mcpgate.listeners.rsgi import HttpProtocol, Scope
from tests.support.exchanges import ManualClock

SECOND = 1_000_000_000


class FakeTransport(asyncio.Transport):
    """Keep what was written and what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.unread = 0
        self.ends: list[str] = []
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ends, "nothing can be sent after the end"
        self.sent += bytes(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high

    def get_write_buffer_size(self) -> int:
        return self.unread

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ends.append("eof")

    def close(self) -> None:
        self.ends.append("close")

    def abort(self) -> None:
        self.ends.append("abort")

    def is_closing(self) -> bool:
        return bool({"close", "abort"} & set(self.ends))


class Bench:
    """One connection and everything around it."""

    def __init__(self, front: NativeFront, limit: int = 10) -> None:
        self.clock = ManualClock()
        self.house = NativeHouse(asyncio.get_running_loop(), self.clock, front, limit)
        self.transport = FakeTransport()
        self.connection = self.connect(self.transport)

    def connect(self, transport: FakeTransport) -> NativeConnection:
        connection = NativeConnection(self.house)
        connection.connection_made(transport)
        return connection

    def receive(self, data: bytes) -> None:
        self.connection.data_received(data)

    def pass_time(self, seconds: float) -> None:
        self.clock.at += int(seconds * SECOND)
        self.house.sweep()

    def lose(self) -> None:
        self.connection.connection_lost(None)

    async def settle(self) -> None:
        """Let everything run that can."""
        for _ in range(20):
            await asyncio.sleep(0)


class Script:
    """A front that a test steps through."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.bodies: list[bytes] = []
        self.weighed: list[Scope] = []
        self.wholes: list[bytes | None] = []
        self.faults: list[str] = []
        self.go = asyncio.Event()
        self.protocol: HttpProtocol | None = None

    def weigh(self, scope: Scope) -> Asked:
        self.weighed.append(scope)
        return Asked(scope)

    def answer(
        self, asked: Asked, protocol: HttpProtocol, body: bytes | None
    ) -> Coroutine[object, None, None] | None:
        self.wholes.append(body)
        if asked.scope.path == "/now":
            self.scopes.append(asked.scope)
            protocol.response_bytes(200, [], body or b"none")
            return None
        return self.work(asked.scope, protocol)

    def refuse(self, status: int) -> bytes:
        del status
        return b"{}"

    async def work(self, scope: Scope, protocol: HttpProtocol) -> None:
        self.scopes.append(scope)
        self.protocol = protocol
        way = scope.path
        try:
            if way == "/pieces":
                self.bodies += [piece async for piece in protocol]
            elif way != "/early":
                self.bodies.append(await protocol())
            if way == "/wait":
                await self.go.wait()
        except Exception as fault:
            self.faults.append(type(fault).__name__)
            raise
        if way == "/stream":
            stream = protocol.response_stream(200, [])
            stream.send_bytes(b"one")
            await self.go.wait()
            stream.send_bytes(b"two")
        elif way == "/none":
            protocol.response_empty(204, [])
        elif way != "/silent":
            protocol.response_bytes(200, [], b"ok")


def ask(path: str, *lines: str, body: bytes = b"", version: str = "1.1") -> bytes:
    length = [f"content-length: {len(body)}"] if body else []
    head = [f"POST {path} HTTP/{version}", "host: h", *length, *lines, "", ""]
    return "\r\n".join(head).encode() + body
