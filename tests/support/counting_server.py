"""A legacy server in a process of its own that writes down each call before it works on it."""

import asyncio
import sys
from pathlib import Path

from tests.support.forgetful_server import Forgetful
from tests.support.http_server import Answer, HttpServer, Request

WORK_S = 0.01


async def serve(port: int, path: Path) -> None:
    """Serve until somebody kills the process."""
    forgetful = Forgetful()

    async def script(request: Request, answer: Answer) -> None:
        known = request.fields.get("mcp-session-id", "") in forgetful.sessions
        if request.method == "tools/call" and known:
            params = request.message["params"]
            assert isinstance(params, dict)
            with path.open("a") as file:
                file.write(f"{params['arguments']['n']}\n")
            await asyncio.sleep(WORK_S)  # so that a kill finds some calls half done
        await forgetful(request, answer)

    async with HttpServer(script, at=port):
        print("up", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
