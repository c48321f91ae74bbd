"""Every test holds to a promise, and every promise has a test."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.requirements import IDS, REQUIREMENTS

TESTS = Path(__file__).resolve().parents[1]


def marks(node: ast.AST) -> set[str]:
    """Read the ids of `pytest.mark.requirement(...)` anywhere under this node."""
    return {
        str(argument.value)
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.requirement"
        for argument in call.args
        if isinstance(argument, ast.Constant)
    }


def module_marks(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            found |= marks(node.value)
    return found


def read_tests(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Find every test function with the ids that it, its class or its module names."""
    tree = ast.parse(path.read_text())
    outer = module_marks(tree)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    holders: list[ast.Module | ast.ClassDef] = [tree, *classes]
    for holder in holders:
        inherited = set(outer)
        if isinstance(holder, ast.ClassDef):
            inherited |= {each for node in holder.decorator_list for each in marks(node)}
        for node in holder.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
                node.name.startswith("test_")
            ):
                own = {each for decorator in node.decorator_list for each in marks(decorator)}
                yield f"{path.relative_to(TESTS.parent)}::{node.name}", inherited | own


def all_tests() -> dict[str, set[str]]:
    return {name: ids for path in TESTS.rglob("test_*.py") for name, ids in read_tests(path)}


@pytest.mark.requirement("R-SHAPE")
def test_every_test_names_a_requirement() -> None:
    assert not [name for name, ids in all_tests().items() if not ids]


@pytest.mark.requirement("R-SHAPE")
def test_every_named_requirement_is_known() -> None:
    assert not {name: ids - IDS for name, ids in all_tests().items() if ids - IDS}


@pytest.mark.requirement("R-SHAPE")
def test_every_requirement_has_a_test() -> None:
    tested = set().union(*all_tests().values())
    assert not sorted(IDS - tested)


@pytest.mark.requirement("R-SHAPE")
def test_requirements_are_unique_and_have_text_and_source() -> None:
    assert len(IDS) == len(REQUIREMENTS)
    assert not [each.id for each in REQUIREMENTS if not (each.text and each.source)]
