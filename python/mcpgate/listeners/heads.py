"""Header rules of the HTTP front: pure functions and tables over header values.

Rules: what is not understood is refused; a value that granian hides (not visible ASCII) does not
exist; the body decides what a message is, these headers only whether it may be read.
"""

import re
from collections.abc import Iterable
from typing import Final, final

from mcpgate.listeners.rsgi import Headers

LEGACY_REVISIONS: Final = frozenset({"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"})
PARAM_PREFIX: Final = "mcp-param-"
_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
_LOOPBACK_ORIGIN: Final = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE
)
_MEMORY: Final = 256


def list_hosts(host: str, port: int, secure: bool, extra: Iterable[str]) -> frozenset[str]:
    """List the Host values that mean this listener; without a port for the scheme's own."""
    own = f"[{host}]" if ":" in host else host
    names = {own.lower(), *_LOOPBACK}
    allowed = {f"{name}:{port}" for name in names}
    if port == (443 if secure else 80):
        allowed |= names
    for value in extra:
        allowed.add(value.lower())
        if not re.search(r":[0-9]+$", value):
            allowed.add(f"{value.lower()}:{port}")
    return frozenset(allowed)


@final
class PeerRules:
    """Who may speak to this listener, by Host and Origin; remembers what passed."""

    __slots__ = ("_hosts", "_origins", "_passed")

    def __init__(self, hosts: frozenset[str], origins: Iterable[str]) -> None:
        """Take the allowed Host values and the allowed origins besides loopback ones."""
        self._hosts = hosts
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._passed: set[tuple[str | None, ...]] = set()

    def check(self, host: str | None, authority: str | None, origin: str | None) -> str:
        """Return the reason to refuse, or an empty string."""
        seen = (host, authority, origin)
        if seen in self._passed:
            return ""
        reason = self._judge(host, authority, origin)
        if not reason and len(self._passed) < _MEMORY:
            self._passed.add(seen)
        return reason

    def _judge(self, host: str | None, authority: str | None, origin: str | None) -> str:
        if host is None or host.lower() not in self._hosts:
            return "host"
        if authority is not None and authority.lower() != host.lower():
            return "host"
        if origin is None or _LOOPBACK_ORIGIN.fullmatch(origin):
            return ""
        return "" if origin.lower() in self._origins else "origin"


@final
class MediaRules:
    """What a POST may carry and must be able to take; remembers what passed."""

    __slots__ = ("_passed",)

    def __init__(self) -> None:
        self._passed: set[tuple[str | None, str | None]] = set()

    def check(self, content_type: str | None, accept: str | None) -> str:
        """Return the reason to refuse, or an empty string."""
        seen = (content_type, accept)
        if seen in self._passed:
            return ""
        if not is_json(content_type):
            return "media_type"
        if not (accepts(accept, "application/json") and accepts(accept, "text/event-stream")):
            return "not_acceptable"
        if len(self._passed) < _MEMORY:
            self._passed.add(seen)
        return ""


def is_json(content_type: str | None) -> bool:
    """Say whether a Content-Type is application/json, whatever its parameters."""
    return content_type is not None and _bare(content_type) == "application/json"


def accepts(accept: str | None, media: str) -> bool:
    """Say whether an Accept header lists a media type, by name, by its kind or by `*/*`."""
    if accept is None:
        return False
    wanted = {media, f"{media.split('/', maxsplit=1)[0]}/*", "*/*"}
    return any(_bare(part) in wanted and not _is_refused(part) for part in accept.split(","))


def prefers_stream(accept: str | None) -> bool:
    """Say whether an Accept header names streams before JSON, and so asks for one."""
    named = [_bare(part) for part in (accept or "").split(",")]
    ranked = [media for media in named if media in ("text/event-stream", "application/json")]
    return bool(ranked) and ranked[0] == "text/event-stream"


def _bare(value: str) -> str:
    return value.split(";", maxsplit=1)[0].strip().lower()


def _is_refused(part: str) -> bool:
    """Say whether a media range carries q=0, which means: not this."""
    weights = [
        item.split("=", 1)[1].strip()
        for item in part.lower().split(";")[1:]
        if item.strip().startswith("q=")
    ]
    return bool(weights) and not weights[0].strip("0.")


def read_length(value: str | None) -> int:
    """Return a Content-Length, or -1 where none is given; -2 for one that is no number."""
    if value is None:
        return -1
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else -2


def read_single(headers: Headers, name: str) -> str | None:
    """Return a value that may come once, None where it is absent.

    It is empty, which no rule lets pass, where the header came twice or where granian hides a
    value that is not visible ASCII.
    """
    values = headers.get_all(name)
    if len(values) == 1:
        return values[0]
    return "" if values or name in headers else None


def is_modern(version: str | None) -> bool:
    """Say whether a version header calls for the modern path: any value no legacy revision has."""
    return version is not None and version not in LEGACY_REVISIONS


def read_params(headers: Headers) -> tuple[str | None, bool]:
    """Join the Mcp-Param headers into lines `name: value`, and say whether one came twice."""
    if PARAM_PREFIX not in " ".join(headers.keys()):
        return None, False
    skip = len(PARAM_PREFIX)
    found = [(k[skip:], v) for k, v in headers.items() if k.startswith(PARAM_PREFIX)]
    repeated = len(dict(found)) != len(found)
    return "\n".join(f"{name}: {value}" for name, value in found) or None, repeated
