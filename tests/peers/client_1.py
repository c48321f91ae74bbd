"""Lists and calls tools with the last 1.x of the official Python SDK, over what 2.x left out.

Run by an interpreter that has it: client_1.py URL CALLS; a ws: URL is WebSocket, any other
HTTP+SSE. CALLS is [[tool, arguments], ...]; prints one JSON object.
"""

import asyncio
import json
import sys

from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.websocket import websocket_client


async def main(url: str, calls: list[tuple[str, dict[str, str]]]) -> None:
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    opening = websocket_client(url) if url.startswith("ws") else sse_client(url)
    async with opening as (reading, writing), ClientSession(reading, writing) as session:
        await session.initialize()
        tools = [tool.name for tool in (await session.list_tools()).tools]
        answers, refused = [], []
        for name, arguments in calls:
            result = await session.call_tool(name, arguments)
            answers.append(result.content[0].text)
            refused.append(result.isError)
        operation = "everything__trigger-long-running-operation"
        await session.call_tool(operation, {"duration": 0.4, "steps": 4}, progress_callback=hear)
    print(json.dumps({"tools": tools, "answers": answers, "refused": refused, "heard": heard}))


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
