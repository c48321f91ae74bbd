"""The gateway's own JSON-RPC: requests it sends to servers and what their answers mean (pure)."""

from typing import Final, TypeVar, final

import msgspec

from mcpgate.errors import LinkFault, RemoteError
from mcpgate.gate import PROMPTS, RESOURCES, TOOLS
from mcpgate.model import Era, Peer

MODERN: Final = "2026-07-28"
LEGACY: Final = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
MODERN_CODES: Final = frozenset((-32020, -32021, -32022))
_REVISION_CODE: Final = -32022
INITIALIZED: Final = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'

_T = TypeVar("_T")

_META: Final = "io.modelcontextprotocol/"
_NAMED: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_LISTS: Final = (
    ("tools", "toolsListChanged", TOOLS),
    ("prompts", "promptsListChanged", PROMPTS),
    ("resources", "resourcesListChanged", RESOURCES),
)


class _Error(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""
    data: msgspec.Raw = msgspec.Raw()


class _Offer(msgspec.Struct, frozen=True):
    supported: tuple[str, ...] = ()


class _Reply(msgspec.Struct, frozen=True):
    result: msgspec.Raw = msgspec.Raw()
    error: _Error | None = None


class _Implementation(msgspec.Struct, frozen=True):
    name: str = ""
    version: str = ""


class _Initialized(msgspec.Struct, frozen=True, rename="camel"):
    protocol_version: str
    capabilities: msgspec.Raw = msgspec.Raw(b"{}")
    server_info: _Implementation = _Implementation()
    instructions: str | None = None


class _Meta(msgspec.Struct, frozen=True):
    server: _Implementation = msgspec.field(name=f"{_META}serverInfo", default=_Implementation())


class _Discovered(msgspec.Struct, frozen=True, rename="camel"):
    supported_versions: tuple[str, ...]
    capabilities: msgspec.Raw = msgspec.Raw(b"{}")
    instructions: str | None = None
    meta: _Meta = msgspec.field(name="_meta", default=_Meta())


@final
class Own(msgspec.Struct, frozen=True, kw_only=True):
    """One request of the gateway itself, ready to send."""

    upstream_id: int
    method: str
    name: str | None
    body: bytes
    head: bytes = b""


def build_own(upstream_id: int, method: str, params: bytes, stamp: bytes) -> Own:
    """Build a request; `stamp` is the raw `_meta` of a modern one, empty for legacy."""
    fields = msgspec.json.decode(params or b"{}", type=dict[str, msgspec.Raw])
    if stamp:
        fields["_meta"] = msgspec.Raw(stamp)
    name = None
    if method in _NAMED:
        name = msgspec.json.decode(fields[_NAMED[method]], type=str)
    message: dict[str, object] = {"jsonrpc": "2.0", "id": upstream_id, "method": method}
    if fields:
        message["params"] = fields
    return Own(upstream_id=upstream_id, method=method, name=name, body=msgspec.json.encode(message))


def build_cancel(upstream_id: int) -> bytes:
    """Build the notification that a request of our own is taken back."""
    params = b'{"requestId":%d}' % upstream_id
    return b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":%b}' % params


def build_stamp(version: str) -> bytes:
    """Build the raw `_meta` of the gateway's own requests to modern servers."""
    return msgspec.json.encode(
        {
            f"{_META}protocolVersion": MODERN,
            f"{_META}clientCapabilities": {},
            f"{_META}clientInfo": {"name": "mcpgate", "version": version},
        }
    )


def build_hello(revision: str, version: str, capabilities: bytes = b"{}") -> bytes:
    """Build the params of `initialize`; `capabilities` is the raw object."""
    return msgspec.json.encode(
        {
            "protocolVersion": revision,
            "capabilities": msgspec.Raw(capabilities),
            "clientInfo": {"name": "mcpgate", "version": version},
        }
    )


def build_listen(capabilities: msgspec.Raw) -> bytes:
    """Build the params of `subscriptions/listen`; empty when the server announces nothing."""
    changing = find_changing(capabilities)
    wanted = {field: True for _, field, bit in _LISTS if changing & bit}
    return msgspec.json.encode({"notifications": wanted}) if wanted else b""


def find_changing(capabilities: msgspec.Raw) -> int:
    """Return the bits of the lists whose changes the server announces."""
    bits = 0
    declared = _read(capabilities, dict[str, msgspec.Raw])
    for name, _, bit in _LISTS:
        raw = declared.get(name)
        listed = _read(raw, dict[str, msgspec.Raw]) if raw is not None else {}
        bits |= bit if bytes(listed.get("listChanged", b"")) == b"true" else 0
    return bits


def read_result(raw: bytes) -> bytes:
    """Return the raw `result` of a reply; raise RemoteError for an error, LinkFault for rubbish."""
    reply = _read(raw, _Reply)
    if reply.error is not None:
        raise RemoteError(reply.error.code, reply.error.message, bytes(reply.error.data))
    result = bytes(reply.result)
    if not result:
        raise LinkFault("unreadable", "the server's reply has neither result nor error")
    return result


def find_error_code(raw: bytes) -> int:
    """Return the code of the JSON-RPC error in a body, 0 for none."""
    try:
        error = _read(raw, _Reply).error
    except LinkFault:
        return 0
    return 0 if error is None else error.code


def offers_modern(error: RemoteError) -> bool:
    """Say whether a server refused the revision of a request and offers the modern one."""
    if error.code != _REVISION_CODE or not error.data:
        return False
    try:
        return MODERN in _read(error.data, _Offer).supported
    except LinkFault:
        return False


def is_error(raw: bytes) -> bool:
    """Say whether a reply is an error, or cannot be read at all."""
    try:
        read_result(raw)
    except (RemoteError, LinkFault):
        return True
    return False


def read_hello(result: bytes) -> Peer:
    """Read the answer to `initialize`; any released revision with a handshake will do."""
    hello = _read(result, _Initialized)
    if hello.protocol_version not in LEGACY:
        raise LinkFault(
            "unavailable",
            f"the server speaks revision {hello.protocol_version!r}; known are {', '.join(LEGACY)}",
        )
    return _peer("legacy", hello.protocol_version, hello.server_info, hello)


def read_discovery(result: bytes) -> Peer:
    """Read the answer to `server/discover`."""
    found = _read(result, _Discovered)
    if MODERN not in found.supported_versions:
        offered = ", ".join(found.supported_versions) or "none"
        raise LinkFault("unavailable", f"the server offers revisions {offered}, not {MODERN}")
    return _peer("modern", MODERN, found.meta.server, found)


def _peer(era: Era, revision: str, info: _Implementation, said: _Initialized | _Discovered) -> Peer:
    _read(said.capabilities, dict[str, msgspec.Raw])
    return Peer(
        era=era,
        revision=revision,
        name=info.name,
        version=info.version,
        instructions=said.instructions or "",
        capabilities=msgspec.Raw(bytes(said.capabilities)),
    )


def _read(raw: bytes | msgspec.Raw, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, ValueError) as error:
        raise LinkFault("unreadable", f"the server's reply cannot be read: {error}") from error
