"""The HTTP front: every transport of a listener, as an RSGI application.

Streamable HTTP, both eras, and WebSocket share one path; HTTP+SSE has two beside it.

Strategy: the head is weighed first (who, how long, how, what), then comes the body, then the gate;
the caller is found by header, and what the body says is the gate's to judge. Nothing is awaited
where nothing must be: a body that is there and a call that is under way need no coroutine.
Rules: only the headers that a request needs are read; each refusal is an event; whatever goes wrong
is turned into a reply in one place, `_rescue`.
"""

import logging
from collections.abc import Coroutine
from functools import partial
from typing import Final, final

from mcpgate.gate import LISTS, Caller, Head, Verdict
from mcpgate.listeners import heads
from mcpgate.listeners.asked import Asked
from mcpgate.listeners.parts import ANONYMOUS
from mcpgate.listeners.rsgi import Headers, HttpProtocol, ProtocolClosed, Scope
from mcpgate.listeners.session_sink import SessionSink
from mcpgate.listeners.sink import STREAM_BUDGET_BYTES, HttpSink, Replies, clamp_status
from mcpgate.listeners.transports import Transports
from mcpgate.listeners.websocket import Handshake, WebSocketConnection, asks_for_websocket
from mcpgate.sessions.batch import BEGUN, Begun
from mcpgate.sessions.refusals import reword
from mcpgate.sessions.streams import Follower

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
class HttpFront:
    """Answer every request of one listener."""

    __slots__ = (
        "_legacy",
        "_media",
        "_modern",
        "_no_head",
        "_parts",
        "_peers",
        "_posts_path",
        "_transports",
        "replies",
    )

    def __init__(self, transports: Transports, peers: heads.PeerRules) -> None:
        """Take what the listener carries, and who may come."""
        room = transports.room
        self._parts = room.parts
        self._transports = transports
        self._posts_path = transports.path if transports.http else None
        self._peers = peers
        self._media = heads.MediaRules()
        self.replies = Replies(closing=False)
        self._modern, self._legacy, self._no_head = room.modern, room.legacy, room.no_head

    def refuse(self, status: int) -> bytes:
        """Record that bytes which are no request were refused; return the body of the answer."""
        parts = self._parts
        reason = _FRAME_REASONS.get(status, "internal")
        verdict = parts.gate.refuse(reason, ANONYMOUS, parts.now())
        parts.record()
        return verdict.body

    def retire(self) -> None:
        """End every connection with its next reply."""
        self.replies = Replies(closing=True)

    def take_leave(self) -> None:
        """End what lasts longer than a request, because the gateway ends."""
        self._transports.room.retire()

    async def __rsgi__(self, scope: Scope, protocol: HttpProtocol) -> None:
        """Answer one request of granian's."""
        work = self.answer(self.weigh(scope), protocol, None)
        if work is not None:
            await work

    def weigh(self, scope: Scope) -> Asked:
        """Judge what a head asks for; the same head always asks for the same."""
        asked = Asked(scope)
        if scope.path != self._posts_path or scope.method != "POST":
            self._weigh_switch(asked)
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
            asked.streams = heads.prefers_stream(get("accept"))
            asked.head = self._no_head if asked.session is None else None
            if "mcp-method" in headers or "mcp-name" in headers:
                asked.head = read_head(headers)
        return asked

    def _weigh_switch(self, asked: Asked) -> None:
        """Judge whether a head asks for a WebSocket, and whether it may have one."""
        scope, transports = asked.scope, self._transports
        headers = scope.headers
        if scope.method != "GET" or scope.path != transports.path:
            return
        if not asks_for_websocket(headers):
            return
        asked.reason = self._check_peer(scope, headers)
        if asked.reason:
            return
        asked.reason, asked.text = "invalid_request", transports.no_websocket
        if asked.text:
            return
        handshake = Handshake(headers)
        asked.text = handshake.text
        if not asked.text:
            asked.reason = "draining" if self._parts.streams.draining else ""
        if not asked.reason:
            asked.switch = partial(self._switch, handshake)

    def _switch(self, handshake: Handshake) -> WebSocketConnection | None:
        connection = WebSocketConnection(self._transports.room, handshake)
        return connection if connection.welcome else None

    def answer(
        self, asked: Asked, protocol: HttpProtocol, body: bytes | None
    ) -> Begun | _Later | None:
        """Answer one request, whatever happens; return what is not over yet.

        A body of None is still to come, and read from the protocol.
        """
        try:
            work = self._begin(asked, protocol, body)
        except Exception as fault:  # noqa: BLE001 - the rescue: every client gets an answer
            self._rescue(protocol, fault)
            return None
        return work if work is None or isinstance(work, BEGUN) else self._see(work, protocol)

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
            self.refuse_request(protocol, "internal")

    def _begin(
        self, asked: Asked, protocol: HttpProtocol, body: bytes | None
    ) -> Begun | _Later | None:
        if asked.reason:
            self.refuse_request(protocol, asked.reason, text=asked.text)
            return None
        if not asked.posts:
            return self._answer_other(asked, protocol)
        if body is None:
            return self._read(asked, protocol)
        return self._carry(asked, protocol, body)

    async def _read(self, asked: Asked, protocol: HttpProtocol) -> None:
        """Wait for the body, and then for the end."""
        parts = self._parts
        raw = await parts.bodies.read(protocol, asked.length, parts.now())
        if isinstance(raw, str):
            self.refuse_request(protocol, raw)
            return
        work = self._carry(asked, protocol, raw)
        if work is not None:
            await work

    def _carry(self, asked: Asked, protocol: HttpProtocol, raw: bytes) -> Begun | _Later | None:
        """Find the caller and hand the message on."""
        caller: Caller | None
        if asked.modern:
            caller = self._modern
        else:
            session = asked.session
            caller = self._legacy if session is None else self._find_caller(session)
            if caller is None:
                self.refuse_request(protocol, "session_unknown")
                return None
        parts = self._parts
        sink: HttpSink | SessionSink
        if asked.session is None:
            sink = HttpSink(protocol, self.replies, parts.live)
        else:
            sink = SessionSink(protocol, self.replies, parts.sessions, caller, asked.streams)
        begun = parts.exchange.begin(raw, caller, asked.head, sink)
        if begun is None or isinstance(begun, BEGUN):
            return begun
        return self._listen(protocol, caller, begun)

    def _answer_other(self, asked: Asked, protocol: HttpProtocol) -> _Later | None:
        """Answer what brings no message of Streamable HTTP."""
        scope, transports = asked.scope, self._transports
        sse = transports.sse
        if scope.path == self._posts_path:
            return self._open_or_end(scope, protocol)
        if sse is not None and scope.path in (sse.stream_path, sse.post_path):
            reason = self._check_peer(scope, scope.headers)
            if not reason:
                return sse.answer(scope, protocol, self)
            self.refuse_request(protocol, reason)
        else:
            self._answer_beside(scope, protocol)
        return None

    def _open_or_end(self, scope: Scope, protocol: HttpProtocol) -> _Later | None:
        """Open or end what a session has besides its requests."""
        headers = scope.headers
        get = headers.get
        reason = self._check_peer(scope, headers)
        method = scope.method
        if reason:
            self.refuse_request(protocol, reason)
        elif heads.is_modern(get("mcp-protocol-version")):
            self.refuse_request(protocol, "method_not_allowed", _ALLOW_MODERN)
        elif method not in ("GET", "DELETE"):
            self.refuse_request(protocol, "method_not_allowed", _ALLOW_LEGACY)
        else:
            session = heads.read_single(headers, "mcp-session-id")
            caller = None if session is None else self._find_caller(session)
            if session is None:
                self.refuse_request(protocol, "session_missing")
            elif caller is None:
                self.refuse_request(protocol, "session_unknown")
            elif method == "DELETE":
                self._end_session(protocol, session, caller)
            elif not heads.accepts(get("accept"), _EVENTS):
                self.refuse_request(protocol, "not_acceptable", principal=caller.principal)
            else:
                return self._read_on(protocol, caller, get("last-event-id") or "")
        return None

    def _check_peer(self, scope: Scope, headers: Headers) -> str:
        host = heads.read_single(headers, "host")
        return self._peers.check(host, scope.authority, heads.read_single(headers, "origin"))

    def _find_caller(self, session: str) -> Caller | None:
        return self._parts.gate.find_caller(session, ANONYMOUS, self._parts.now())

    def _end_session(self, protocol: HttpProtocol, session: str, caller: Caller) -> None:
        parts = self._parts
        if not parts.gate.end_session(session, caller.principal, parts.now()):
            self.refuse_request(protocol, "session_unknown", principal=caller.principal)
            return
        parts.record()
        parts.streams.end_session(caller.session)
        parts.exchange.end_session(caller.session)
        parts.sessions.replays.end_session(caller.session)
        protocol.response_empty(204, self.replies.empty)

    async def _listen(self, protocol: HttpProtocol, caller: Caller, listen: Verdict) -> None:
        """Keep a listen request open until its client leaves or we end it."""
        streams = self._parts.streams
        reason = streams.refuses()
        if reason:
            self.refuse_request(protocol, reason, principal=caller.principal)
            return
        sink = HttpSink(protocol, self.replies, self._parts.live)
        sink.limit(STREAM_BUDGET_BYTES)
        sink.write(listen.body)
        follower = Follower(sink, listen.streams, session="", subscription=listen.subscription)
        streams.add(follower, listen.watches)
        try:
            await sink.hold()
        finally:
            streams.discard(follower)

    async def _read_on(self, protocol: HttpProtocol, caller: Caller, event: str) -> None:
        """Send what followed an event, or what the session's own stream has not sent yet."""
        streams, sessions = self._parts.streams, self._parts.sessions
        reason = streams.refuses()
        found = None if reason else sessions.replays.find(caller.session, event)
        if found is None:
            self.refuse_request(protocol, reason or "event_unknown", principal=caller.principal)
            return
        track, after = found
        sink = HttpSink(protocol, self.replies, self._parts.live)
        if not track.own:
            await sessions.read(sink, track, after, caller)
            return
        sink.limit(STREAM_BUDGET_BYTES)
        follower = Follower(track, LISTS, session=caller.session, subscription=b"")
        streams.add(follower)
        try:
            await sessions.read(sink, track, after, caller)
        finally:
            if track.unread:
                streams.rest(follower)
            else:
                streams.discard(follower)

    def _answer_beside(self, scope: Scope, protocol: HttpProtocol) -> None:
        """Answer what is not MCP: is the process alive, is it ready."""
        path = scope.path
        if path == "/healthz":
            protocol.response_bytes(200, self.replies.json, b'{"status":"ok"}')
        elif path == "/readyz":
            ready, detail = self._parts.ready()
            protocol.response_bytes(200 if ready else 503, self.replies.json, detail)
        else:
            self.refuse_request(protocol, "path_unknown")

    def refuse_request(
        self,
        protocol: HttpProtocol,
        reason: str,
        *more: tuple[str, str],
        principal: str = ANONYMOUS,
        status: int = 0,
        text: str = "",
    ) -> None:
        """Refuse before a message exists, with an event of it.

        Without a status and a text it gets those of the reason.
        """
        parts = self._parts
        verdict = parts.gate.refuse(reason, principal, parts.now())
        parts.record()
        _log.debug("request.refused", extra={"reason": reason, "event": verdict.event})
        headers = [*self.replies.json, *more]
        body = reword(verdict.body, text) if text else verdict.body
        protocol.response_bytes(clamp_status(status or verdict.status), headers, body)


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
