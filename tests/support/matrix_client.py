"""A client of one revision over Streamable HTTP: raw, strict in what it takes, able to be asked."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, final

from tests.support.gateways import ACCEPT, Wire
from tests.support.matrix_rules import META, NAMED, an_object
from tests.support.matrix_table import MODERN, SINCE_THIRD

Message = dict[str, object]

MODERN_MEMBERS: Final = frozenset(("resultType", "ttlMs", "cacheScope"))
LEGACY_ASKS: Final = frozenset(("sampling/createMessage", "roots/list"))
GIVEN: Final[dict[str, Message]] = {
    "elicitation/create": {"action": "accept", "content": {"name": "Ada"}},
    "sampling/createMessage": {
        "role": "assistant",
        "content": {"type": "text", "text": "Paris"},
        "model": "none",
    },
    "roots/list": {"roots": [{"uri": "file:///work", "name": "work"}]},
}
"""What this client says to what it is asked."""
TASKS: Final = "io.modelcontextprotocol/tasks"
ROUNDS: Final = 3


class Refused(Exception):
    """The answer was an error."""

    def __init__(self, error: Message) -> None:
        super().__init__(json.dumps(error))
        code = error["code"]
        assert isinstance(code, int)
        self.code = code
        self.error = error


class Broken(Exception):
    """What came is not what the revision has."""


def declare(revision: str) -> Message:
    """Write all that a client of this revision can do."""
    declared: Message = {"roots": {}, "sampling": {}}
    if revision in SINCE_THIRD:
        declared["elicitation"] = {}
    if revision == MODERN:
        declared["extensions"] = {TASKS: {}}
    return declared


@final
@dataclass
class MatrixClient:
    """Ask one gateway in the words of one revision, and keep all that was said."""

    port: int
    revision: str
    session: str = ""
    said: list[str] = field(default_factory=list)
    heard: list[Message] = field(default_factory=list)
    """Notifications, in the order in which they came."""
    level: str = ""
    declared: Message | None = None
    """What it says it can do, if not all that its revision has."""
    last_id: object = None
    """The id of the last request."""
    _count: int = 0

    @property
    def modern(self) -> bool:
        return self.revision == MODERN

    async def open(self) -> Message:
        """Do the handshake, or discover."""
        if self.modern:
            return await self.ask("server/discover", {})
        info = {"name": "matrix", "version": "1"}
        found = await self.ask(
            "initialize",
            {
                "protocolVersion": self.revision,
                "capabilities": self._declare(),
                "clientInfo": info,
            },
        )
        await self.tell("notifications/initialized", {})
        return found

    async def ask(self, method: str, params: Message, **meta: object) -> Message:
        """Send a request until it has a result; raise Refused for an error."""
        params = dict(params)
        for _ in range(ROUNDS):
            async with self.asking(method, params, **meta) as answers:
                result = await self._read_result(method, answers)
            if result.get("resultType") != "input_required":
                return result
            params |= self._give(result)
        raise Broken("asked again and again")

    @asynccontextmanager
    async def asking(
        self, method: str, params: Message, **meta: object
    ) -> AsyncIterator[AsyncIterator[Message]]:
        """Send a request; yield what comes until it is over."""
        self._count += 1
        message = self._build(method, params, meta)
        self.last_id = message["id"]
        wire = await self._send("POST", message)
        try:
            yield self._read(wire, message["id"])
        finally:
            await wire.close()

    @asynccontextmanager
    async def listening(self, **wanted: object) -> AsyncIterator[AsyncIterator[Message]]:
        """Open the stream on which news come, and yield them."""
        if self.modern:
            params: Message = {"notifications": wanted}
            async with self.asking("subscriptions/listen", params) as answers:
                first = await anext(answers)
                if first.get("method") != "notifications/subscriptions/acknowledged":
                    raise Broken(f"no acknowledgement: {first}")
                yield answers
            return
        wire = await self._send("GET", None)
        try:
            head = await wire.read_head()
            if head.status != 200:
                raise Broken(f"status {head.status} for a stream")
            yield self._read(wire, None)
        finally:
            await wire.close()

    def _declare(self) -> Message:
        return declare(self.revision) if self.declared is None else self.declared

    async def tell(self, method: str, params: Message) -> None:
        """Send a notification."""
        await self._post_aside({"jsonrpc": "2.0", "method": method, "params": params})

    async def _post_aside(self, message: Message) -> None:
        wire = await self._send("POST", message)
        try:
            answer = await wire.read()
            if answer.status != 202 or answer.body:
                raise Broken(f"status {answer.status} for {message}: {answer.body!r}")
        finally:
            await wire.close()

    def _build(self, method: str, params: Message, meta: Message) -> Message:
        if self.modern:
            meta = {
                f"{META}protocolVersion": MODERN,
                f"{META}clientCapabilities": self._declare(),
                **({f"{META}logLevel": self.level} if self.level else {}),
                **meta,
            }
        if meta:
            params = {**params, "_meta": meta}
        ident = f"{method}-{self._count}" if self._count % 2 else self._count
        return {"jsonrpc": "2.0", "id": ident, "method": method, "params": params}

    async def _send(self, verb: str, message: Message | None) -> Wire:
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.port))
        headers = {
            "host": f"127.0.0.1:{self.port}",
            "accept": ACCEPT if verb == "POST" else "text/event-stream",
        }
        if self.session:
            headers["mcp-session-id"] = self.session
        if self.modern or (self.session and self.revision in SINCE_THIRD):
            headers["mcp-protocol-version"] = self.revision
        if message is not None:
            headers["content-type"] = "application/json"
            headers |= self._mirror(message) if self.modern else {}
        self.said.append(f"> {verb} {json.dumps(message)}")
        body = None if message is None else json.dumps(message).encode()
        wire.send(f"{verb} /mcp", list(headers.items()), body)
        return wire

    def _mirror(self, message: Message) -> dict[str, str]:
        method, params = str(message["method"]), an_object(message["params"])
        named = {"mcp-name": str(params[NAMED[method]])} if method in NAMED else {}
        return {"mcp-method": method, **named}

    async def _read(self, wire: Wire, ident: object) -> AsyncIterator[Message]:
        """Yield what comes on one answer, up to its reply."""
        if ident is not None:
            head = await wire.read_head()
            self.session = head.headers.get("mcp-session-id", self.session)
            if head.headers.get("content-type") != "text/event-stream":
                head.body = await wire.reader.readexactly(int(head.headers["content-length"]))
                self.said.append(f"< {head.status} {head.body.decode()}")
                self._check_status(head.status, head.message)
                yield self._check(head.message, ident)
                return
        while (raw := await wire.read_event()) is not None:
            self.said.append(f"< {raw.decode()}")
            if raw:  # the first event of a stream that can be resumed is empty
                yield self._check(json.loads(raw), ident)

    def _check_status(self, status: int, message: Message) -> None:
        error = message.get("error")
        if not isinstance(error, dict):
            wanted = {200}
        elif self.modern:
            wanted = {404} if error["code"] == -32601 else {200, 400}
        else:
            wanted = {200}
        if status not in wanted:
            raise Broken(f"status {status} for {message}")

    def _check(self, message: Message, ident: object) -> Message:
        """Refuse what a client of this revision cannot understand."""
        if "method" not in message:
            if message.get("id") != ident:
                raise Broken(f"another id than {ident!r}: {message}")
            return message
        if "id" in message and (self.modern or message["method"] not in self._asks()):
            raise Broken(f"this revision is not asked so: {message}")
        if "id" not in message:
            self.heard.append(message)
        return message

    def _asks(self) -> frozenset[str]:
        forms = {"elicitation/create"} if self.revision in SINCE_THIRD else set()
        return LEGACY_ASKS | forms

    async def _read_result(self, method: str, answers: AsyncIterator[Message]) -> Message:
        async for message in answers:
            if "method" in message:
                if "id" in message:
                    given = GIVEN[str(message["method"])]
                    reply = {"jsonrpc": "2.0", "id": message["id"], "result": given}
                    await self._post_aside(reply)
                continue
            error, result = message.get("error"), message.get("result")
            if isinstance(error, dict):
                raise Refused(error)
            if not isinstance(result, dict):
                raise Broken(f"no result: {message}")
            return self._check_result(method, result)
        raise Broken(f"{method} ended without a reply")

    def _check_result(self, method: str, result: Message) -> Message:
        if not self.modern and MODERN_MEMBERS & result.keys():
            raise Broken(f"members of a later revision: {result}")
        if self.modern and "resultType" not in result:
            raise Broken(f"no resultType: {result}")
        cached = method.endswith("/list") or method in {"resources/read", "server/discover"}
        final = result.get("resultType") == "complete"
        if self.modern and cached and final and not {"ttlMs", "cacheScope"} <= result.keys():
            raise Broken(f"no ttlMs or cacheScope: {result}")
        return result

    def _give(self, result: Message) -> Message:
        """Answer what a result asks for."""
        wanted = an_object(result.get("inputRequests", {}))
        given = {key: GIVEN[str(an_object(each)["method"])] for key, each in wanted.items()}
        state = {"requestState": result["requestState"]} if "requestState" in result else {}
        return {"inputResponses": given, **state}
