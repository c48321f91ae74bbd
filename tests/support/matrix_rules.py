"""What a strict server of one revision takes, and how it answers what it does not."""

from collections.abc import Iterator
from typing import Final, final

import msgspec

from tests.support.http_server import Message, Request
from tests.support.matrix_table import MODERN, THIRD

META: Final = "io.modelcontextprotocol/"
BOTH: Final = frozenset(
    (
        "tools/list",
        "tools/call",
        "prompts/list",
        "prompts/get",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "completion/complete",
    )
)
LEGACY_ONLY: Final = frozenset(
    (
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/progress",
        "notifications/roots/list_changed",
    )
)
MODERN_ONLY: Final = frozenset(("server/discover", "subscriptions/listen"))
ACCEPTED: Final = frozenset(("application/json", "text/event-stream"))
LATER: Final = ("requestState", "inputResponses")
NAMED: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


@final
class Fault(msgspec.Struct, frozen=True):
    """Why a message is not taken."""

    text: str
    code: int
    status: int
    matters: bool = True
    """Whether a gateway that knows the revision must never cause it."""


def an_object(found: object) -> Message:
    """Hold what was read to an object."""
    if not isinstance(found, dict):
        raise ValueError(f"no object: {found!r}")
    return found


def a_list(found: object) -> list[Message]:
    """Hold what was read to a list of objects."""
    if not isinstance(found, list):
        raise ValueError(f"no list: {found!r}")
    return [an_object(each) for each in found]


def params_of(request: Request) -> Message:
    return an_object(request.message.get("params", {}))


def meta_of(request: Request) -> Message:
    return an_object(params_of(request).get("_meta", {}))


def find_fault(revision: str, request: Request, *, known: bool) -> Fault | None:
    """Find what is wrong with a POST; `known` says whether its session is."""
    return next(_find_faults(revision, request, known), None)


def _find_faults(revision: str, request: Request, known: bool) -> Iterator[Fault]:
    fields = request.fields
    if fields.get("content-type") != "application/json":
        yield Fault("content-type", -32600, 415)
    if {each.strip() for each in fields.get("accept", "").split(",")} != ACCEPTED:
        yield Fault("accept", -32600, 406)
    if not request.body.lstrip().startswith(b"{") or request.message.get("jsonrpc") != "2.0":
        yield Fault("no message", -32600, 400)
    if revision == MODERN:
        yield from _find_modern(request)
    elif request.method == "server/discover":  # how a gateway finds out whom it has
        yield Fault("no session", -32600, 400, matters=False)
    elif request.method == "initialize":
        if known:
            yield Fault("a session already", -32600, 400)
    else:
        yield from _find_legacy(revision, request, known)


def _find_legacy(revision: str, request: Request, known: bool) -> Iterator[Fault]:
    if not known:
        yield Fault("no session", -32600, 404)
    if revision >= THIRD and request.fields.get("mcp-protocol-version") != revision:
        yield Fault("mcp-protocol-version", -32600, 400)
    if request.method and request.method not in BOTH | LEGACY_ONLY:
        yield Fault("unknown method", -32601, 200)
    if [key for key in LATER if key in params_of(request)]:
        yield Fault("params of a later revision", -32602, 200)
    if [key for key in meta_of(request) if key.startswith(META)]:
        yield Fault("_meta of a later revision", -32602, 200)


def _find_modern(request: Request) -> Iterator[Fault]:
    method, params, fields = request.method, params_of(request), request.fields
    meta = meta_of(request)
    if method == "initialize":
        yield Fault("initialize", -32601, 404)
    if "mcp-session-id" in fields:
        yield Fault("a session", -32600, 400)
    if meta.get(f"{META}protocolVersion") != MODERN:
        yield Fault("no revision in _meta", -32602, 400)
    if not isinstance(meta.get(f"{META}clientCapabilities"), dict):
        yield Fault("no capabilities in _meta", -32602, 400)
    if fields.get("mcp-protocol-version") != MODERN or fields.get("mcp-method") != method:
        yield Fault("headers differ", -32020, 400)
    if method in NAMED and fields.get("mcp-name") != params.get(NAMED[method]):
        yield Fault("mcp-name differs", -32020, 400)
    if method not in BOTH | MODERN_ONLY or request.id is None:
        yield Fault("unknown method", -32601, 404)
