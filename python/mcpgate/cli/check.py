"""`mcpgate check`: everything that is wrong with a configuration, at once."""

import click
import msgspec

from mcpgate.cli.codes import Code, CommandFault
from mcpgate.cli.options import json_option, open_source, source_options
from mcpgate.config.export import write_servers
from mcpgate.config.load import ConfigSource
from mcpgate.config.model import Config
from mcpgate.errors import ConfigError
from mcpgate.registry.definitions import read_name
from mcpgate.registry.last_good import LastGood
from mcpgate.registry.unlisted import find_unlisted


@click.command("check")
@source_options
@json_option
@click.option("--print", "printed", is_flag=True, help="Print --from FILE as a mcpgate.yaml.")
@click.pass_context
def command(
    ctx: click.Context, config: str | None, imported: str | None, as_json: bool, printed: bool
) -> None:
    """Say everything that is wrong with a configuration.

    Reads the file, follows references to secrets and looks for the programs and files it names.
    Ends with 0 if the gateway can serve it and with 2 if not.

    \b
    mcpgate check
    mcpgate check --from ~/.cursor/mcp.json
    mcpgate check --from ~/.cursor/mcp.json --print > mcpgate.yaml
    """
    source = open_source(config, imported)
    if printed:
        _print_yaml(source)
        return
    problems: list[str] = []
    found: Config | None = None
    try:
        found = source.check()
    except ConfigError as fault:
        problems = fault.problems
    notes = _list_notes(source, found)
    if as_json:
        answer = {"ok": not problems, "file": source.path, "problems": problems, "notes": notes}
        click.echo(msgspec.json.encode(answer))
    else:
        _report(source, found, (problems, notes))
    ctx.exit(Code.USAGE if problems else Code.OK)


def _list_notes(source: ConfigSource, found: Config | None) -> list[str]:
    """List what is worth knowing: of the file, and of tools that a server did not list last."""
    notes = list(source.notes)
    document = LastGood(found.state_dir).load() if found and _names_tools(found) else None
    if found is not None and document is not None:
        listed = {
            part.name: {name for tool in part.tools if (name := read_name("tool", tool))}
            for part in document.servers
            if part.tools
        }
        notes += find_unlisted(found, listed)
    return notes


def _names_tools(config: Config) -> bool:
    return any(server.tools for server in config.servers)


def _report(source: ConfigSource, found: Config | None, told: tuple[list[str], list[str]]) -> None:
    problems, notes = told
    for note in notes:
        click.echo(f"{source.path}: note: {note}", err=True)
    for problem in problems:
        click.echo(problem, err=True)
    if found is not None:
        enabled = sum(server.enabled for server in found.servers)
        click.echo(f"{source.path}: sound; {enabled} of {len(found.servers)} servers enabled")
    else:
        click.echo(f"{source.path}: {len(problems)} to correct", err=True)


def _print_yaml(source: ConfigSource) -> None:
    if not source.imported:
        raise CommandFault(Code.USAGE, "--print goes with --from FILE")
    config = source.load(as_written=True)
    text, variables = write_servers(config.servers)
    for note in source.notes:
        click.echo(f"{source.path}: note: {note}", err=True)
    for variable in variables:
        click.echo(f"note: set {variable} to the secret that {source.path} holds", err=True)
    click.echo(text, nl=False)
