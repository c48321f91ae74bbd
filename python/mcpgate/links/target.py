"""Where a server is and the head bytes of http requests to it (pure)."""

import base64
import re
from collections.abc import Mapping
from typing import Final, final
from urllib.parse import urlsplit

import msgspec

from mcpgate.errors import LinkFault

_FIELD_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_SESSION: Final = re.compile(rb"[\x21-\x7e]{1,1024}")
_PLAIN: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_OURS: Final = frozenset(
    (
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "last-event-id",
        "mcp-method",
        "mcp-name",
        "mcp-protocol-version",
        "mcp-session-id",
        "te",
        "transfer-encoding",
        "upgrade",
    )
)

WEB: Final = ("http", "https")
SOCKET: Final = ("ws", "wss")
ACCEPT_BOTH: Final = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
}
ACCEPT_STREAM: Final = {"accept": "text/event-stream"}
NOTHING: Final = b"content-length: 0\r\n\r\n"


@final
class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where to dial and what to ask for there."""

    host: str
    port: int
    secure: bool
    path: str
    authority: str


def read_target(url: str, schemes: tuple[str, str] = WEB) -> Target:
    """Cut a URL into what a connection needs; raise LinkFault naming what is wrong."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise LinkFault("unavailable", f"url {url!r} cannot be read: {error}") from error
    plain, secured = schemes
    if parts.scheme not in schemes or not parts.hostname:
        forms = f"{plain}://host/path or {secured}://host/path"
        raise LinkFault("unavailable", f"url {url!r} must be {forms}")
    if parts.username is not None:
        raise LinkFault("unavailable", "url must not hold credentials: use headers")
    secure = parts.scheme == secured
    host = parts.hostname
    named = f"[{host}]" if ":" in host else host
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or not named.isascii() or re.search(r"[\x00-\x20\x7f]", path + named):
        raise LinkFault("unavailable", f"url {url!r} must be ASCII without blanks: encode it")
    standard = 443 if secure else 80
    authority = named if port in {None, standard} else f"{named}:{port}"
    return Target(host=host, port=port or standard, secure=secure, path=path, authority=authority)


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return configured headers in lower case; refuse what would change the framing."""
    fields = {}
    for name, value in headers.items():
        lowered = name.lower()
        if lowered in _OURS or lowered.startswith("sec-websocket-"):
            raise LinkFault("unavailable", f"header {name!r} is set by the gateway itself")
        if not _FIELD_NAME.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
            raise LinkFault("unavailable", f"header {name!r} holds characters HTTP does not allow")
        fields[lowered] = value
    return fields


def render_head(verb: str, target: Target, *fields: Mapping[str, str]) -> bytes:
    """Render the request line and all fields, open for more; later fields win."""
    merged = {"host": target.authority, "accept-encoding": "identity"}
    for group in fields:
        merged.update(group)
    lines = [f"{verb} {target.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in merged.items()]
    return ("\r\n".join(lines) + "\r\n").encode("latin-1")


def read_session(value: bytes) -> str:
    """Return the session id a server gave, empty for none; refuse what must not go into a head."""
    if not value:
        return ""
    if not _SESSION.fullmatch(value):
        raise LinkFault("unreadable", "the server gave a session id that is not visible ASCII")
    return value.decode("ascii")


def encode_value(value: str) -> str:
    """Render a mirrored header value; what HTTP cannot hold goes as base64 in its sentinel."""
    if _PLAIN.fullmatch(value) and not value.startswith("=?base64?"):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode('ascii')}?="


def mirror(method: str, name: str | None) -> bytes:
    """Render the mirrored head of one of our own requests to a modern server."""
    lines = f"mcp-method: {encode_value(method)}\r\n"
    if name is not None:
        lines += f"mcp-name: {encode_value(name)}\r\n"
    return lines.encode("ascii")
