"""`mcpgate quarantine`: the entries that clients do not see, and why."""

import json
import shlex
from collections.abc import Sequence
from typing import Final

import click
import msgspec

from mcpgate.admin.wire import Quarantined
from mcpgate.cli.control import Client
from mcpgate.cli.options import json_option, open_places, place_options, write_command
from mcpgate.cli.table import find_width, render_table
from mcpgate.registry.difference import show

FINGERPRINT_CHARS: Final = 16
_HEAD: Final = ("server", "entry", "kind", "rule", "state", "what")


@click.command("quarantine")
@place_options
@json_option
def command(config: str | None, state: str, as_json: bool) -> None:
    """Show the entries that are held back from clients, and why.

    Quarantined entries do not exist for clients; flagged ones do. Where a definition differs from
    the approved one, the table is followed by what differs and the command that approves it.

    \b
    mcpgate quarantine
    mcpgate quarantine --json | jq '.[] | select(.quarantined)'
    """
    client = Client(open_places(config, state).state_dir)
    found = client.list_quarantined()
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found)))  # ASCII: nothing invisible in it
    else:
        click.echo(render_quarantine(found, write_command("approve", config, state), find_width()))


def render_quarantine(found: Sequence[Quarantined], approve: str, width: int) -> str:
    """Write the table, then each difference with the command that approves it."""
    if not found:
        return "nothing is quarantined"
    rows = [
        (
            *(show(each.server), show(each.name) or "-", each.kind, show(each.rule)),
            "quarantined" if each.quarantined else "flagged",
            show(each.text),
        )
        for each in found
    ]
    parts = [render_table(_HEAD, rows, width)]
    parts += [_render_difference(each, approve) for each in found if each.diff]
    if any(each.quarantined for each in found):
        parts.append(f"approve an entry as it is now: {approve} SERVER/ENTRY")
    return "\n\n".join(parts)


def _render_difference(each: Quarantined, approve: str) -> str:
    lines = [f"{each.server}/{show(each.name)} ({each.kind}) against the approved definition:"]
    lines += [f"  {show(line)}" for line in each.diff]
    lines.append(f"  approve: {write_approval(each, approve)}")
    return "\n".join(lines)


def write_approval(each: Quarantined, approve: str) -> str:
    """Write the command that approves exactly this definition."""
    name = each.name if show(each.name) == each.name else ""
    entry = f"{each.server}/{name}" if name else each.server
    words = [entry, "--kind", each.kind, "--fingerprint", each.fingerprint[:FINGERPRINT_CHARS]]
    return f"{approve} {shlex.join(words)}"
