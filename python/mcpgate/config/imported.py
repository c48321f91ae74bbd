"""Servers from the file of an editor, taken as they are.

Strategy: one table of the shapes that editors write; what we have no use for becomes a note, what
would start something else than the editor starts becomes a problem.
Rules: two names never become one; `${...}` means what it means to the editor (`variables.py`);
problems name the place in the editor's file.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, final

import msgspec

from mcpgate.config.document import (
    Document,
    Problem,
    Where,
    join_path,
    read_document,
    read_text,
)  # fmt: skip
from mcpgate.config.model import Server
from mcpgate.config.rules import check_server, is_our_header
from mcpgate.config.variables import Expanded, Variables
from mcpgate.errors import ConfigError
from mcpgate.model import TransportName

SHAPES: Final[tuple[tuple[str, ...], ...]] = (
    ("mcpServers",),  # Claude Desktop, Claude Code, Cursor, Cline, Gemini, LM Studio
    ("servers",),  # VS Code, mcp.json
    ("mcp", "servers"),  # VS Code, settings.json
    ("context_servers",),  # Zed
)
_TYPES: Final[Mapping[str, TransportName]] = {
    **dict.fromkeys(("http", "streamable-http", "streamableHttp", "streamable_http"), "http"),
    "sse": "sse",
    "stdio": "stdio",
    **dict.fromkeys(("websocket", "ws"), "websocket"),
}
_KNOWN: Final = frozenset(
    {"command", "args", "env", "cwd", "url", "type", "headers", "disabled", "enabled"}
)
_NAME = re.compile(r"[a-z0-9-]{1,20}")
_OUTSIDE_TEXT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_LAST_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')


@final
class Imported(msgspec.Struct, frozen=True):
    """The servers of an editor's file, and what an operator should know about them."""

    servers: tuple[Server, ...]
    notes: tuple[str, ...]
    origins: tuple[Where, ...]
    document: Document


def name_servers(names: Iterable[str]) -> dict[str, str]:
    """Give each name one of ours, [a-z0-9-]{1,20}; different names get different ones."""
    wanted = {name: name if _NAME.fullmatch(name) else _simplify(name) for name in names}
    times = Counter(wanted.values())
    given = {
        name: plain
        for name, plain in wanted.items()
        if plain and (name == plain or (times[plain] == 1 and plain == _strip(name)))
    }
    taken = set(given.values())
    for name, plain in wanted.items():
        if name not in given:
            given[name] = _mark(plain, name, taken)
            taken.add(given[name])
    return {name: given[name] for name in wanted}


def read_imported(path: str, environ: Mapping[str, str] | None = None) -> Imported:
    """Read an editor's file; raise ConfigError with every server that cannot be taken.

    Without `environ`, a text with variables in it stays as it is written.
    """
    notes: list[str] = []
    value, plain = _read_json(read_text(path), path, notes)
    reading = _Reading(Variables(path, environ), notes)
    reading.take(value)
    document = _find_lines(plain, path)
    if reading.problems:
        raise ConfigError(document.describe(reading.problems))
    return Imported(tuple(reading.servers), tuple(notes), tuple(reading.origins), document)


def is_imported(value: object) -> bool:
    """Say whether this is what an editor writes, and not a file of ours."""
    found = next((shape for shape in SHAPES if _find_entries(value, shape) is not None), None)
    if found != ("servers",):
        return found is not None
    entries = (_find_entries(value, found) or {}).values()
    return not any(isinstance(entry, dict) and "transport" in entry for entry in entries)


def _find_entries(value: object, shape: Where) -> dict[str, object] | None:
    for key in shape:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        return None
    return {str(name): entry for name, entry in value.items()}


def _find_lines(plain: str, path: str) -> Document:
    """Find where everything stands: JSON is YAML, nearly always; else no lines are named."""
    try:
        return read_document(plain, path)
    except ConfigError:
        return Document(path)


def _strip(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _simplify(name: str) -> str:
    return _strip(name)[:20].strip("-")


def _mark(plain: str, name: str, taken: set[str]) -> str:
    """Tell names apart that look alike, by a piece of their hash."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    for size in range(6, 20):
        marked = f"{plain[: 19 - size]}-{digest[:size]}".lstrip("-")
        if marked not in taken:
            return marked
    raise ConfigError([f'no free name for "{name}"; rename it'])


def _read_json(text: str, path: str, notes: list[str]) -> tuple[object, str]:
    """Return the value, and the text without comments and last commas."""

    def build(pairs: list[tuple[str, object]]) -> dict[str, object]:
        for key, times in Counter(key for key, _ in pairs).items():
            if times > 1:
                notes.append(f'"{key}" stands {times} times; the last one is taken')
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=build), text
    except (ValueError, RecursionError):
        notes.clear()
    plain = _OUTSIDE_TEXT.sub(lambda found: found[1] or _blank(found[0]), text)
    plain = _LAST_COMMA.sub(lambda found: found[1] or " ", plain)
    try:
        return json.loads(plain, object_pairs_hook=build), plain
    except json.JSONDecodeError as fault:
        place = f"{path}:{fault.lineno}:{fault.colno}"
        raise ConfigError([f"{place}: not readable as JSON: {fault.msg}"]) from fault
    except (ValueError, RecursionError) as fault:
        raise ConfigError([f"{path}: not readable as JSON: {fault}"]) from fault


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _choose_transport(kind: object, url: str) -> TransportName:
    """Choose by the type, without one by the address; what does not fit is told later."""
    if kind is None and url.startswith(("ws://", "wss://")):
        return "websocket"
    known = _TYPES.get(kind, "http") if isinstance(kind, str) else "http"
    return "http" if known == "stdio" else known


@final
class _Reading:
    """One file being read: what was found so far."""

    def __init__(self, variables: Variables, notes: list[str]) -> None:
        self.servers: list[Server] = []
        self.origins: list[Where] = []
        self.problems: list[Problem] = []
        self._notes = notes
        self._variables = variables
        self._at: Where = ()
        self._enabled = True

    def take(self, value: object) -> None:
        projects = (_find_entries(value, ("projects",)) or {}).items()
        for project, settings in projects:  # Claude Code keeps servers of one folder there
            if _find_entries(settings, ("mcpServers",)):
                path = join_path(("projects", project, "mcpServers"))
                self._notes.append(f"{path}: servers of a single project are not taken")
        for shape in SHAPES:
            entries = _find_entries(value, shape)
            if entries is not None:
                self._take_all(entries, shape)
                return
        keys = ", ".join(".".join(shape) for shape in SHAPES)
        self.problems.append(Problem((), f"no servers; expected under one of: {keys}"))

    def _take_all(self, entries: Mapping[str, object], shape: Where) -> None:
        for old, name in name_servers(entries).items():
            self._at = (*shape, old)
            if old != name:
                self._note((), f'is called "{name}" here')
            entry = entries[old]
            if isinstance(entry, dict):
                self._take_one(name, {str(key): item for key, item in entry.items()})
            else:
                self._refuse((), "is not an object with command or url")

    def _take_one(self, name: str, entry: Mapping[str, object]) -> None:
        for key in entry:
            if key not in _KNOWN:
                self._note((key,), "is not used here")
        self._enabled = entry.get("disabled") is not True and entry.get("enabled") is not False
        command, url, kind = entry.get("command"), entry.get("url"), entry.get("type")
        before = len(self.problems)
        if isinstance(command, str) and command:
            server = Server(
                name=name,
                transport="stdio",
                command=(self._expand(("command",), command), *self._read_list(entry, "args")),
                cwd=self._read_text(entry, "cwd"),
                env=self._read_pairs(entry, "env"),
                enabled=self._enabled,
            )
        elif isinstance(url, str) and url:
            server = Server(
                name=name,
                transport=_choose_transport(kind, url),
                url=self._expand(("url",), url),
                headers=self._drop(self._read_pairs(entry, "headers")),
                enabled=self._enabled,
            )
        else:
            self._refuse((), "has neither command nor url")
            return
        self._check_type(kind, server)
        for problem in check_server(server) if len(self.problems) == before else ():
            self._refuse(problem.path, problem.text)
        self.servers.append(server)
        self.origins.append(self._at)

    def _check_type(self, kind: object, server: Server) -> None:
        if kind is not None and (not isinstance(kind, str) or _TYPES.get(kind) != server.transport):
            known = ", ".join(sorted(_TYPES))
            self._refuse(("type",), f"{json.dumps(kind)} is unknown for it; known: {known}")

    def _expand(self, path: Where, text: str) -> str:
        return self._tell(path, text, self._variables.expand(text))

    def _tell(self, path: Where, text: str, expanded: Expanded) -> str:
        """Say what there is to say of a text, unless nothing is started with it."""
        if not self._enabled:
            return text
        for note in expanded.notes:
            self._note(path, note)
        for problem in expanded.problems:
            self._refuse(path, problem)
        return expanded.text

    def _drop(self, headers: dict[str, str]) -> dict[str, str]:
        for name in headers:
            if is_our_header(name):
                self._note(("headers", name), "is a header that the gateway sets itself; left out")
        return {name: value for name, value in headers.items() if not is_our_header(name)}

    def _read_text(self, entry: Mapping[str, object], key: str) -> str | None:
        value = entry.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            return self._expand((key,), value)
        self._refuse((key,), "is not a text")
        return None

    def _read_list(self, entry: Mapping[str, object], key: str) -> list[str]:
        value = entry.get(key)
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return [self._expand((key, index), item) for index, item in enumerate(value)]
        self._refuse((key,), "is not a list of texts")
        return []

    def _read_pairs(self, entry: Mapping[str, object], key: str) -> dict[str, str]:
        value = entry.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._refuse((key,), "is not an object of texts")
            return {}
        return {str(name): self._read_value((key, str(name)), item) for name, item in value.items()}

    def _read_value(self, path: tuple[str, ...], value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int | float):
            return str(value)
        if not isinstance(value, str):
            self._refuse(path, "is not a text")
            return ""
        return self._tell(path, value, self._variables.refer(value))

    def _note(self, path: Where, text: str) -> None:
        self._notes.append(f"{join_path((*self._at, *path))}: {text}")

    def _refuse(self, path: Where, text: str) -> None:
        self.problems.append(Problem((*self._at, *path), text))
