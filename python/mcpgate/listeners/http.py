"""The HTTP front: MCP's Streamable HTTP, both eras on one path, as an RSGI application.

Strategy: header rules first (who, how long, how, what), then the body, then the gate; the caller is
found by header, and what the body says is the gate's to judge.
Rules: only the headers that a request needs are read; each refusal is an event; whatever goes wrong
is turned into a reply in one place, `__rsgi__`.
"""

import logging
from collections.abc import Callable
from typing import Final, final

import msgspec

from mcpgate.exchange import Exchange
from mcpgate.gate import LISTS, Caller, Gate, Head, Verdict
from mcpgate.listeners import heads
from mcpgate.listeners.body import BodyReader
from mcpgate.listeners.rsgi import Headers, HttpProtocol, ProtocolClosed, Scope
from mcpgate.listeners.sink import STREAM_BUDGET_BYTES, HttpSink, Replies, clamp_status
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
        """Answer one request, whatever happens."""
        try:
            if scope.path != self._path:
                self._answer_beside(scope, protocol)
            elif scope.method == "POST":
                await self._post(scope, protocol)
            else:
                await self._other(scope, protocol)
        except ProtocolClosed:
            _log.debug("client.left")
        except Exception:  # noqa: BLE001 - the rescue: every client gets an answer
            _log.exception("listener.failed")
            self._refuse(protocol, "internal")

    async def _post(self, scope: Scope, protocol: HttpProtocol) -> None:
        parts = self._parts
        headers = scope.headers
        get = headers.get
        length = heads.read_length(get("content-length"))
        reason = (
            self._check_peer(scope, headers)
            or parts.bodies.refuses(length, "transfer-encoding" in headers)
            or self._media.check(get("content-type"), get("accept"))
        )
        if reason:
            self._refuse(protocol, reason)
            return
        raw = await parts.bodies.read(protocol, length, parts.now())
        if isinstance(raw, str):
            self._refuse(protocol, raw)
            return
        version = get("mcp-protocol-version")
        if heads.is_modern(version):
            caller: Caller = self._modern
            head: Head | None = read_head(headers)
        else:
            session = heads.read_single(headers, "mcp-session-id")
            found = self._legacy if session is None else self._find_caller(session)
            if found is None:
                self._refuse(protocol, "session_unknown")
                return
            caller, head = found, self._no_head if session is None else None
            if "mcp-method" in headers or "mcp-name" in headers:
                head = read_head(headers)
        sink = HttpSink(protocol, self._replies, parts.live)
        try:
            listen = await parts.exchange.run(raw, caller, head, sink)
        except BaseException:
            sink.abandon()
            raise
        if listen is not None:
            await self._follow(protocol, sink, caller, listen)

    async def _other(self, scope: Scope, protocol: HttpProtocol) -> None:
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
                await self._follow(protocol, sink, caller, None)

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
