"""A configuration as the YAML that a person would have written."""

import re
from typing import Final

import msgspec
import yaml

from mcpgate.config.model import Server
from mcpgate.config.references import is_hidden, looks_secret

_SCHEME = re.compile(r"(Bearer|Basic|Token) (.+)", re.IGNORECASE | re.DOTALL)
_HEAD: Final = "# A mcpgate configuration; run `mcpgate check` after each change.\n"


def write_servers(servers: tuple[Server, ...]) -> tuple[str, tuple[str, ...]]:
    """Write servers as YAML without any secret; return it with the variables to set first."""
    variables: list[str] = []
    plain = [_write_server(server, variables) for server in servers]
    body = yaml.safe_dump(
        {"servers": plain}, sort_keys=False, allow_unicode=True, default_flow_style=False, width=96
    )
    return _HEAD + body, tuple(variables)


def _write_server(server: Server, variables: list[str]) -> dict[str, object]:
    """Leave out what is the default and hide secrets behind references."""
    hidden = msgspec.structs.replace(
        server,
        headers=_hide(server, server.headers, variables),
        env=_hide(server, server.env, variables),
    )
    default = Server(name=server.name, transport=server.transport)
    return {
        field: msgspec.to_builtins(getattr(hidden, field))
        for field in Server.__struct_fields__
        if field in ("name", "transport") or getattr(hidden, field) != getattr(default, field)
    }


def _hide(server: Server, values: dict[str, str], variables: list[str]) -> dict[str, str]:
    shown = {}
    for name, value in values.items():
        shown[name] = value
        if looks_secret(name) and value and not is_hidden(value):
            variable = re.sub(r"[^A-Z0-9]+", "_", f"{server.name}_{name}".upper())
            scheme = _SCHEME.fullmatch(value)
            shown[name] = f"{scheme[1]} env:{variable}" if scheme else f"env:{variable}"
            variables.append(variable)
    return shown
