"""What the gate itself says of definitions: its marks."""

from collections.abc import Sequence

import msgspec

from mcpgate.gate import Gate
from mcpgate.model import Mark
from mcpgate.registry.document import Document, GatewayPart, ServerPart


def screen(definitions: Sequence[object]) -> list[list[Mark]]:
    """Let the gate take each definition as the only tool of a server; a string is instructions."""
    found: list[list[Mark]] = [[] for _ in definitions]
    for mark in find_marks(definitions):
        found[int(mark.server)].append(mark)
    return found


def find_marks(definitions: Sequence[object]) -> list[Mark]:
    servers = [_make_server(str(place), each) for place, each in enumerate(definitions)]
    document = Document(
        generation=1,
        gateway=GatewayPart(version="0", instructions=""),
        prefix="always",
        page_entries=2000,
        session_s=60,
        owners=[],
        servers=servers,
    )
    gate = Gate(bytes(32), None, bytes(32), "test")
    gate.swap(msgspec.json.encode(document))
    return msgspec.json.decode(gate.marks(), type=list[Mark])


def _make_server(name: str, definition: object) -> ServerPart:
    told = definition if isinstance(definition, str) else ""
    tools = () if told else (msgspec.Raw(msgspec.json.encode(definition)),)
    return ServerPart(
        name=name,
        transport="stdio",
        era="legacy",
        revision="2025-11-25",
        environment=None,
        labels={},
        deadline_ms=1000,
        completions=False,
        instructions=told,
        tools=tools,
        prompts=(),
        resources=(),
        templates=(),
    )
