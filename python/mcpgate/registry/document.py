"""The snapshot document: all the gate judges by, as one JSON text.

Definitions go in as the bytes their server sent. The same text, kept on disk, brings the
catalog back before any server is up.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, final

import msgspec

from mcpgate.config.firewall import Checks, ServerChecks, decide
from mcpgate.config.model import Arguments, Config, Isolation, Results, Secrets, Server
from mcpgate.model import Era, Peer, TransportName
from mcpgate.registry.catalog import ServerEntries

FORMAT: Final = 1
DEPTH: Final = 64
FIRST: Final = "2024-11-05"

EntryKind = Literal["tool", "prompt", "resource", "template"]
_Raws = tuple[msgspec.Raw, ...]
Known = Sequence[tuple[str, ServerEntries | None]]


@final
class GatewayPart(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway says of itself."""

    name: str = "mcpgate"
    version: str
    instructions: str


@final
class FirewallPart(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate holds a server's tools to."""

    arguments: Arguments = "strict"
    results: Results = "observe"
    secrets: Secrets = "off"


@final
class ExceptionPart(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate holds one tool to, where that differs."""

    tool: str
    arguments: Arguments
    results: Results
    secrets: Secrets


@final
class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry says against an entry; without `quarantine` it is only flagged."""

    kind: EntryKind
    name: str
    rule: Literal["drift", "renamed", "new"]
    quarantine: bool
    text: str


@final
class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that the operator approved exactly as it is listed now."""

    kind: EntryKind
    name: str


@final
class Judged(msgspec.Struct, frozen=True):
    """What the pins say of a server's entries."""

    held: tuple[Held, ...] = ()
    cleared: tuple[Cleared, ...] = ()


@final
class ServerPart(msgspec.Struct, frozen=True, kw_only=True):
    """One server and its entries."""

    name: str
    transport: TransportName
    era: Era
    revision: str
    environment: str | None
    labels: dict[str, str]
    deadline_ms: int
    completions: bool
    logging: bool = False
    subscribe: bool = False
    isolation: Isolation = "shared"
    instructions: str
    firewall: FirewallPart = FirewallPart()
    exceptions: tuple[ExceptionPart, ...] = ()
    held: tuple[Held, ...] = ()
    cleared: tuple[Cleared, ...] = ()
    tools: _Raws
    prompts: _Raws
    resources: _Raws
    templates: _Raws


@final
class Document(msgspec.Struct, frozen=True, kw_only=True):
    """Everything, in the order in which it is written."""

    format: int = FORMAT
    generation: int
    gateway: GatewayPart
    prefix: Literal["always", "never"]
    page_entries: int
    session_s: int
    depth: int = DEPTH
    owners: list[tuple[str, str]]
    servers: list[ServerPart]


@final
class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about the servers, beside their configuration."""

    known: Known
    owners: list[tuple[str, str]] = []
    judged: Mapping[str, Judged] = {}


def build_document(config: Config, facts: Facts, version: str, generation: int) -> Document:
    """Put the configuration and what is known of the servers into one document."""
    entries = dict(facts.known)
    enabled = [server for server in config.servers if server.enabled]
    default_prefix: Literal["always", "never"] = "always" if len(enabled) > 1 else "never"
    return Document(
        generation=generation,
        gateway=GatewayPart(version=version, instructions=config.instructions),
        prefix=config.prefix or default_prefix,
        page_entries=config.limits.page_entries,
        session_s=int(config.limits.session_h * 3600),
        owners=facts.owners,
        servers=[
            _build_server(
                server,
                entries.get(server.name),
                decide(config, server),
                facts.judged.get(server.name, Judged()),
            )
            for server in enabled
        ],
    )


def _build_server(
    server: Server, entries: ServerEntries | None, checks: ServerChecks, judged: Judged
) -> ServerPart:
    peer = entries.peer if entries else None
    return ServerPart(
        name=server.name,
        transport=server.transport,
        era=peer.era if peer else "legacy",
        revision=peer.revision if peer else "",
        environment=server.environment,
        labels=server.labels,
        deadline_ms=int(server.deadline_s * 1000),
        completions=_completes(peer),
        logging=peer.offers("logging") if peer else False,
        subscribe=peer.offers("resources", "subscribe") if peer else False,
        isolation=server.isolation,
        instructions=peer.instructions if peer else "",
        firewall=_build_firewall(checks.own),
        exceptions=_list_exceptions(checks),
        held=judged.held,
        cleared=judged.cleared,
        tools=entries.tools if entries else (),
        prompts=entries.prompts if entries else (),
        resources=entries.resources if entries else (),
        templates=entries.templates if entries else (),
    )


def _completes(peer: Peer | None) -> bool:
    """Say whether a server may complete arguments; the first revision had no way to say no."""
    return peer is not None and (peer.offers("completions") or peer.revision == FIRST)


def _build_firewall(checks: Checks) -> FirewallPart:
    return FirewallPart(arguments=checks.arguments, results=checks.results, secrets=checks.secrets)


def _list_exceptions(checks: ServerChecks) -> tuple[ExceptionPart, ...]:
    """List the tools that the gate holds to something else than their server."""
    own = _build_firewall(checks.own)
    return tuple(
        ExceptionPart(
            tool=name, arguments=tool.arguments, results=tool.results, secrets=tool.secrets
        )
        for name, tool in checks.tools.items()
        if _build_firewall(tool) != own
    )


def _rebuild_capabilities(part: ServerPart) -> msgspec.Raw:
    """Declare again what a document kept of a server's capabilities."""
    declared: dict[str, dict[str, bool]] = {}
    if part.completions:
        declared["completions"] = {}
    if part.logging:
        declared["logging"] = {}
    if part.subscribe:
        declared["resources"] = {"subscribe": True}
    return msgspec.Raw(msgspec.json.encode(declared))


def read_entries(part: ServerPart) -> ServerEntries | None:
    """Return the entries of a server in an older document, None when it was not known yet."""
    if not (part.tools or part.prompts or part.resources or part.templates):
        return None
    peer = Peer(
        era=part.era,
        revision=part.revision,
        name="",
        version="",
        instructions=part.instructions,
        capabilities=_rebuild_capabilities(part),
    )
    return ServerEntries(
        peer=peer,
        tools=part.tools,
        prompts=part.prompts,
        resources=part.resources,
        templates=part.templates,
    )
