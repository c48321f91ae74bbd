"""The HTTP front: MCP's Streamable HTTP, both eras on one path, as an RSGI application.

Strategy: the head is weighed first (who, how long, how, what), then comes the body, then the gate;
the caller is found by header, and what the body says is the gate's to judge. Nothing is awaited
where nothing must be: a body that is there and a call that is under way need no coroutine.
Rules: only the headers that a request needs are read; each refusal is an event; whatever goes wrong
is turned into a reply in one place, `_rescue`.
"""

import logging
from collections.abc import Callable, Coroutine
from typing import Final, final

import msgspec

from mcpgate.exchange import Exchange
from mcpgate.gate import LISTS, Caller, Gate, Head, Verdict
from mcpgate.listeners import heads
from mcpgate.listeners.asked import Asked
from mcpgate.listeners.body import BodyReader
from mcpgate.listeners.rsgi import Headers, HttpProtocol, ProtocolClosed, Scope
from mcpgate.listeners.sink import STREAM_BUDGET_BYTES, HttpSink, Replies, clamp_status
from mcpgate.sessions.open_exchange import OpenExchange
from mcpgate.sessions.streams import Follower, Streams

ANONYMOUS: Final = "anonymous"
_ALLOW_LEGACY: Final = ("allow", "GET, POST, DELETE")
_ALLOW_MODERN: Final = ("allow", "POST")
_EVENTS: Final = "text/event-stream"
_FRAME_REASONS: Final = {
    400: "invalid_request",
    408: "slow_body",
    417: "invalid_request",
    431: "too_large",
    503: "overloaded",
}
_Later = Coroutine[object, None, None]
_log = logging.getLogger("mcpgate.listeners")


@final
class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the front of every listener shares."""

    gate: Gate
    exchange: Exchange
    streams: Streams
    bodies: BodyReader
    live: set[HttpSink]
    now: Callable[[], int]
    record: Callable[[], bool]
    ready: Callable[[], tuple[bool, bytes]]


@final
class HttpFront:
    """Answer every request of one listener."""

    __slots__ = (
        "_legacy",
        "_media",
        "_modern",
        "_no_head",
        "_parts",
        "_path",
        "_peers",
        "_replies",
    )

    def __init__(self, parts: Parts, path: str, peers: heads.PeerRules) -> None:
        """Take the shared parts, the path that speaks MCP and who may come."""
        self._parts = parts
        self._path = path
        self._peers = peers
        self._media = heads.MediaRules()
        self._replies = Replies(closing=False)
        self._modern = parts.gate.new_caller(ANONYMOUS, modern=True)
        self._legacy = parts.gate.new_caller(ANONYMOUS, modern=False)
        self._no_head = Head(None, None, None, None, False)

    def refuse(self, status: int) -> bytes:
        """Record that bytes which are no request were refused; return the body of the answer."""
        parts = self._parts
        reason = _FRAME_REASONS.get(status, "internal")
        verdict = parts.gate.refuse(reason, ANONYMOUS, parts.now())
        parts.record()
        return verdict.body

    def retire(self) -> None:
        """End every connection with its next reply."""
        self._replies = Replies(closing=True)

    async def __rsgi__(self, scope: Scope, protocol: HttpProtocol) -> None:
        """Answer one request of granian's."""
        work = self.answer(self.weigh(scope), protocol, None)
        if work is not None:
            await work

    def weigh(self, scope: Scope) -> Asked:
        """Judge what a head asks for; the same head always asks for the same."""
        asked = Asked(scope)
        if scope.path != self._path or scope.method != "POST":
            return asked
        headers = scope.headers
        get = headers.get
        asked.posts = True
        asked.length = heads.read_length(get("content-length"))
        asked.reason = (
            self._check_peer(scope, headers)
            or self._parts.bodies.refuses(asked.length, "transfer-encoding" in headers)
            or self._media.check(get("content-type"), get("accept"))
        )
        asked.modern = heads.is_modern(get("mcp-protocol-version"))
        if asked.modern:
            asked.head = read_head(headers)
        else:
            asked.session = heads.read_single(headers, "mcp-session-id")
            asked.head = self._no_head if asked.session is None else None
            if "mcp-method" in headers or "mcp-name" in headers:
                asked.head = read_head(headers)
        return asked

    def answer(
        self, asked: Asked, protocol: HttpProtocol, body: bytes | None
    ) -> OpenExchange | _Later | None:
        """Answer one request, whatever happens; return what is not over yet.

        A body of None is still to come, and read from the protocol.
        """
        try:
            work = self._begin(asked, protocol, body)
        except Exception as fault:  # noqa: BLE001 - the rescue: every client gets an answer
            self._rescue(protocol, fault)
            return None
        return work if work is None or isinstance(work, OpenExchange) else self._see(work, protocol)

    async def _see(self, work: _Later, protocol: HttpProtocol) -> None:
        try:
            await work
        except Exception as fault:  # noqa: BLE001 - the rescue: every client gets an answer
            self._rescue(protocol, fault)

    def _rescue(self, protocol: HttpProtocol, fault: Exception) -> None:
        if isinstance(fault, ProtocolClosed):
            _log.debug("client.left")
        else:
            _log.error("listener.failed", exc_info=fault)
            self._refuse(protocol, "internal")

    def _begin(
        self, asked: Asked, protocol: HttpProtocol, body: bytes | None
    ) -> OpenExchange | _Later | None:
        if not asked.posts:
            return self._answer_other(asked.scope, protocol)
        if asked.reason:
            self._refuse(protocol, asked.reason)
            return None
        if body is None:
            return self._read(asked, protocol)
        return self._carry(asked, protocol, body)

    async def _read(self, asked: Asked, protocol: HttpProtocol) -> None:
        """Wait for the body, and then for the end."""
        parts = self._parts
        raw = await parts.bodies.read(protocol, asked.length, parts.now())
        if isinstance(raw, str):
            self._refuse(protocol, raw)
            return
        work = self._carry(asked, protocol, raw)
        if work is not None:
            await work

    def _carry(
        self, asked: Asked, protocol: HttpProtocol, raw: bytes
    ) -> OpenExchange | _Later | None:
        """Find the caller and hand the message on."""
        caller: Caller | None
        if asked.modern:
            caller = self._modern
        else:
            session = asked.session
            caller = self._legacy if session is None else self._find_caller(session)
            if caller is None:
                self._refuse(protocol, "session_unknown")
                return None
        parts = self._parts
        sink = HttpSink(protocol, self._replies, parts.live)
        begun = parts.exchange.begin(raw, caller, asked.head, sink)
        if begun is None or isinstance(begun, OpenExchange):
            return begun
        return self._follow(protocol, sink, caller, begun)

    def _answer_other(self, scope: Scope, protocol: HttpProtocol) -> _Later | None:
        """Answer what brings no message."""
        if scope.path != self._path:
            self._answer_beside(scope, protocol)
            return None
        return self._open_or_end(scope, protocol)

    def _open_or_end(self, scope: Scope, protocol: HttpProtocol) -> _Later | None:
        """Open or end what a session has besides its requests."""
        headers = scope.headers
        get = headers.get
        reason = self._check_peer(scope, headers)
        method = scope.method
        if reason:
            self._refuse(protocol, reason)
        elif heads.is_modern(get("mcp-protocol-version")):
            self._refuse(protocol, "method_not_allowed", _ALLOW_MODERN)
        elif method not in ("GET", "DELETE"):
            self._refuse(protocol, "method_not_allowed", _ALLOW_LEGACY)
        else:
            session = heads.read_single(headers, "mcp-session-id")
            caller = None if session is None else self._find_caller(session)
            if session is None:
                self._refuse(protocol, "session_missing")
            elif caller is None:
                self._refuse(protocol, "session_unknown")
            elif method == "DELETE":
                self._end_session(protocol, session, caller)
            elif not heads.accepts(get("accept"), _EVENTS):
                self._refuse(protocol, "not_acceptable", principal=caller.principal)
            else:
                sink = HttpSink(protocol, self._replies, self._parts.live)
                return self._follow(protocol, sink, caller, None)
        return None

    def _check_peer(self, scope: Scope, headers: Headers) -> str:
        host = heads.read_single(headers, "host")
        return self._peers.check(host, scope.authority, heads.read_single(headers, "origin"))

    def _find_caller(self, session: str) -> Caller | None:
        return self._parts.gate.find_caller(session, ANONYMOUS, self._parts.now())

    def _end_session(self, protocol: HttpProtocol, session: str, caller: Caller) -> None:
        parts = self._parts
        if not parts.gate.end_session(session, caller.principal, parts.now()):
            self._refuse(protocol, "session_unknown", principal=caller.principal)
            return
        parts.record()
        parts.streams.end_session(caller.session)
        protocol.response_empty(204, self._replies.empty)

    async def _follow(
        self, protocol: HttpProtocol, sink: HttpSink, caller: Caller, listen: Verdict | None
    ) -> None:
        """Keep a stream open until its client leaves or we end it."""
        streams = self._parts.streams
        reason = streams.refuses()
        if reason:
            self._refuse(protocol, reason, principal=caller.principal)
            return
        sink.limit(STREAM_BUDGET_BYTES)
        if listen is None:
            sink.open()
            follower = Follower(sink, LISTS, session=caller.session, subscription=b"")
        else:
            sink.write(listen.body)
            follower = Follower(sink, listen.streams, session="", subscription=listen.subscription)
        streams.add(follower)
        try:
            await sink.hold()
        finally:
            streams.discard(follower)

    def _answer_beside(self, scope: Scope, protocol: HttpProtocol) -> None:
        """Answer what is not MCP: is the process alive, is it ready."""
        path = scope.path
        if path == "/healthz":
            protocol.response_bytes(200, self._replies.json, b'{"status":"ok"}')
        elif path == "/readyz":
            ready, detail = self._parts.ready()
            protocol.response_bytes(200 if ready else 503, self._replies.json, detail)
        else:
            self._refuse(protocol, "path_unknown")

    def _refuse(
        self,
        protocol: HttpProtocol,
        reason: str,
        *more: tuple[str, str],
        principal: str = ANONYMOUS,
    ) -> None:
        """Refuse before a message exists, with an event of it."""
        parts = self._parts
        verdict = parts.gate.refuse(reason, principal, parts.now())
        parts.record()
        _log.debug("request.refused", extra={"reason": reason, "event": verdict.event})
        headers = [*self._replies.json, *more]
        protocol.response_bytes(clamp_status(verdict.status), headers, verdict.body)


def read_head(headers: Headers) -> Head:
    """Collect what a modern request mirrors in its headers."""
    get_all = headers.get_all
    versions = get_all("mcp-protocol-version")
    methods = get_all("mcp-method")
    names = get_all("mcp-name")
    params, repeated = heads.read_params(headers)
    return Head(
        versions[0] if versions else None,
        methods[0] if methods else None,
        names[0] if names else None,
        params,
        repeated or len(versions) > 1 or len(methods) > 1 or len(names) > 1,
    )
