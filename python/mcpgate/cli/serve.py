"""`mcpgate serve`: the gateway, until Ctrl-C."""

import click

from mcpgate import app
from mcpgate.cli.announce import Announcer
from mcpgate.cli.control import Client
from mcpgate.cli.options import open_source, source_options, write_command
from mcpgate.config.load import DEFAULT_FILE


@click.command("serve")
@source_options
@click.option(
    "--listen", metavar="HOST:PORT", default="",
    help="Where to listen, instead of what the configuration says.",
)  # fmt: skip
@click.option(
    "--state", type=click.Path(file_okay=False), metavar="DIR", default="",
    help="State directory, instead of the configuration's.",
)  # fmt: skip
@click.pass_context
def command(
    ctx: click.Context, config: str | None, imported: str | None, listen: str, state: str
) -> None:
    """Start the gateway and serve until Ctrl-C.

    Prints the catalog once the servers have answered, the address, and what to paste into a
    client. The log goes to stderr. A changed file is taken up at once, and on SIGHUP; a broken one
    is refused and the gateway stays as it is. `mcpgate list` says if a change needs a restart.

    \b
    mcpgate serve
    mcpgate serve --from ~/.cursor/mcp.json
    mcpgate serve -c team.yaml --listen 127.0.0.1:9000
    """
    source = open_source(config, imported, listen, state)
    loaded = source.load()
    source.check_secrets(loaded)
    for note in source.notes:
        click.echo(f"{source.path}: note: {note}", err=True)
    plain = not state and source.path == DEFAULT_FILE
    look = write_command("list", state="" if plain else loaded.state_dir)
    announcer = Announcer(Client(loaded.state_dir), look, click.echo)
    announcer.start()
    try:
        code = app.serve(source)
    finally:
        announcer.stop()
    ctx.exit(code)
