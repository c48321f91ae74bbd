"""What `mcpgate stdio` reads of its command line, and what it never imports for that."""

import subprocess
import sys
from pathlib import Path

import pytest

from mcpgate.cli import shim
from mcpgate.cli.codes import Code
from mcpgate.cli.shim import Asked, find_state_dir, read_words
from mcpgate.config import load, model

pytestmark = pytest.mark.requirement("R-STDIO")

HEAVY = ("click", "msgspec", "uvloop", "yaml", "asyncio", "mcpgate.config", "mcpgate._core")


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], Asked()),
        (["-c", "a"], Asked(config="a")),
        (["--config", "a", "--state", "b"], Asked(config="a", state="b")),
        (["--from", "a"], Asked(imported="a")),
        (["--help"], None),
        (["-c"], None),
        (["-c", "a", "-c", "b"], None),
        (["-c", "a", "--config", "b"], None),
        (["--state=a"], None),
        (["--state", ""], None),
        (["-c", "--from"], None),
        (["-c", "a", "b"], None),
        (["serve", "a"], None),
    ],
)
def test_plain_options_are_read_and_others_left_to_click(
    words: list[str], asked: Asked | None
) -> None:
    assert read_words(words) == asked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "servers: []",
        "state_dir: here/state",
        "state_dir: ~/state\nlisteners: []",
        '{"state_dir": "/a/../b"}',
        "instructions: speaks of state_dir only",
    ],
)
def test_the_state_directory_is_the_one_that_every_command_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "mcpgate.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    wanted = load.find_places("mcpgate.yaml").state_dir
    assert find_state_dir(Asked()) == wanted
    assert find_state_dir(Asked(config="mcpgate.yaml")) == wanted
    assert find_state_dir(Asked(imported="other.json")) == load.find_places("").state_dir
    assert find_state_dir(Asked(state="s")) == load.find_places("mcpgate.yaml", "s").state_dir


def test_defaults_are_those_of_the_configuration() -> None:
    assert shim.DEFAULT_FILE == load.DEFAULT_FILE
    assert shim.DEFAULT_STATE_DIR == model.DEFAULT_STATE_DIR


def test_two_files_are_one_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    assert shim.run(Asked(config="a", imported="b")) == Code.USAGE
    assert "use one of them" in capsys.readouterr().err


def test_a_broken_file_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "a.yaml"
    broken.write_text("state_dir: [")
    assert shim.run(Asked(config=str(broken))) == Code.USAGE
    assert f"mcpgate: {broken}" in capsys.readouterr().err


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, mcpgate.cli.entry; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert not [name for name in loaded if name.startswith(HEAVY)]
