"""A WebSocket whose head and frames a test writes and sees."""

import asyncio
import base64
from dataclasses import dataclass

from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from tests.support.gateways import Client, Wire

KEY = base64.b64encode(bytes(16)).decode()
ACCEPT = "ICX+Yqv66kxgM0FcWaLWlFLwTAI="


def upgrade(
    client: Client, *more: tuple[str, str], without: tuple[str, ...] = ()
) -> list[tuple[str, str]]:
    """Return the fields that ask for a WebSocket."""
    base = {
        "host": f"127.0.0.1:{client.port}",
        "connection": "keep-alive, Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": KEY,
        "sec-websocket-protocol": "mcp",
    }
    replaced = {name for name, _ in more} | set(without)
    return [*((name, value) for name, value in base.items() if name not in replaced), *more]


def encode(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    """Write a frame as a client does."""
    return Frame(opcode, data, fin).serialize(mask=True)


def encode_text(*messages: bytes) -> bytes:
    """Write each message as one frame."""
    return b"".join(encode(Opcode.TEXT, message) for message in messages)


def make_parser() -> Protocol:
    """Make what reads frames as a client does."""
    return Protocol(Side.CLIENT, state=State.OPEN, max_size=None)


@dataclass
class Frames:
    """One WebSocket, frame by frame."""

    wire: Wire
    parser: Protocol
    waiting: list[Frame]

    def send(self, opcode: Opcode, data: bytes, fin: bool = True) -> None:
        self.wire.writer.write(encode(opcode, data, fin))

    async def read(self) -> Frame | None:
        """Return the next frame, None at the end."""
        while not self.waiting:
            async with asyncio.timeout(10):
                data = await self.wire.reader.read(1 << 16)
            if not data:
                await self.wire.close()
                return None
            self.parser.receive_data(data)
            events = self.parser.events_received()
            self.waiting += [event for event in events if isinstance(event, Frame)]
        return self.waiting.pop(0)

    async def read_text(self) -> bytes:
        frame = await self.read()
        assert frame is not None
        assert frame.opcode is Opcode.TEXT
        return bytes(frame.data)

    async def read_close(self) -> tuple[int, str]:
        """Skip what comes before it, and return the code and the text of the goodbye."""
        while (frame := await self.read()) is not None:
            if frame.opcode is Opcode.CLOSE:
                return int.from_bytes(bytes(frame.data[:2])), bytes(frame.data[2:]).decode()
        raise AssertionError("no goodbye")


async def shake(port: int, behind: bytes = b"", path: str = "/mcp") -> Frames:
    """Shake hands; `behind` is sent in one piece with the request."""
    client = Client(port)
    wire = await client.connect()
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in upgrade(client))]
    wire.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + behind)
    head = await wire.read_head()
    assert head.status == 101, head
    assert head.headers["Sec-WebSocket-Accept"] == ACCEPT
    assert head.headers["Sec-WebSocket-Protocol"] == "mcp"
    assert "Sec-WebSocket-Extensions" not in head.headers
    return Frames(wire, make_parser(), [])
