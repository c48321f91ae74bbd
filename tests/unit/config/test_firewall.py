"""Checks are decided by tool, server and gateway, and a contradiction is named."""

from pathlib import Path

import pytest

from mcpgate.config.firewall import Checks, decide
from mcpgate.config.load import load
from mcpgate.config.model import Config, Firewall, Server, Tool
from mcpgate.errors import ConfigError

HEAD = "servers:\n  - name: a\n    transport: stdio\n    command: [x]\n"


def make_server(firewall: Firewall, *tools: Tool) -> Server:
    return Server(name="a", transport="stdio", command=("x",), firewall=firewall, tools=tools)


def refuse(folder: Path, text: str) -> list[str]:
    path = folder / "mcpgate.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(str(path))
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


@pytest.mark.requirement("R-FIREWALL")
def test_without_settings_the_defaults_hold() -> None:
    checks = decide(Config(), make_server(Firewall()))
    assert checks.own == Checks(
        arguments="strict", results="observe", secrets="off", pins="enforce", new="approve"
    )
    assert checks.find("tool", "any") == checks.own


@pytest.mark.requirement("R-FIREWALL")
def test_a_tool_goes_before_its_server_and_a_server_before_the_gateway() -> None:
    server = make_server(
        Firewall(arguments="schema", pins="warn"),
        Tool(name="t", firewall=Firewall(arguments="off", secrets="refuse")),
    )
    config = Config(firewall=Firewall(arguments="off", results="enforce", secrets="redact"))
    checks = decide(config, server)
    own = Checks(arguments="schema", results="enforce", secrets="redact", pins="warn")
    assert checks.own == own
    assert checks.find("tool", "t") == Checks(
        arguments="off", results="enforce", secrets="refuse", pins="warn"
    )
    assert checks.find("tool", "other") == own
    assert checks.find("prompt", "t") == own


@pytest.mark.requirement("R-FIREWALL")
def test_a_file_sets_all_three_levels(tmp_path: Path) -> None:
    path = tmp_path / "mcpgate.yaml"
    text = (
        "firewall: {results: enforce, new: hold}\n"
        f"{HEAD}    firewall: {{arguments: off}}\n"
        "    tools: [{name: t, firewall: {arguments: strict}}]\n"
    )
    path.write_text(text)
    config = load(str(path))
    checks = decide(config, config.servers[0])
    assert checks.own == Checks(arguments="off", results="enforce", new="hold")
    assert checks.find("tool", "t").arguments == "strict"


@pytest.mark.requirement("R-FIREWALL")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "firewall: {arguments: loose}",
            '1:12: firewall.arguments: "loose" is not allowed; allowed: off, schema, strict',
        ),
        (
            "firewall: {pins: off, new: hold}",
            "1:23: firewall.new: hold needs pins: enforce or warn; with pins: off nothing is held",
        ),
        (
            f"{HEAD}    firewall: {{resluts: off}}",
            '5:16: servers[0].firewall.resluts: unknown key; did you mean "results"?',
        ),
        (
            f"{HEAD}    tools: [{{name: t}}, {{name: t}}]",
            '5:25: servers[0].tools[1].name: "t" has settings above; keep one of them',
        ),
        (
            f"{HEAD}    tools: [{{firewall: {{}}}}]",
            "5:13: servers[0].tools[0]: name is missing; give a text",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    assert refuse(tmp_path, text) == [problem]
