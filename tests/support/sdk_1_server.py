"""A server made with the 1.x of the official SDK, on its two transports that 2.x left out.

Run by an interpreter that has it: `sdk_1_server.py PORT`; `/ws` is WebSocket, `/sse` HTTP+SSE.
"""

import os
import sys

import anyio
import uvicorn
from mcp.server.fastmcp import Context, FastMCP
from mcp.server.websocket import websocket_server
from starlette.applications import Starlette
from starlette.routing import Mount, WebSocketRoute
from starlette.websockets import WebSocket

server = FastMCP("first", log_level="WARNING")
ended: list[str] = []


@server.tool()
def echo(text: str = "hello") -> str:
    """Say it again."""
    return text


@server.tool()
async def count(ctx: Context) -> str:
    """Tell of three steps."""
    for step in range(3):
        await ctx.report_progress(step, 3)
    return "counted"


@server.tool()
async def wait(ctx: Context) -> str:
    """Say that it waits, then wait until nobody wants it any more."""
    await ctx.report_progress(1, 2)
    try:
        await anyio.sleep(60)
    finally:
        ended.append("wait")
    return "waited"


@server.tool()
def tell_ended() -> str:
    """Say how many waits have ended."""
    return str(len(ended))


@server.tool()
async def grow(ctx: Context) -> str:
    """Add a tool and tell the client."""
    server.add_tool(lambda: "new", name="grown", description="A tool that came later.")
    await ctx.session.send_tool_list_changed()
    return "grown"


@server.tool()
def large(size: int = 100_000) -> str:
    """Say much."""
    return "x" * size


@server.tool()
def leave() -> None:
    """End the process."""
    os._exit(3)


async def serve(websocket: WebSocket) -> None:
    inner = server._mcp_server
    opened = websocket_server(websocket.scope, websocket.receive, websocket._send)
    async with opened as (received, sent):
        await inner.run(received, sent, inner.create_initialization_options())


if __name__ == "__main__":
    routes = [WebSocketRoute("/ws", serve), Mount("/", server.sse_app())]
    uvicorn.run(Starlette(routes=routes), port=int(sys.argv[1]), log_level="warning")
