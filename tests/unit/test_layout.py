"""Imports point down, one module knows the compiled core, and files are where they belong."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python/mcpgate"
DOCS = ROOT / "docs"
CHANGE = re.compile(r"[a-z0-9-]+\.(added|changed|fixed|security|performance)\.md")


def lint_imports(python_path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(python_path)},
        capture_output=True,
        text=True,
        check=False,
    )


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{each.name}" for each in node.names}
            names.add(str(node.module))
    return names


@pytest.mark.requirement("R-LAYOUT")
def test_imports_point_down() -> None:
    done = lint_imports(ROOT / "python")
    assert done.returncode == 0, done.stdout


@pytest.mark.requirement("R-LAYOUT")
@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("errors.py", "import mcpgate.cli.main"),
        ("links/http.py", "import mcpgate.registry.catalog"),
        ("stray.py", "import json"),
    ],
)
def test_an_import_that_points_up_or_a_stray_module_is_found(
    tmp_path: Path, file: str, line: str
) -> None:
    shutil.copytree(PACKAGE, tmp_path / "mcpgate", ignore=shutil.ignore_patterns("*.so"))
    broken = tmp_path / "mcpgate" / file
    broken.write_text(f"{broken.read_text() if broken.exists() else ''}\n{line}\n")
    assert lint_imports(tmp_path).returncode != 0


@pytest.mark.requirement("R-LAYOUT")
def test_only_the_gate_knows_the_compiled_core() -> None:
    core = "mcpgate._core"
    users = {path.name for path in PACKAGE.rglob("*.py") if core in imported(path)}
    assert users == {"gate.py"}


@pytest.mark.requirement("R-LAYOUT")
def test_every_room_has_something_in_it() -> None:
    rooms = [path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert not [room for room in rooms if len(list(room.glob("*.py"))) < 2]


@pytest.mark.requirement("R-LAYOUT")
def test_every_dependency_is_pinned_and_installed_from_one_list() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for group in project["dependency-groups"].values():
        wanted += group
    listed = {line.lower() for line in (ROOT / "requirements-dev.txt").read_text().splitlines()}
    assert not [each for each in wanted if each.lower() not in listed]
    assert not [line for line in listed if not line.startswith("#") and "==" not in line]


@pytest.mark.requirement("R-LAYOUT")
def test_locks_name_no_registry() -> None:
    locks = list((ROOT / "scripts/parts").glob("*/package-lock.json"))
    assert locks
    assert not [lock for lock in locks if '"resolved"' in lock.read_text()]


@pytest.mark.requirement("R-LAYOUT")
def test_the_integration_run_is_make_test() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().endswith("make test")


@pytest.mark.requirement("R-LAYOUT")
def test_the_image_holds_no_compiler_and_no_privilege() -> None:
    text = (ROOT / "Dockerfile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (maturin,) = project["build-system"]["requires"]
    assert maturin in text
    runtime = text[text.index("AS runtime") :]
    assert "USER 10001:10001" in runtime
    assert "/healthz" in runtime
    assert not [word for word in ("apt-get", "pip install", "cargo") if word in runtime]


@pytest.mark.requirement("R-SHAPE")
def test_decisions_have_unique_numbers_and_stay_short() -> None:
    decisions = sorted((DOCS / "decisions").glob("*.md"))
    numbers = [path.name[:4] for path in decisions]
    assert numbers == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    assert not [path for path in decisions if len(path.read_text().splitlines()) > 60]


@pytest.mark.requirement("R-SHAPE")
def test_changes_are_one_sentence_of_a_known_kind() -> None:
    for path in (DOCS / "changes").glob("*.md"):
        assert CHANGE.fullmatch(path.name), path
        assert len(path.read_text().strip().splitlines()) == 1, path


@pytest.mark.requirement("R-SHAPE")
def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for path in (ROOT / "README.md", *DOCS.rglob("*.md")):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", path.read_text()):
            if not (path.parent / target).exists():
                broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert not broken
