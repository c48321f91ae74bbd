"""`mcpgate version`: which mcpgate this is."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import get_args

import click
import msgspec

from mcpgate.cli.options import json_option
from mcpgate.config.model import Revision


def read_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("mcpgate")
    except PackageNotFoundError:
        return "unknown"


@click.command("version")
@json_option
def command(as_json: bool) -> None:
    """Say which mcpgate this is, on which Python, and which MCP revisions it speaks."""
    revisions = [name for name in get_args(Revision) if name != "auto"]
    answer = {
        "version": read_version(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "revisions": revisions,
    }
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        click.echo(f"mcpgate {answer['version']}, Python {answer['python']}, {answer['platform']}")
        click.echo(f"MCP revisions: {', '.join(revisions)}")
