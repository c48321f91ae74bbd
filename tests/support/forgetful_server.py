"""A legacy server with sessions that it forgets when told to, and that counts what it ran."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, final

from tests.support.http_server import CAPABILITIES, Answer, Request

TOOL: Final = {
    "name": "run",
    "inputSchema": {"type": "object", "properties": {"n": {}, "hold": {}, "gone": {}}},
}


@final
@dataclass
class Forgetful:
    """What a server knows; a restarted one shares only the counts."""

    how: str = "404"
    sessions: set[str] = field(default_factory=set)
    hellos: list[object] = field(default_factory=list)
    runs: Counter[int] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    hold_hello: asyncio.Event | None = None

    def forget(self) -> None:
        """Know no session any more."""
        self.sessions.clear()

    async def __call__(self, request: Request, answer: Answer) -> None:
        """Serve one request."""
        session = request.fields.get("mcp-session-id", "")
        if request.verb != "POST":
            self.sessions.discard(session if request.verb == "DELETE" else "")
            await answer.send(204 if request.verb == "DELETE" else 405)
        elif request.method == "server/discover":
            await answer.error(-32000, 400)
        elif request.method == "initialize":
            await self._greet(request, answer)
        elif self.how != "sessionless" and session not in self.sessions:
            await self._refuse(request, answer)
        elif request.id is None or not request.method:
            await answer.send(202)
        else:
            await self._answer(request, answer, session)

    async def _greet(self, request: Request, answer: Answer) -> None:
        params = request.message["params"]
        assert isinstance(params, dict)
        self.hellos.append(params["capabilities"])
        session = f"s-{len(self.hellos)}"
        if self.hold_hello is not None:
            await self.hold_hello.wait()
        self.sessions.add(session)
        info = {"name": "forgetful", "version": "1"}
        hello = {"protocolVersion": "2025-11-25", "capabilities": CAPABILITIES, "serverInfo": info}
        named = {} if self.how == "sessionless" else {"mcp_session_id": session}
        await answer.result(hello, **named)

    async def _refuse(self, request: Request, answer: Answer) -> None:
        """Say that the session is unknown, in one of the ways that servers have."""
        error = {"code": -32001, "message": "Session not found"}
        message = {"jsonrpc": "2.0", "id": None, "error": error}
        if self.how == "404":
            await answer.json(message, 404)
        elif self.how == "own id":
            await answer.json({**message, "id": request.id}, 404)
        else:
            error = {"code": -32000, "message": "Bad Request: Server not initialized"}
            await answer.json({**message, "error": error}, 400)

    async def _answer(self, request: Request, answer: Answer, session: str) -> None:
        if request.method == "tools/list":
            await answer.result({"tools": [TOOL]})
        elif request.method != "tools/call":
            await answer.result({})
        else:
            await self._run(request, answer, session)

    async def _run(self, request: Request, answer: Answer, session: str) -> None:
        params = request.message["params"]
        assert isinstance(params, dict)
        number = params["arguments"].get("n", 0)
        self.runs[number] += 1
        self.calls[session] += 1
        self.arrived.set()
        if params["arguments"].get("hold"):
            await self.held.wait()
        if self.how == "sessionless" and params["arguments"].get("gone"):
            await answer.send(404)
            return
        await answer.result({"content": [{"type": "text", "text": str(number)}]})
