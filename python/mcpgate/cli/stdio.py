"""`mcpgate stdio`: the command in a client's configuration."""

import click

from mcpgate.cli import shim
from mcpgate.cli.options import source_options


@click.command("stdio")
@source_options
@click.option(
    "--state", type=click.Path(file_okay=False), metavar="DIR", default="",
    help="The gateway's state directory, if not the configuration's.",
)  # fmt: skip
@click.pass_context
def command(ctx: click.Context, config: str | None, imported: str | None, state: str) -> None:
    """Let a client that starts its servers as commands speak to the gateway.

    Put it into the client's configuration, with full paths. It carries what the client says to the
    running gateway and the replies back; rules, events and limits are those of every client. If
    no gateway runs, it starts one, which stays; stderr says how to stop it.

    \b
    {"mcpServers": {"mcpgate": {"command": "mcpgate", "args": ["stdio"]}}}
    mcpgate stdio -c /home/me/mcpgate.yaml
    mcpgate stdio --state /run/mcpgate
    """
    ctx.exit(shim.run(shim.Asked(config or "", imported or "", state)))
