"""`${...}` in an editor's file means what it means to the editor."""

from pathlib import Path

import pytest

from mcpgate.config.variables import Expanded, Variables

KNOWN = {"TOKEN": "hidden", "HOST": "h"}


@pytest.mark.requirement("R-SECRET")
@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("${TOKEN}", "env:TOKEN"),
        ("${env:TOKEN}", "env:TOKEN"),
        ("Bearer ${TOKEN:-none}", "Bearer env:TOKEN"),
        ("${NOT_SET}", "env:NOT_SET"),
        ("Bearer ${NOT_SET:-none}", "Bearer none"),
        ("plain", "plain"),
        ("x-${HOST}", "x-h"),
        ("file:./dev.db", "text:file:./dev.db"),
        ("text:a", "text:text:a"),
    ],
)
def test_a_secret_that_stands_alone_stays_a_reference(text: str, reference: str) -> None:
    assert Variables("f", KNOWN).refer(text) == Expanded(reference)


@pytest.mark.requirement("R-IMPORT")
def test_variables_are_put_in_place() -> None:
    variables = Variables("/home/me/.vscode/mcp.json", KNOWN)
    assert variables.expand("${HOST}/${env:HOST}/${NOT_SET:-a b}${/}") == Expanded("h/h/a b/")
    assert variables.expand("${userHome}/x") == Expanded(f"{Path.home()}/x")
    assert variables.expand("${workspaceFolder}/x") == Expanded(
        "/home/me/x", ("${workspaceFolder} is taken to be /home/me",)
    )
    assert variables.expand("${workspaceFolderBasename}").text == "me"
    assert Variables("/home/me/.mcp.json", {}).expand("${workspaceFolder}").text == "/home/me"


@pytest.mark.requirement("R-IMPORT")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a ${NOT_SET}", "variable NOT_SET is not set; set it before the gateway starts"),
        ("${input:my key}", "variable MY_KEY is not set; set it before the gateway starts"),
        (
            "${command:pick}",
            "holds ${command:pick}, which only the editor knows; write out what it stands for",
        ),
    ],
)
def test_what_stands_for_nothing_is_a_problem(text: str, problem: str) -> None:
    assert Variables("f", KNOWN).expand(text).problems == (problem,)


@pytest.mark.requirement("R-SECRET")
def test_without_variables_everything_stays_as_it_is_written() -> None:
    assert Variables("f", None).expand("a ${TOKEN}") == Expanded(
        "a ${TOKEN}", ("holds ${...}; write out what it stands for",)
    )
    assert Variables("f", None).refer("${TOKEN}") == Expanded("env:TOKEN")
