"""Fingerprints without a gate, and definitions to take them of."""

import hashlib
import json

import msgspec

from mcpgate.registry.catalog import ServerEntries
from tests.support.links import make_peer


def digest(definition: bytes) -> str | None:
    """Say what the gate would, for definitions that every reader reads alike."""
    try:
        fields = json.loads(definition)
    except ValueError:
        return None
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def make_raw(**fields: object) -> msgspec.Raw:
    """Make a definition."""
    return msgspec.Raw(json.dumps(fields).encode())


def make_tool(name: str, description: str = "", **more: object) -> msgspec.Raw:
    """Make a tool's definition."""
    schema = {"type": "object"}
    return make_raw(name=name, description=description, inputSchema=schema, **more)


def make_entries(
    *tools: msgspec.Raw, fetched_at_ns: int = 1, missing: frozenset[str] = frozenset()
) -> ServerEntries:
    """Make what a server with these tools lists."""
    return ServerEntries(
        peer=make_peer("tools"), tools=tools, fetched_at_ns=fetched_at_ns, missing=missing
    )
