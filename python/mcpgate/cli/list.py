"""`mcpgate list`: the servers and the catalog of a running gateway."""

import time
from collections.abc import Sequence
from typing import Final

import click
import msgspec

from mcpgate.admin.wire import Entry, Status
from mcpgate.cli.codes import Code, CommandFault
from mcpgate.cli.control import Client
from mcpgate.cli.options import json_option, open_places, place_options, write_command
from mcpgate.cli.table import find_width, first_line, render_table
from mcpgate.model import ServerStatus
from mcpgate.registry.difference import show

POLL_S: Final = 0.2
SETTLE_S: Final = 3.0
_KINDS: Final = ("tool", "prompt", "resource", "template")


@click.command("list")
@place_options
@json_option
@click.option(
    "--wait", type=click.FloatRange(0, 3600), metavar="SECONDS", default=0.0,
    help="First wait until the gateway runs and each server is up or has failed; then end with 1 "
    "if a server is not up.",
)  # fmt: skip
@click.pass_context
def command(ctx: click.Context, config: str | None, state: str, as_json: bool, wait: float) -> None:
    """Show the servers and what they offer, as clients see it.

    \b
    mcpgate list
    mcpgate list --json | jq '.entries[].name'
    mcpgate list --wait 30
    """
    client = Client(open_places(config, state).state_dir)
    servers = wait_for_servers(client, wait) if wait else client.list_servers()
    entries = wait_for_entries(client, servers, min(wait, SETTLE_S))
    status = client.read_status()
    if as_json:
        answer = {"servers": servers, "entries": entries, "problems": status.problems}
        click.echo(msgspec.json.encode(answer))
    else:
        click.echo(render_catalog(servers, entries, find_width()))
        for problem in status.problems:
            click.echo(f"note: {show(problem)}", err=True)
        if status.quarantined or status.flagged:
            look = write_command("quarantine", config, state)
            click.echo(f"note: {count_held(status)}; see `{look}`", err=True)
    missing = [server.name for server in servers if server.state in ("starting", "down")]
    if wait and missing:
        text = f"not up: {', '.join(missing)}; its detail says why"
        raise CommandFault(Code.FAILED, text)
    ctx.exit(Code.OK)


def wait_for_servers(client: Client, wait_s: float) -> list[ServerStatus]:
    """Ask until the gateway runs and no server is starting any more, or the time is over."""
    deadline = time.perf_counter() + wait_s
    while time.perf_counter() < deadline:
        servers = _find_servers(client)
        if servers is not None and all(server.state != "starting" for server in servers):
            return servers
        time.sleep(POLL_S)
    return client.list_servers()


def _find_servers(client: Client) -> list[ServerStatus] | None:
    """Return the servers; None while the gateway is not there yet."""
    try:
        return client.list_servers()
    except CommandFault as fault:
        if fault.code is not Code.UNREACHABLE:
            raise
        return None


def wait_for_entries(client: Client, servers: Sequence[ServerStatus], wait_s: float) -> list[Entry]:
    """Ask until all that the servers offer is in the catalog; what cannot be used never comes."""
    wanted = sum(map(count_entries, servers))
    deadline = time.perf_counter() + wait_s
    while True:
        entries, held = client.list_entries(), client.read_status().quarantined
        if len(entries) + held >= wanted or time.perf_counter() >= deadline:
            return entries
        time.sleep(POLL_S)


def count_held(status: Status) -> str:
    """Say how many entries are held back, and how many are only noted."""
    held, flagged = status.quarantined, status.flagged
    parts = [f"{held} {'entry is' if held == 1 else 'entries are'} quarantined"] if held else []
    parts += [f"{flagged} flagged"] if flagged else []
    return " and ".join(parts)


def count_entries(server: ServerStatus) -> int:
    """Count what a server offers."""
    return server.tools + server.prompts + server.resources + server.templates


def render_catalog(servers: Sequence[ServerStatus], entries: Sequence[Entry], width: int) -> str:
    """Write the table of the entries and the table of the servers."""
    if not servers:
        return "no servers; add some to the configuration"
    rows = [
        (entry.kind, entry.name, entry.server, first_line(entry.description or entry.title))
        for kind in _KINDS
        for entry in entries
        if entry.kind == kind
    ]
    tables = [render_table(("kind", "name", "server", "description"), rows, width)] if rows else []
    tables.append(render_servers(servers, width))
    return "\n\n".join(tables)


def render_servers(servers: Sequence[ServerStatus], width: int) -> str:
    """Write the table of the servers."""
    head = (
        *("server", "transport", "state", "revision"),
        *("tools", "prompts", "resources", "templates", "detail"),
    )
    rows = [
        (
            *(server.name, server.transport, server.state, server.revision or "-"),
            *(str(server.tools), str(server.prompts), str(server.resources)),
            str(server.templates),
            explain_state(server),
        )
        for server in servers
    ]
    return render_table(head, rows, width)


def explain_state(server: ServerStatus) -> str:
    """Say why a server is not up."""
    parts = [part for part in (server.reason, first_line(server.detail)) if part]
    return ": ".join(parts) if server.state != "up" else first_line(server.detail)
