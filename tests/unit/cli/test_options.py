"""Commands that are shown can be pasted."""

import sys
from pathlib import Path

import click
import pytest

from mcpgate.cli.approve import complete_entry
from mcpgate.cli.call import complete_name
from mcpgate.cli.control import Client
from mcpgate.cli.options import ask_quietly, find_self, write_command


@pytest.mark.requirement("R-CLI")
def test_a_shown_command_means_the_same_gateway() -> None:
    assert write_command("explain", "my file.yaml", "st") == (
        "mcpgate explain -c 'my file.yaml' --state st"
    )
    assert write_command("list") == "mcpgate list"


@pytest.mark.requirement("R-CLI")
def test_the_program_is_named_as_the_shell_finds_it() -> None:
    assert find_self(f"{Path.cwd()}/some/bin/mcpgate") == "some/bin/mcpgate"
    assert find_self("/elsewhere/bin/mcpgate") == "/elsewhere/bin/mcpgate"
    assert find_self(sys.argv[0]) == "mcpgate"


@pytest.mark.requirement("R-CLI")
def test_completion_without_a_gateway_is_silent(tmp_path: Path) -> None:
    context = click.Context(click.Command("x"))
    context.params = {"state": str(tmp_path)}
    assert ask_quietly(context, Client.list_entries) == []
    assert complete_entry(context, click.Argument(["entry"]), "s/") == []
    assert complete_name(context, click.Argument(["name"]), "s") == []
