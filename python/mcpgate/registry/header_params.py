"""Check the `x-mcp-header` annotations of a tool, as clients of HTTP servers must.

An annotation is valid on a property reachable from the root of the input schema through
`properties` alone, with a primitive type and an RFC 9110 token no other property uses.
Values that are data (`default`, `const`, `enum`, `examples`) and `$ref` are not entered.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

ANNOTATION: Final = "x-mcp-header"
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PRIMITIVES: Final = ("string", "integer", "boolean")
_SINGLE: Final = frozenset(
    (
        "additionalItems",
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    )
)
_LISTS: Final = frozenset(("allOf", "anyOf", "oneOf", "prefixItems", "items"))
_MAPS: Final = frozenset(("patternProperties", "dependentSchemas", "$defs", "definitions"))
_UNREACHABLE: Final = f"{ANNOTATION} at a place not reachable through `properties` alone"

_Position = tuple[str | None, object]


def find_header_fault(definition: bytes) -> str:
    """Return what is wrong with a tool's header annotations, empty when nothing is."""
    if ANNOTATION.encode() not in definition and b"\\u" not in definition:
        return ""
    try:
        tool = msgspec.json.decode(definition)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""  # not readable at all: the gate leaves it out and says why
    schema = tool.get("inputSchema") if isinstance(tool, dict) else None
    seen: dict[str, str] = {}
    for path, node in _walk(schema):
        if ANNOTATION not in node:
            continue
        fault = _check(path, node, seen) if path else _UNREACHABLE
        if fault:
            return fault
    return ""


def _check(path: str, node: dict[str, object], seen: dict[str, str]) -> str:
    header = node[ANNOTATION]
    where = f"property `{path[1:]}`"
    if not isinstance(header, str) or not _TOKEN.fullmatch(header):
        return f"{where}: {ANNOTATION} is not an HTTP header token"
    if node.get("type") not in _PRIMITIVES:
        return f"{where}: {ANNOTATION} is allowed on string, integer and boolean only"
    twin = seen.get(header.lower())
    if twin is not None:
        return f"{where}: {ANNOTATION} `{header}` is already used by {twin}"
    seen[header.lower()] = where
    return ""


def _walk(root: object) -> Iterator[tuple[str | None, dict[str, object]]]:
    """Yield each schema with its path of properties: "" for the root, None when not reachable."""
    stack: list[_Position] = [("", root)]
    while stack:
        path, node = stack.pop()
        if not isinstance(node, dict):
            continue
        yield path, node
        for keyword, value in node.items():
            stack.extend(_enter(path, keyword, value))


def _enter(path: str | None, keyword: str, value: object) -> Iterator[_Position]:
    if keyword == "properties" and isinstance(value, dict):
        for name, node in value.items():
            yield (None if path is None else f"{path}.{name}"), node
    elif keyword in _MAPS and isinstance(value, dict):
        for node in value.values():
            yield None, node
    elif keyword in _LISTS and isinstance(value, list):
        for node in value:
            yield None, node
    elif keyword in _SINGLE:
        yield None, value
