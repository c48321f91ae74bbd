"""Serve a stdio server over WebSocket: each connection gets a child, each message is a line.

    python -m tests.support.ws_bridge PORT COMMAND...
WebSocket has no place in the modern revision, so its question is answered as older servers do.
"""

import asyncio
import json
import sys
from typing import Final

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

LINE_BYTES: Final = 1 << 24
NO_METHOD: Final = {"code": -32601, "message": "Method not found"}


def main() -> None:
    """Bridge until the process is ended."""
    asyncio.run(_bridge(int(sys.argv[1]), sys.argv[2:]))


async def _bridge(port: int, command: list[str]) -> None:
    async def carry(socket: ServerConnection) -> None:
        await _carry(socket, command)

    protocols = [Subprotocol("mcp")]
    async with serve(carry, "127.0.0.1", port, subprotocols=protocols, max_size=LINE_BYTES) as it:
        await it.serve_forever()


async def _carry(socket: ServerConnection, command: list[str]) -> None:
    child = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    back = asyncio.create_task(_carry_back(child.stdout, socket))
    try:
        await _carry_in(socket, child.stdin)
    except ConnectionClosed:
        pass  # a client may leave as it likes
    finally:
        child.stdin.close()
        child.kill()
        await child.wait()
        back.cancel()


async def _carry_in(socket: ServerConnection, stdin: asyncio.StreamWriter) -> None:
    async for text in socket:
        message = json.loads(text)
        if message.get("method") == "server/discover":
            answer = {"jsonrpc": "2.0", "id": message["id"], "error": NO_METHOD}
            await socket.send(json.dumps(answer))
            continue
        line = text.encode() if isinstance(text, str) else text
        stdin.write(line + b"\n")
        await stdin.drain()


async def _carry_back(stdout: asyncio.StreamReader, socket: ServerConnection) -> None:
    async for line in stdout:
        await socket.send(line.decode().rstrip("\n"))


if __name__ == "__main__":
    main()
