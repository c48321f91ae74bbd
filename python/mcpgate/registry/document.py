"""The snapshot document: all the gate judges by, as one JSON text.

Definitions go in as the bytes their server sent. The same text, kept on disk, brings the
catalog back before any server is up.
"""

from collections.abc import Sequence
from typing import Final, Literal, final

import msgspec

from mcpgate.config.model import Config, Server
from mcpgate.model import Era, Peer, TransportName
from mcpgate.registry.catalog import ServerEntries

FORMAT: Final = 1
DEPTH: Final = 64

_Raws = tuple[msgspec.Raw, ...]
Known = Sequence[tuple[str, ServerEntries | None]]


@final
class GatewayPart(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway says of itself."""

    name: str = "mcpgate"
    version: str
    instructions: str


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
    instructions: str
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


def build_document(
    config: Config, known: Known, owners: list[tuple[str, str]], version: str, generation: int
) -> Document:
    """Put the configuration and what is known of the servers into one document."""
    entries = dict(known)
    enabled = [server for server in config.servers if server.enabled]
    default_prefix: Literal["always", "never"] = "always" if len(enabled) > 1 else "never"
    return Document(
        generation=generation,
        gateway=GatewayPart(version=version, instructions=config.instructions),
        prefix=config.prefix or default_prefix,
        page_entries=config.limits.page_entries,
        session_s=int(config.limits.session_h * 3600),
        owners=owners,
        servers=[_build_server(server, entries.get(server.name)) for server in enabled],
    )


def _build_server(server: Server, entries: ServerEntries | None) -> ServerPart:
    peer = entries.peer if entries else None
    return ServerPart(
        name=server.name,
        transport=server.transport,
        era=peer.era if peer else "legacy",
        revision=peer.revision if peer else "",
        environment=server.environment,
        labels=server.labels,
        deadline_ms=int(server.deadline_s * 1000),
        completions=peer.offers("completions") if peer else False,
        instructions=peer.instructions if peer else "",
        tools=entries.tools if entries else (),
        prompts=entries.prompts if entries else (),
        resources=entries.resources if entries else (),
        templates=entries.templates if entries else (),
    )


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
        capabilities=msgspec.Raw(b'{"completions":{}}' if part.completions else b"{}"),
    )
    return ServerEntries(
        peer=peer,
        tools=part.tools,
        prompts=part.prompts,
        resources=part.resources,
        templates=part.templates,
    )
