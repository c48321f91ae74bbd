"""Commands teach, name the nearest word, and end with documented codes."""

import contextlib
import json
import re
import sys
from pathlib import Path

import pytest

from mcpgate.cli.codes import EXIT_CODES, Code
from mcpgate.cli.main import COMMANDS, run

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/reference/exit-codes.md"
LINE = '{"v":1,"kind":"verdict","event":"e1","at":"2026-11-22T19:00:00Z","reason":"a\\u001bb"}'


@pytest.mark.requirement("R-CLI")
def test_help_lists_every_command_and_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)
    assert all(f"{int(code)}  {text}" in shown for code, text in EXIT_CODES.items())


@pytest.mark.requirement("R-CLI")
@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_that_begins_as_the_list_says(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, "-h"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert COMMANDS[name].rstrip(".").split(",")[0] in shown


@pytest.mark.requirement("R-CLI")
def test_exit_codes_are_documented() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| ([^|]+) \|", DOCUMENT.read_text(), re.MULTILINE))
    assert {int(code): text for code, text in EXIT_CODES.items()}.items() <= {
        int(code): text for code, text in rows.items()
    }.items()


@pytest.mark.requirement("R-CLI")
def test_a_mistyped_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["chek"]) == Code.USAGE
    assert 'unknown command "chek"; did you mean "check"?' in capsys.readouterr().err
    assert run(["zzz"]) == Code.USAGE
    assert "known: serve, check, list" in capsys.readouterr().err


@pytest.mark.requirement("R-CLI")
def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["version", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["revisions"][-1] == "2026-07-28"
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"mcpgate {answer['version']}, Python 3.")


@pytest.mark.requirement("R-CLI")
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_MCPGATE_COMPLETE" in capsys.readouterr().out


@pytest.mark.requirement("R-CLI")
def test_a_sound_configuration_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f'servers: [{{name: a, transport: stdio, command: ["{sys.executable}"]}}]')
    assert run(["check", "-c", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: sound; 1 of 1 servers enabled\n"


@pytest.mark.requirement("R-CLI")
def test_a_broken_configuration_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("workers: 0\nprefx: never\n")
    assert run(["check", "-c", str(path), "--json"]) == Code.USAGE
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], len(answer["problems"])) == (False, 2)
    assert run(["check", "-c", str(path)]) == Code.USAGE
    assert capsys.readouterr().err.splitlines() == [
        f"{path}:1:1: workers: 0 is too small; at least 1",
        f'{path}:2:1: prefx: unknown key; did you mean "prefix"?',
        f"{path}: 2 to correct",
    ]


@pytest.mark.requirement("R-IMPORT")
def test_an_editors_file_is_checked_and_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mcp.json"
    entry = {"command": sys.executable, "env": {"API_KEY": "hidden"}, "icon": "x"}
    path.write_text(json.dumps({"mcpServers": {"a": entry}}))
    assert run(["check", "--from", str(path)]) == 0
    assert "note: mcpServers.a.icon: is not used here" in capsys.readouterr().err
    assert run(["check", "--from", str(path), "--print"]) == 0
    captured = capsys.readouterr()
    assert "API_KEY: env:A_API_KEY" in captured.out
    assert "note: set A_API_KEY to the secret" in captured.err
    assert "hidden" not in captured.out + captured.err
    assert run(["check", "-c", str(path), "--print"]) == Code.USAGE


@pytest.mark.requirement("R-CLI")
def test_wrong_use_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.chdir(tmp_path):
        assert run(["check"]) == Code.USAGE
    assert "there is no mcpgate.yaml here; write one" in capsys.readouterr().err
    assert run(["check", "-c", "a", "--from", "b"]) == Code.USAGE
    assert "use one of them" in capsys.readouterr().err
    assert run(["call", "x", "a=1", "--arguments", "{}", "--state", f"{tmp_path}/s"]) == Code.USAGE
    assert run(["call", "x", "--arguments", "[1]", "--state", f"{tmp_path}/s"]) == Code.USAGE
    assert "--arguments is not a JSON object" in capsys.readouterr().err
    assert run(["list", "--state", f"{tmp_path}/s"]) == Code.UNREACHABLE
    assert f"no gateway runs with state {tmp_path}/s" in capsys.readouterr().err


@pytest.mark.requirement("R-EXPLAIN")
def test_an_event_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = tmp_path / "events"
    events.mkdir()
    (events / "events-20261122T190000.000000Z.jsonl").write_text(LINE + "\n")
    assert run(["explain", "e1", "--state", str(tmp_path)]) == 0
    assert capsys.readouterr().out == (
        "event e1\n\nverdict  2026-11-22T19:00:00Z\n  reason  a\\x1bb\n"
    )
    assert run(["explain", "e1", "--state", str(tmp_path), "--json"]) == 0
    assert capsys.readouterr().out == LINE + "\n"
    assert run(["explain", "e2", "--state", str(tmp_path)]) == Code.FAILED
    assert f"event e2 is in no file of {events}" in capsys.readouterr().err
    assert run(["explain", 'e"', "--state", str(tmp_path)]) == Code.FAILED
