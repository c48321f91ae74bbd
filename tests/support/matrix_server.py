"""A server of one revision over Streamable HTTP: strict in what it takes, complete in what it has.

What it is told that its revision does not know is answered as that revision says and kept in
`faults`; what it hears of cancelled calls and watched resources is kept too.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final, Self, final

from tests.support import matrix_entries as entries
from tests.support.http_server import Answer, HttpServer, Message, Request
from tests.support.matrix_rules import an_object, find_fault, meta_of, params_of
from tests.support.matrix_table import FOURTH, MODERN, THIRD

META: Final = "io.modelcontextprotocol/"
CODES: Final = {"method": -32601, "params": -32602, "session": -32600}


@final
@dataclass
class Session:
    """What a legacy server knows of one session, a modern one of one listen request."""

    capabilities: Message
    ready: bool = False
    level: str = "warning"
    watched: set[str] = field(default_factory=set)
    stream: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    listens: bool = False
    lists: Message = field(default_factory=dict)


@final
class MatrixServer:
    """Serve one revision."""

    def __init__(self, revision: str, cells: tuple[str, ...]) -> None:
        """Offer a resource to watch for each of these cells."""
        self.revision = revision
        self.modern = revision == MODERN
        self.faults: list[str] = []
        self.cancelled: set[str] = set()
        self.tools = [*entries.TOOLS, *(["any"] if self.modern else [])]
        self.sessions: dict[str, Session] = {}
        self._cells = cells
        self._http = HttpServer(self._script)
        self._hanging: dict[object, tuple[str, asyncio.Event]] = {}
        self._asked: dict[str, asyncio.Future[Message]] = {}
        self._changed = asyncio.Condition()
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._exits.enter_async_context(self._http)
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self._exits.aclose()

    @property
    def url(self) -> str:
        return self._http.url

    @property
    def port(self) -> int:
        return self._http.port

    async def wait_cancelled(self, cell: str) -> None:
        """Wait until the call of a cell was cancelled."""
        async with self._changed:
            await self._changed.wait_for(lambda: cell in self.cancelled)

    async def wait_watched(self, uri: str) -> None:
        """Wait until somebody watches a resource."""
        async with self._changed:
            await self._changed.wait_for(lambda: any(self._watchers(uri)))

    async def _note(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _watchers(self, uri: str) -> list[Session]:
        return [each for each in self.sessions.values() if uri in each.watched]

    async def _script(self, request: Request, answer: Answer) -> None:
        session = self.sessions.get(request.fields.get("mcp-session-id", ""))
        if request.verb == "GET" and not self.modern:
            await self._open_stream(session, answer)
        elif request.verb == "DELETE" and not self.modern:
            self.sessions.pop(request.fields.get("mcp-session-id", ""), None)
            await answer.send(204)
        elif request.verb != "POST":
            await answer.send(405, allow="POST")
        else:
            await self._take(request, answer, session)

    async def _take(self, request: Request, answer: Answer, session: Session | None) -> None:
        fault = find_fault(self.revision, request, known=session is not None)
        if fault is not None:
            if fault.matters:
                self.faults.append(f"{fault.text}: {request.body.decode()} {request.fields}")
            await answer.error(fault.code, fault.status)
        elif not request.method:
            await self._hear_reply(request, answer)
        elif request.id is None:
            await self._hear(request, answer, session)
        elif request.method == "initialize":
            await self._greet(request, answer)
        elif request.method == "subscriptions/listen":
            await self._listen(request, answer)
        else:
            if not self.modern and (session is None or not session.ready):
                self.faults.append(f"too early: {request.body.decode()}")
            level = meta_of(request).get(f"{META}logLevel", "none")
            given = an_object(meta_of(request).get(f"{META}clientCapabilities", {}))
            stateless = Session(capabilities=given, level=str(level))
            await self._answer(request, answer, session or stateless)

    async def _greet(self, request: Request, answer: Answer) -> None:
        name = f"{self.revision}-{len(self.sessions)}"
        capabilities = an_object(params_of(request)["capabilities"])
        self.sessions[name] = Session(capabilities=capabilities)
        result = {
            "protocolVersion": self.revision,
            "capabilities": entries.offer(self.revision),
            "serverInfo": {"name": "matrix", "version": "1"},
        }
        await answer.result(result, mcp_session_id=name)

    async def _open_stream(self, session: Session | None, answer: Answer) -> None:
        if session is None:
            await answer.send(404)
            return
        session.listens = True
        await answer.stream()
        while True:
            await answer.event(await session.stream.get())

    async def _listen(self, request: Request, answer: Answer) -> None:
        wanted = an_object(params_of(request)["notifications"])
        session = Session(capabilities={}, listens=True, lists=wanted)
        uris = wanted.get("resourceSubscriptions", [])
        assert isinstance(uris, list)
        session.watched = set(uris)
        name = f"listen-{request.connection}"
        self.sessions[name] = session
        tag = {"_meta": {f"{META}subscriptionId": request.id}}
        method = "notifications/subscriptions/acknowledged"
        await answer.stream()
        params = {"notifications": wanted, **tag}
        await answer.event({"jsonrpc": "2.0", "method": method, "params": params})
        await self._note()
        try:
            while True:
                told = await session.stream.get()
                given = an_object(told.get("params", {}))
                await answer.event({**told, "params": {**given, **tag}})
        finally:
            del self.sessions[name]

    async def _hear_reply(self, request: Request, answer: Answer) -> None:
        waiting = self._asked.pop(str(request.id), None)
        if waiting is None:
            self.faults.append(f"a reply to nothing: {request.body.decode()}")
        else:
            waiting.set_result(request.message)
        await answer.send(202)

    async def _hear(self, request: Request, answer: Answer, session: Session | None) -> None:
        if request.method == "notifications/initialized" and session is not None:
            session.ready = True
        elif request.method == "notifications/cancelled":
            given_up = self._hanging.get(params_of(request).get("requestId"))
            if given_up is not None:
                self.cancelled.add(given_up[0])
                given_up[1].set()
                await self._note()
        await answer.send(202)

    async def _answer(self, request: Request, answer: Answer, session: Session) -> None:
        params = params_of(request)
        match request.method:
            case "tools/call":
                await MatrixCall(self, request, answer, session).run()
            case "ping":
                await answer.result({})
            case "logging/setLevel":
                session.level = str(params["level"])
                await answer.result({})
            case "resources/subscribe":
                session.watched.add(str(params["uri"]))
                await answer.result({})
                await self._note()
            case "resources/unsubscribe":
                session.watched.discard(str(params["uri"]))
                await answer.result({})
            case _:
                await self._answer_plain(request, answer)

    async def _answer_plain(self, request: Request, answer: Answer) -> None:
        params = params_of(request)
        found: Message | None
        match request.method:
            case "server/discover":
                offered = entries.offer(self.revision)
                found = {"supportedVersions": [MODERN], "capabilities": offered}
            case "resources/read":
                uri = str(params["uri"])
                text = entries.read_resource(uri)
                found = {"contents": [{"uri": uri, "text": text}]} if text is not None else None
            case "prompts/get":
                arguments = an_object(params["arguments"])
                content = {"type": "text", "text": f"Greet {arguments['name']}."}
                found = {"messages": [{"role": "user", "content": content}]}
            case "completion/complete":
                found = {"completion": {"values": entries.complete(params)}}
            case method:
                lists = entries.list_names(self.tools, self._cells, self.revision)
                found = entries.cut_page(method, lists[method], params.get("cursor"))
        if found is not None:
            await answer.result(self.dress(found, request.method))
        elif self.modern or request.method != "resources/read":
            await answer.error(-32602, 400 if self.modern else 200)
        else:
            await answer.error(-32002)

    def dress(self, result: Message, method: str) -> Message:
        """Add what results of this revision carry."""
        if not self.modern:
            return result
        cached = {} if method in {"tools/call", "prompts/get", "completion/complete"} else CACHE
        return {"resultType": "complete", **result, **cached}

    async def announce(self, tool: str) -> None:
        """Have a new tool, and say so to whoever listens."""
        self.tools.append(tool)
        for session in self.sessions.values():
            if session.listens and (not self.modern or session.lists.get("toolsListChanged")):
                told: Message = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
                session.stream.put_nowait(told)

    async def touch(self, uri: str) -> None:
        """Say to whoever watches a resource that it changed."""
        for session in self._watchers(uri):
            method = "notifications/resources/updated"
            told: Message = {"jsonrpc": "2.0", "method": method, "params": {"uri": uri}}
            session.stream.put_nowait(told)

    async def wait_for_end(self, request: Request, answer: Answer, cell: str) -> None:
        """Work on a call until it is cancelled in the way of this revision."""
        if self.modern:
            await answer.hold()
            self.cancelled.add(cell)
            await self._note()
            return
        over = asyncio.Event()
        self._hanging[request.id] = (cell, over)
        await over.wait()
        await answer.end()

    async def ask(self, answer: Answer, key: str, method: str, params: Message) -> Message:
        """Send the client a request on the stream of its call."""
        waiting: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._asked[key] = waiting
        await answer.event({"jsonrpc": "2.0", "id": key, "method": method, "params": params})
        return await waiting


CACHE: Final[Message] = {"ttlMs": 0, "cacheScope": "private"}


@final
@dataclass(frozen=True)
class MatrixCall:
    """One call of a tool."""

    server: MatrixServer
    request: Request
    answer: Answer
    session: Session

    @property
    def arguments(self) -> Message:
        return an_object(params_of(self.request).get("arguments", {}))

    async def run(self) -> None:
        name = self.request.tool
        cell, text = str(self.arguments.get("cell")), str(self.arguments.get("text"))
        if name in entries.ASKS:
            await self._ask(name, cell)
        elif name in {"progress", "hang", "log"}:
            await self.answer.stream()
            await getattr(self, f"_{name}")(cell)
        elif name == "as_task":
            await self._as_task()
        else:
            if name == "change":
                await self.server.announce(text)
            elif name == "touch":
                await self.server.touch(text)
            await self._end(self._result(name, text))

    def _result(self, name: str, text: str) -> Message:
        if name == "fails":
            return {**entries.say(f"failed {text}"), "isError": True}
        if name == "structured":
            there = self.server.revision >= THIRD
            return {**entries.say('{"n":7}'), **({"structuredContent": {"n": 7}} if there else {})}
        if name == "any":
            return {**entries.say("[7]"), "structuredContent": [7]}
        return entries.say(f"{name} {text}")

    async def _end(self, result: Message) -> None:
        await self.answer.result(self.server.dress(result, "tools/call"))

    async def _end_stream(self, result: Message) -> None:
        dressed = self.server.dress(result, "tools/call")
        await self.answer.event({"jsonrpc": "2.0", "id": self.request.id, "result": dressed})
        await self.answer.end()

    async def _tell(self, method: str, params: Message) -> None:
        await self.answer.event({"jsonrpc": "2.0", "method": method, "params": params})

    async def _progress(self, cell: str) -> None:
        for step in (1, 2):
            told: Message = {"progressToken": self.request.token, "progress": step, "total": 2}
            await self._tell("notifications/progress", told)
        await self._end_stream(entries.say(f"done {cell}"))

    async def _hang(self, cell: str) -> None:
        await self._tell(
            "notifications/progress", {"progressToken": self.request.token, "progress": 1}
        )
        await self.server.wait_for_end(self.request, self.answer, cell)

    async def _log(self, cell: str) -> None:
        lowest = self.session.level
        for level in ("debug", "info", "error"):
            if lowest != "none" and entries.LEVELS.index(level) >= entries.LEVELS.index(lowest):
                told: Message = {"level": level, "logger": "matrix", "data": cell}
                await self._tell("notifications/message", told)
        await self._end_stream(entries.say(f"done {cell}"))

    async def _as_task(self) -> None:
        params = params_of(self.request)
        if not self.server.modern:
            if self.server.revision != FOURTH:
                await self._end(entries.say("no task"))
            elif "task" in params:
                await self._end({"task": {"taskId": "t-1", "status": "working", "ttl": None}})
            else:
                await self.answer.error(-32601)
            return
        extensions = an_object(self.session.capabilities.get("extensions", {}))
        if entries.TASKS not in extensions:
            await self._lack({"extensions": {entries.TASKS: {}}})
            return
        await self.answer.result({"resultType": "task", "taskId": "t-1", "status": "working"})

    async def _lack(self, required: Message) -> None:
        data = {"requiredCapabilities": required}
        error = {"code": -32021, "message": "Missing capability", "data": data}
        await self.answer.json({"jsonrpc": "2.0", "id": self.request.id, "error": error}, 400)

    async def _ask(self, name: str, cell: str) -> None:
        capability, method, params = entries.ASKS[name]
        if self.server.modern:
            await self._ask_modern(capability, {"method": method, "params": params}, cell)
            return
        await self.answer.stream()
        said = await self.server.ask(self.answer, f"q-{cell}-{name}", method, params)
        if "result" in said:
            await self._end_stream(entries.say(str(said["result"])))
            return
        error = {"code": -32603, "message": "the client gave no input"}
        await self.answer.event({"jsonrpc": "2.0", "id": self.request.id, "error": error})
        await self.answer.end()

    async def _ask_modern(self, capability: str, wanted: Message, cell: str) -> None:
        params = params_of(self.request)
        given = an_object(params.get("inputResponses", {}))
        if capability not in self.session.capabilities:
            await self._lack({capability: {}})
        elif "q" in given and params.get("requestState") == f"state of {cell}":
            await self._end(entries.say(str(given["q"])))
        else:
            more = {"inputRequests": {"q": wanted}, "requestState": f"state of {cell}"}
            await self.answer.result({"resultType": "input_required", **more})
