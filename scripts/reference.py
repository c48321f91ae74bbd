"""Write docs/reference from the code: reasons, settings, commands, compatibility."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import NODEFAULT, inspect

from mcpgate.cli.main import cli
from mcpgate.config.model import Config
from mcpgate.config.schema import render_schema
from mcpgate.gate import REASONS, rules
from tests.support.matrix_table import ALL, FEATURES, Feature

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs/reference"
WRITTEN: Final = "Written by `make docs`; do not edit."


def render_reasons() -> str:
    """Write the one error table, as the gate lists it."""
    lines = [
        "# Reasons",
        "",
        f"Each refusal names one of these in `data.reason`. {WRITTEN}",
        "",
        "| reason | JSON-RPC code | HTTP status | whose fault | worth retrying | text |",
        "|---|---|---|---|---|---|",
    ]
    for reason, (code, status, side, retryable, text) in REASONS.items():
        retry = "yes" if retryable else "no"
        lines.append(f"| `{reason}` | {code} | {status} | {side} | {retry} | {text} |")
    return "\n".join(lines) + "\n"


def render_rules() -> str:
    """Write what definitions are screened for."""
    lines = [
        "# Rules",
        "",
        (
            "What definitions of tools, prompts, resources and templates, and the instructions of "
            f"servers, are screened for. {WRITTEN}"
        ),
        "",
        "| rule | effect | finds |",
        "|---|---|---|",
    ]
    for rule, quarantines, finds in rules():
        lines.append(f"| `{rule}` | {'quarantined' if quarantines else 'flagged'} | {finds} |")
    return "\n".join(lines) + "\n"


def list_settings(shape: inspect.Type, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Find every setting below a type: its path, its default and its description."""
    if isinstance(shape, inspect.Metadata):
        yield from list_settings(shape.type, path)
    elif isinstance(shape, inspect.UnionType):
        for each in shape.types:
            yield from list_settings(each, path)
    elif isinstance(shape, inspect.VarTupleType):
        yield from list_settings(shape.item_type, f"{path}[]")
    elif isinstance(shape, inspect.StructType):
        for field in shape.fields:
            name = f"{path}.{field.encode_name}".lstrip(".")
            yield name, show_default(field), describe(field.type)
            yield from list_settings(field.type, name)


def show_default(field: inspect.Field) -> str:
    """Write a default as the configuration would."""
    if field.default is NODEFAULT and field.default_factory is NODEFAULT:
        return "required"
    value = field.default
    if value is NODEFAULT:
        value = field.default_factory()
    if isinstance(value, msgspec.Struct) or value in ((), [], {}, None, ""):
        return ""
    shown = msgspec.json.encode(value).decode()
    return "" if "{" in shown else f"`{shown}`"


def describe(shape: inspect.Type) -> str:
    """Find the description that a setting carries."""
    if isinstance(shape, inspect.Metadata):
        found = (shape.extra_json_schema or {}).get("description")
        return str(found) if found else describe(shape.type)
    return ""


def render_settings() -> str:
    """Write every setting with its default."""
    lines = [
        "# Settings",
        "",
        f"Everything that `mcpgate.yaml` may hold. {WRITTEN}",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    for name, default, meaning in list_settings(inspect.type_info(Config)):
        lines.append(f"| `{name}` | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def render_commands() -> str:
    """Write what each command says about itself."""
    top = cli.make_context("mcpgate", [], terminal_width=100, resilient_parsing=True)
    parts = [f"# Commands\n\n{WRITTEN}\n", f"```text\n{cli.get_help(top)}\n```\n"]
    for name in cli.list_commands(top):
        command = cli.get_command(top, name)
        if command is None:
            raise LookupError(name)
        context = command.make_context(name, [], parent=top, resilient_parsing=True)
        parts.append(f"## mcpgate {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def render_compatibility() -> str:
    """Write what works between a client and a server, as the tests hold it to be."""
    parts = [
        "# Compatibility",
        (
            "What works between a client of each revision and a server of each, one table for "
            "each revision of the client. A test plays every cell over Streamable HTTP, with a "
            f"client and a server that are strict in their revision. {WRITTEN}"
        ),
        _render_table(("word", "meaning"), _WORDS),
        *(_render_client(client) for client in ALL),
        "## What is done\n\n" + _render_table(("feature", "what a test does"), _list_hows()),
        "## What cannot work\n\n" + _render_table(_WHY, _list_endings()),
    ]
    pending = list(_list_pending())
    if pending:
        parts.append("## What does not work yet\n\n" + _render_table(_WHY_NOT, pending))
    return "\n\n".join(parts) + "\n"


_WORDS: Final = (
    ("works", "it is as it is without a gateway, in the words of either revision"),
    ("-32021", "the request ends in this error, which names what the client does not declare"),
    ("-31008", "the request ends in this error of the gateway, with the reason `capability`"),
    ("not in revision", "client or server has nothing of the kind"),
    ("not yet", "it does not work or end as it should; the last table says why"),
)
_WHY: Final = ("feature", "clients", "servers", "ends in", "why")
_WHY_NOT: Final = ("feature", "clients", "servers", "why")


def _render_table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = tuple(titles)
    head = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def _render_client(client: str) -> str:
    rows = ((each.name, *(_show(each, client, server) for server in ALL)) for each in FEATURES)
    titles = ("feature", *(f"server {server}" for server in ALL))
    return f"## Client {client}\n\n{_render_table(titles, rows)}"


def _show(feature: Feature, client: str, server: str) -> str:
    pending = feature.is_pending(client, server)
    return "not yet" if pending else str(feature.expect(client, server))


def _name(revisions: tuple[str, ...]) -> str:
    return "all" if revisions == ALL else ", ".join(revisions)


def _list_hows() -> Iterator[tuple[str, ...]]:
    for feature in FEATURES:
        yield feature.name, feature.how


def _list_endings() -> Iterator[tuple[str, ...]]:
    for feature in FEATURES:
        for each in feature.endings:
            clients, servers = _name(each.clients), _name(each.servers)
            yield feature.name, clients, servers, str(each.outcome), each.why


def _list_pending() -> Iterator[tuple[str, ...]]:
    for feature in FEATURES:
        for each in feature.pending:
            yield feature.name, _name(each.clients), _name(each.servers), each.why


PAGES: Final[dict[str, Callable[[], str]]] = {
    "reasons.md": render_reasons,
    "rules.md": render_rules,
    "settings.md": render_settings,
    "commands.md": render_commands,
    "compatibility.md": render_compatibility,
    "config.schema.json": render_schema,
}


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, render in PAGES.items():
        (FOLDER / name).write_text(render())
    return 0


if __name__ == "__main__":
    sys.exit(main())
