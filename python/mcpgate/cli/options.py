"""Options that several commands share, and what they lead to."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import click

from mcpgate.cli.codes import Code, CommandFault
from mcpgate.cli.control import Client
from mcpgate.config.load import DEFAULT_FILE, ConfigSource, Places, find_places

Found = TypeVar("Found")
Command = TypeVar("Command", bound=Callable[..., object])

COMPLETE_TIMEOUT_S: Final = 0.5
_FILE = click.Path(dir_okay=False)
_FOLDER = click.Path(file_okay=False)


def source_options(command: Command) -> Command:
    """Add -c and --from."""
    command = click.option(
        "--from", "imported", type=_FILE, metavar="FILE",
        help="An editor's file with mcpServers, taken as it is.",
    )(command)  # fmt: skip
    return click.option(
        "-c", "--config", type=_FILE, metavar="FILE",
        help=f"The configuration.  [default: ./{DEFAULT_FILE}]",
    )(command)  # fmt: skip


def place_options(command: Command) -> Command:
    """Add -c and --state, which say where a gateway keeps its things."""
    command = click.option(
        "--state", type=_FOLDER, metavar="DIR", default="",
        help="The gateway's state directory, if not the configuration's.",
    )(command)  # fmt: skip
    return click.option(
        "-c", "--config", type=_FILE, metavar="FILE",
        help=f"The gateway's configuration.  [default: ./{DEFAULT_FILE} if it is there]",
    )(command)  # fmt: skip


def json_option(command: Command) -> Command:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def open_source(
    config: str | None, imported: str | None, listen: str = "", state: str = ""
) -> ConfigSource:
    """Find the file to serve or to check."""
    if config and imported:
        raise CommandFault(Code.USAGE, "-c and --from were both given; use one of them")
    if not config and not imported and not Path(DEFAULT_FILE).exists():
        text = (
            f"there is no {DEFAULT_FILE} here; write one, name one with -c FILE, or take an "
            "editor's file with --from FILE"
        )
        raise CommandFault(Code.USAGE, text)
    path = imported or config or DEFAULT_FILE
    return ConfigSource(path, imported=bool(imported), address=listen, state_dir=state)


def open_places(config: str | None, state: str) -> Places:
    """Find out where the gateway meant keeps its control socket and its events."""
    here = DEFAULT_FILE if Path(DEFAULT_FILE).exists() else ""
    return find_places(config or here, state)


def ask_quietly(ctx: click.Context, ask: Callable[[Client], list[Found]]) -> list[Found]:
    """Ask the running gateway while a shell completes a line; nothing if it does not answer."""
    try:
        places = open_places(ctx.params.get("config"), ctx.params.get("state") or "")
        return ask(Client(places.state_dir, COMPLETE_TIMEOUT_S))
    except Exception:  # noqa: BLE001 - a shell's line must never be broken by completion
        return []


def write_command(name: str, config: str | None = None, state: str = "") -> str:
    """Write a command that the operator can paste: it runs, and means the same gateway."""
    words = [find_self(sys.argv[0]), name]
    words += ["-c", config] if config else []
    words += ["--state", state] if state else []
    return shlex.join(words)


def find_self(started: str) -> str:
    """Return the shortest word that starts this program: its name, if the shell finds it."""
    if Path(started).name != "mcpgate":
        return "mcpgate"
    found = shutil.which("mcpgate")
    if found is not None and os.path.realpath(found) == os.path.realpath(started):
        return "mcpgate"
    here = os.path.relpath(started)
    return str(Path(started).absolute()) if here.startswith("..") else here
