"""Everything settable, as frozen Structs; the JSON Schema and the reference are made from these."""

import re
from typing import Annotated, Literal, final

import msgspec
from msgspec import Meta

from mcpgate.model import TransportName

Prefix = Literal["always", "never"]
Revision = Literal["auto", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "text"]
Arguments = Literal["strict", "schema", "off"]
Results = Literal["observe", "enforce", "off"]
Secrets = Literal["off", "redact", "refuse"]
PinMode = Literal["enforce", "warn", "off"]
ClientTransport = Literal["http", "sse", "websocket"]
NewEntries = Literal["approve", "hold"]
Isolation = Literal["shared", "principal", "session"]

DEFAULT_STATE_DIR = "~/.local/state/mcpgate"

Name = Annotated[str, Meta(pattern="^[a-z0-9-]{1,20}$")]
Text = Annotated[str, Meta(min_length=1)]


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of `host:port` or `[v6]:port`; raise ValueError otherwise."""
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^\s:\[\]/]+)):([0-9]{1,5})", address)
    if found is None or not 1 <= int(found[3]) <= 65535:
        raise ValueError(address)
    return found[1] or found[2], int(found[3])


@final
class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Certificate and key of a listener."""

    certificate: Annotated[Text, Meta(description="PEM file with the certificate chain.")]
    key: Annotated[Text, Meta(description="PEM file with the private key.")]


@final
class Listener(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where clients are accepted."""

    name: Annotated[Name, Meta(description="Unique name of this listener.")] = "main"
    address: Annotated[
        Text, Meta(description="host:port or [v6]:port; loopback only until clients authenticate.")
    ] = "127.0.0.1:7332"
    path: Annotated[
        str, Meta(pattern="^/[A-Za-z0-9/_.~-]*$", description="URL path that speaks MCP.")
    ] = "/mcp"
    kind: Annotated[
        Literal["granian", "native"],
        Meta(description="What serves HTTP: granian, or our own server on the gateway's loop."),
    ] = "granian"
    transports: Annotated[
        Annotated[tuple[ClientTransport, ...], Meta(min_length=1)] | None,
        Meta(
            description="http is Streamable HTTP, sse is HTTP+SSE, the older form of it; default: "
            "all that its kind carries (websocket needs native)."
        ),
    ] = None
    tls: Annotated[Tls | None, Meta(description="Serve https with this certificate.")] = None
    hosts: Annotated[
        tuple[Text, ...], Meta(description="Host header values allowed besides the loopback names.")
    ] = ()
    origins: Annotated[
        tuple[Text, ...], Meta(description="Origin header values allowed besides our own.")
    ] = ()


@final
class Firewall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stops hostile messages; a setting left out is taken from the level above."""

    arguments: Annotated[
        Arguments | None,
        Meta(
            description="strict (default) refuses names that a tool's schema does not know; "
            "schema holds calls to the schema alone; off checks nothing."
        ),
    ] = None
    results: Annotated[
        Results | None,
        Meta(
            description="Results that break a tool's outputSchema are noted (observe, default), "
            "refused (enforce) or not looked at (off)."
        ),
    ] = None
    secrets: Annotated[
        Secrets | None,
        Meta(
            description="Keys and tokens in results pass (off, default), are redacted (redact), "
            "or refuse the result (refuse)."
        ),
    ] = None
    pins: Annotated[
        PinMode | None,
        Meta(
            description="An entry whose definition changed after approval is quarantined "
            "(enforce, default) or flagged (warn); off compares nothing."
        ),
    ] = None
    new: Annotated[
        NewEntries | None,
        Meta(
            description="Entries that appear after a server's first listing are approved as they "
            "come (approve, default) or wait for the operator (hold)."
        ),
    ] = None


@final
class Tool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings for one tool of a server."""

    name: Annotated[Text, Meta(description="The server's own name of the tool.")]
    firewall: Annotated[
        Firewall, Meta(description="Checks of this tool, where they differ from its server's.")
    ] = Firewall()


@final
class Server(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One MCP server that the gateway calls."""

    name: Annotated[Name, Meta(description="Unique name; its tools appear as name__tool.")]
    transport: Annotated[
        TransportName,
        Meta(description="http is Streamable HTTP; sse is HTTP+SSE, the older form of it."),
    ]
    url: Annotated[
        str | None, Meta(description="Address of a server that is not stdio: http(s) or ws(s).")
    ] = None
    headers: Annotated[
        dict[Text, str],
        Meta(description="Headers for the server at url; secrets as env:NAME or file:path."),
    ] = {}
    ca_file: Annotated[
        str | None,
        Meta(description="PEM file of the authorities that an https or wss server is checked by."),
    ] = None
    command: Annotated[
        tuple[Text, ...], Meta(description="Program and arguments of a stdio server, as a list.")
    ] = ()
    cwd: Annotated[str | None, Meta(description="Folder that a stdio server starts in.")] = None
    env: Annotated[
        dict[Text, str],
        Meta(description="Variables for a stdio server; secrets as env:NAME or file:path."),
    ] = {}
    revision: Annotated[
        Revision, Meta(description="MCP revision to speak; auto finds the best one.")
    ] = "auto"
    isolation: Annotated[
        Isolation,
        Meta(
            description="Who shares a link to the server: all clients (shared, default), those of "
            "one principal, or nobody (session); a stdio server then runs once for each."
        ),
    ] = "shared"
    environment: Annotated[
        Annotated[str, Meta(min_length=1, max_length=64)] | None,
        Meta(description="What the server belongs to, such as production."),
    ] = None
    labels: Annotated[dict[Text, str], Meta(description="Free labels to select servers by.")] = {}
    deadline_s: Annotated[
        float, Meta(gt=0, le=86_400, description="Seconds that one call may take.")
    ] = 60
    refresh_s: Annotated[
        float, Meta(ge=1, le=86_400, description="Seconds between looks at the server's lists.")
    ] = 300
    enabled: Annotated[bool, Meta(description="false leaves the server out.")] = True
    firewall: Annotated[
        Firewall, Meta(description="Checks of this server, where they differ from the gateway's.")
    ] = Firewall()
    tools: Annotated[
        tuple[Tool, ...], Meta(description="Tools of this server with settings of their own.")
    ] = ()

    def __repr__(self) -> str:
        """Show which server this is; never a header or a variable."""
        return f"Server(name={self.name!r}, transport={self.transport!r}, enabled={self.enabled})"


@final
class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sizes and times that bound every client and server."""

    message_bytes: Annotated[
        int, Meta(ge=1024, le=1 << 30, description="Largest message of a client.")
    ] = 4 << 20
    reply_bytes: Annotated[
        int, Meta(ge=1024, le=1 << 30, description="Largest message of a server.")
    ] = 16 << 20
    body_s: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds in which a request body must arrive.")
    ] = 30
    page_entries: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Entries in one page of a list.")
    ] = 2000
    session_h: Annotated[
        float, Meta(gt=0, le=8760, description="Hours after which a session ends.")
    ] = 24
    connections_per_server: Annotated[
        int, Meta(ge=1, le=65_536, description="Connections kept to one http server.")
    ] = 64


@final
class Audit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where events are kept."""

    path: Annotated[
        str | None, Meta(description="Folder of the event files; default: events in state_dir.")
    ] = None
    segment_bytes: Annotated[
        int, Meta(ge=4096, le=1 << 40, description="Size at which a new event file is begun.")
    ] = 64 << 20
    keep: Annotated[int, Meta(ge=1, le=100_000, description="Event files kept.")] = 16
    on_failure: Annotated[
        Literal["refuse", "continue"],
        Meta(description="What happens to calls while events cannot be written."),
    ] = "refuse"


@final
class Log(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the gateway says on stderr."""

    level: Annotated[LogLevel, Meta(description="Least severity that is shown.")] = "info"
    format: Annotated[
        LogFormat, Meta(description="auto is text on a terminal and JSON lines elsewhere.")
    ] = "auto"


@final
class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole configuration of one gateway."""

    listeners: Annotated[
        tuple[Listener, ...], Meta(min_length=1, description="Where clients are accepted.")
    ] = (Listener(),)
    servers: Annotated[
        tuple[Server, ...], Meta(description="MCP servers that the gateway calls.")
    ] = ()
    state_dir: Annotated[
        Text, Meta(description="Folder for the store, the control socket and the events.")
    ] = DEFAULT_STATE_DIR
    prefix: Annotated[
        Prefix | None,
        Meta(description="Whether names carry their server; default: with two or more servers."),
    ] = None
    instructions: Annotated[
        str, Meta(description="Text that clients are given about this gateway.")
    ] = ""
    limits: Annotated[Limits, Meta(description="Sizes and times.")] = Limits()
    firewall: Annotated[
        Firewall, Meta(description="Checks of messages and definitions, for all servers.")
    ] = Firewall()
    audit: Annotated[Audit, Meta(description="Event files.")] = Audit()
    workers: Annotated[int, Meta(ge=1, description="Worker processes; 1 for now.")] = 1
    log: Annotated[Log, Meta(description="Log on stderr.")] = Log()


def build_url(listener: Listener) -> str:
    """Return the address that clients are given, for the first of the transports."""
    listed = listener.transports or ("http",)
    secure = "s" if listener.tls else ""
    if "http" in listed:
        return f"http{secure}://{listener.address}{listener.path}"
    if "sse" in listed:
        return f"http{secure}://{listener.address}{listener.path.rpartition('/')[0]}/sse"
    return f"ws{secure}://{listener.address}{listener.path}"
