"""A configuration as the YAML that a person would have written."""

import re
from typing import Final, final

import msgspec
import yaml

from mcpgate.config.document import read_plain
from mcpgate.config.model import Server
from mcpgate.config.references import is_hidden, looks_secret

_SCHEME = re.compile(r"(Bearer|Basic|Token) (.+)", re.IGNORECASE | re.DOTALL)
_HEAD: Final = "# A mcpgate configuration; run `mcpgate check` after each change.\n"


def write_servers(servers: tuple[Server, ...]) -> tuple[str, tuple[str, ...]]:
    """Write servers as YAML without any secret; return it with the variables to set first."""
    variables: list[str] = []
    plain = [_write_server(server, variables) for server in servers]
    return _HEAD + dump({"servers": plain}), tuple(variables)


def dump(value: object) -> str:
    """Write a value as YAML that we read back as the same."""
    return yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=96,
    )


@final
class _Dumper(yaml.SafeDumper):
    """Quotes what only YAML 1.2, as we read it, takes for something else than text."""


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(read_plain(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_text)


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
