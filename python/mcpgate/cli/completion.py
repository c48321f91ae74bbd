"""`mcpgate completion`: what a shell needs to complete commands."""

import click
from click.shell_completion import get_completion_class

from mcpgate.cli.codes import Code, CommandFault
from mcpgate.cli.main import cli


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what a shell needs to complete commands, options and tools.

    \b
    bash:  echo 'eval "$(mcpgate completion bash)"' >> ~/.bashrc
    zsh:   echo 'eval "$(mcpgate completion zsh)"' >> ~/.zshrc
    fish:  mcpgate completion fish > ~/.config/fish/completions/mcpgate.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise CommandFault(Code.FAILED, f"{shell} is not known to this version of click")
    try:
        script = kind(cli, {}, "mcpgate", "_MCPGATE_COMPLETE").source()
    except RuntimeError as fault:
        raise CommandFault(Code.FAILED, str(fault)) from fault
    click.echo(script)
