"""The command `mcpgate`: sub-commands are imported when they are called, so that help is fast."""

import difflib
import sys
from importlib import import_module
from typing import Final, final

import click

from mcpgate.cli.codes import EXIT_CODES, Code, CommandFault
from mcpgate.errors import ConfigError, GateError

COMMANDS: Final[dict[str, str]] = {
    "serve": "Start the gateway and serve until Ctrl-C.",
    "check": "Say everything that is wrong with a configuration.",
    "list": "Show the servers and what they offer, as clients see it.",
    "call": "Call a tool through the running gateway.",
    "quarantine": "Show the entries that are held back from clients, and why.",
    "approve": "Approve entries that are quarantined, as they are now.",
    "stdio": "Let a client that starts its servers as commands speak to the gateway.",
    "explain": "Show what happened in an event.",
    "version": "Say which mcpgate this is.",
    "completion": "Print what a shell needs to complete commands.",
}

_EPILOG: Final = "\b\nExit codes:\n" + "\n".join(
    f"  {int(code)}  {text}" for code, text in EXIT_CODES.items()
)


@final
class LazyGroup(click.Group):
    """Sub-commands by name; their modules stay unread until needed."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """List the names in the order that a new user needs them."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        found = import_module(f"mcpgate.cli.{cmd_name}").command
        return found if isinstance(found, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest one there is."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else f"; known: {', '.join(COMMANDS)}"
            ctx.fail(f'unknown command "{name}"{hint}')
        return super().resolve_command(ctx, args)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names and what they do, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    found = cli.get_command(ctx, "version") if wanted else None
    if found is not None:
        ctx.exit(found.main([], standalone_mode=False))


@click.group(
    cls=LazyGroup,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
    help="Say which mcpgate this is.",
)  # fmt: skip
def cli() -> None:
    """One address in front of your MCP servers.

    \b
    Start with an editor's file:      mcpgate serve --from claude_desktop_config.json
    Or with your own mcpgate.yaml:    mcpgate check && mcpgate serve
    Look at a running gateway:        mcpgate list
    Try a tool:                       mcpgate call time__get_current_time timezone=UTC
    """


def run(arguments: list[str]) -> int:
    """Do one command; return its exit code."""
    try:
        code = cli.main(arguments, prog_name="mcpgate", standalone_mode=False)
    except click.ClickException as fault:
        fault.show()
        return fault.exit_code
    except CommandFault as fault:
        click.echo(f"mcpgate: {fault}", err=True)
        return fault.code
    except ConfigError as fault:
        for problem in fault.problems:
            click.echo(problem, err=True)
        return Code.USAGE
    except GateError as fault:
        click.echo(f"mcpgate: {fault}", err=True)
        return Code.FAILED
    except (click.Abort, KeyboardInterrupt):
        return 130
    return code if isinstance(code, int) else Code.OK


def main() -> int:
    """Do what the command line says."""
    return run(sys.argv[1:])
