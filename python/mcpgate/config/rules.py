"""What a configuration must obey besides its shape; each function lists all faults it finds."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

import msgspec

from mcpgate.config.document import Problem
from mcpgate.config.model import Config, Firewall, Listener, Server, split_address
from mcpgate.config.references import is_hidden, looks_secret

SOCKET_PATH_BYTES: Final = 107
SOCKET_NAME: Final = "control.sock"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?|")
_VARIABLE = re.compile(r"[^=\x00]+")
_OUR_HEADERS: Final = frozenset(
    {
        *("accept", "connection", "content-encoding", "content-length", "content-type", "expect"),
        *("host", "keep-alive", "last-event-id", "mcp-method", "mcp-name", "mcp-protocol-version"),
        *("mcp-session-id", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
_URL_ONLY: Final = ("url", "headers", "ca_file")
_STDIO_ONLY: Final = ("command", "cwd", "env")
_URLS: Final = {
    "http": ("http", "https", "https://host/mcp"),
    "sse": ("http", "https", "https://host/sse"),
    "websocket": ("ws", "wss", "wss://host/ws"),
}
_MODERN: Final = "2026-07-28"
_METADATA_HOSTS: Final = frozenset({"metadata.google.internal", "metadata"})


def check_rules(made: msgspec.Struct) -> Iterator[Problem]:
    """List what is wrong with any Struct of the configuration."""
    if isinstance(made, Server):
        yield from check_server(made)
        yield from check_secrets(made)
    elif isinstance(made, Listener):
        yield from check_listener(made)
    elif isinstance(made, Firewall):
        yield from check_firewall(made)
    elif isinstance(made, Config):
        yield from check_config(made)


def check_listener(listener: Listener) -> Iterator[Problem]:
    """List what is wrong with a listener by itself."""
    try:
        host, _ = split_address(listener.address)
    except ValueError:
        text = f'"{listener.address}" is not host:port or [v6]:port with a port from 1 to 65535'
        yield Problem(("address",), text)
    else:
        if not _is_loopback(host):
            text = (
                f"{host} can be reached from other machines; listen on 127.0.0.1, [::1] or "
                "localhost until clients can be authenticated"
            )
            yield Problem(("address",), text)
    yield from _check_transports(listener)
    for index, origin in enumerate(listener.origins):
        if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s?#@]+", origin):
            text = f'"{origin}" is not an origin; write it as https://host or https://host:port'
            yield Problem(("origins", index), text)
    for index, host in enumerate(listener.hosts):
        if not re.fullmatch(r"[^/\s?#@]+", host):
            yield Problem(("hosts", index), f'"{host}" is not a host or host:port')


def _check_transports(listener: Listener) -> Iterator[Problem]:
    listed = listener.transports
    for index, name in _list_repeated(listed or ()):
        yield Problem(("transports", index), f"{name} is listed above; keep one of them")
    if listed is not None and "websocket" in listed and listener.kind != "native":
        text = f"websocket needs kind: native; this listener is {listener.kind}"
        yield Problem(("transports", listed.index("websocket")), text)
    taken = listener.path.rpartition("/")[2]
    if taken in ("sse", "messages") and (listed is None or "sse" in listed):
        text = f"{listener.path} is where clients of HTTP+SSE come; choose another path"
        yield Problem(("path",), f"{text}, or list transports without sse")


def check_server(server: Server) -> Iterator[Problem]:
    """List what is wrong with a server by itself, secrets aside."""
    stdio = server.transport == "stdio"
    for field in _URL_ONLY if stdio else _STDIO_ONLY:
        if getattr(server, field):
            other = "http, sse or websocket" if stdio else "stdio"
            yield Problem(
                (field,), f"only for transport {other}; this server is {server.transport}"
            )
    if stdio:
        if not server.command:
            yield Problem(("transport",), 'stdio needs command, such as ["npx", "-y", "package"]')
        yield from _check_variables(server.env)
    else:
        yield from _check_url(server.transport, server.url)
        yield from _check_headers(server.headers)
    if server.transport == "sse" and server.revision == _MODERN:
        text = f"{_MODERN} is not spoken over sse; name an older one, or auto"
        yield Problem(("revision",), text)
    for index, name in _list_repeated(tool.name for tool in server.tools):
        yield Problem(("tools", index, "name"), f'"{name}" has settings above; keep one of them')


def check_firewall(firewall: Firewall) -> Iterator[Problem]:
    """List what is wrong with the checks of one level by themselves."""
    if firewall.pins == "off" and firewall.new == "hold":
        yield Problem(("new",), "hold needs pins: enforce or warn; with pins: off nothing is held")


def check_secrets(server: Server) -> Iterator[Problem]:
    """List the secrets that stand in the file itself."""
    for field, values in (("headers", server.headers), ("env", server.env)):
        for name, value in values.items():
            if value and looks_secret(name) and not is_hidden(value):
                text = "looks like a secret; keep it out of the file: env:NAME or file:path"
                yield Problem((field, name), text)


def check_config(config: Config) -> Iterator[Problem]:
    """List what only shows when everything is seen together."""
    for part, things in (("servers", config.servers), ("listeners", config.listeners)):
        for index, name in _list_repeated(thing.name for thing in things):
            yield Problem(
                (part, index, "name"), f'"{name}" is the name of another one; names differ'
            )
    for index, address in _list_repeated(listener.address for listener in config.listeners):
        text = f"{address} is the address of another listener"
        yield Problem(("listeners", index, "address"), text)
    if config.workers != 1:
        text = f"{config.workers}: 1 only for now; a later release runs more"
        yield Problem(("workers",), text)


def check_state_dir(state_dir: str) -> Iterator[Problem]:
    """List what is wrong with an absolute state directory."""
    size_bytes = len(f"{state_dir}/{SOCKET_NAME}".encode())
    if size_bytes > SOCKET_PATH_BYTES:
        text = (
            f"{state_dir}/{SOCKET_NAME} is {size_bytes} bytes long and a unix socket's path may "
            f"have {SOCKET_PATH_BYTES}; choose a shorter folder"
        )
        yield Problem(("state_dir",), text)


def _list_repeated(names: Iterable[str]) -> Iterator[tuple[int, str]]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield index, name
        seen.add(name)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_url(transport: str, url: str | None) -> Iterator[Problem]:
    plain, secure, example = _URLS[transport]
    if not url:
        yield Problem(("transport",), f"{transport} needs url, such as {example}")
        return
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as fault:
        yield Problem(("url",), f"not a URL: {fault}")
        return
    if re.search(r"[^\x21-\x7e]", url):
        yield Problem(("url",), "holds a space or a character that must be percent-encoded")
    elif parts.scheme not in (plain, secure) or not host or port == 0:
        text = f'"{parts.scheme}" is not {plain} or {secure}, or the host is missing'
        yield Problem(("url",), text)
    elif "@" in parts.netloc:
        yield Problem(("url",), "holds a user or password; send it as a header by reference")
    elif parts.fragment:
        yield Problem(("url",), "holds a #fragment, which is never sent; leave it out")
    elif _is_forbidden(host):
        yield Problem(("url",), f"{host} is a link-local or metadata address, never called")


def _is_forbidden(host: str) -> bool:
    if host in _METADATA_HOSTS:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_link_local or address.is_multicast


def is_our_header(name: str) -> bool:
    """Say whether the gateway sets this header itself."""
    lowered = name.lower()
    return lowered in _OUR_HEADERS or lowered.startswith(("mcp-param-", "sec-websocket-"))


def _check_headers(headers: dict[str, str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for name, value in headers.items():
        path = ("headers", name)
        if _TOKEN.fullmatch(name) is None:
            yield Problem(path, "not a header name; letters, digits and - are allowed")
        elif is_our_header(name):
            yield Problem(path, "set by the gateway itself; leave it out")
        elif name.lower() in seen:
            yield Problem(path, "stands twice, in upper and lower case; keep one")
        if _HEADER_VALUE.fullmatch(value) is None:
            yield Problem(path, "value holds a line break, a control character or outer spaces")
        seen.add(name.lower())


def _check_variables(env: dict[str, str]) -> Iterator[Problem]:
    for name, value in env.items():
        if _VARIABLE.fullmatch(name) is None:
            yield Problem(("env", name), "not a variable's name; it may not hold =")
        if "\x00" in value:
            yield Problem(("env", name), "value holds a NUL character")
