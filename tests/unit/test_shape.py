"""The shape of the code is a promise: small files, small functions, few exceptions with reasons."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import rust_source

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python/mcpgate"
PYTHON = sorted(
    path
    for folder in ("python", "tests", "bench", "scripts", "examples")
    for path in (ROOT / folder).rglob("*.py")
)
RUST = sorted(path for folder in ("rust", "bench") for path in (ROOT / folder).rglob("*.rs"))

FILE_LINES = 400
RUST_FILE_LINES = 500
EXCHANGE_LINES = 150
FUNCTION_LINES = 50
ARGUMENTS = 6
NESTING = 3
SUPPRESSIONS = 20
TESTS_MAY_UNWRAP = 'reason = "a test that fails should say so at once"'

Python = ast.FunctionDef | ast.AsyncFunctionDef
LOOPS = (ast.For, ast.AsyncFor, ast.While)
BLOCKS = (*LOOPS, ast.If, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
QUIET = re.compile(r"#\s*(?:noqa|type:\s*ignore|ruff:|mypy:|pragma|pylint:)")
QUIET_WITH_REASON = re.compile(
    r"#\s*(?:noqa: [A-Z0-9]+(?:, ?[A-Z0-9]+)*|type: ignore\[[a-z, -]+\])\W+\w+ \w+"
)
# Tests may unwrap, index and count: cfg_attr(test, ...) silences nothing that ships.
RUST_QUIET = re.compile(r"#!?\[\s*(?:allow|expect)\((.*?)\)\s*\]", re.DOTALL)


def name(path: Path, line: int, what: str) -> str:
    return f"{path.relative_to(ROOT)}:{line}: {what}"


def python_functions(path: Path) -> Iterator[Python]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Python):
            yield node


def count_arguments(function: Python) -> int:
    arguments = function.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([each for each in names if each not in ("self", "cls")])


def depth(node: ast.AST, level: int = 0) -> int:
    """Count blocks inside blocks; a function inside starts anew, an elif stays on its level."""
    deepest = level
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Python | ast.Lambda | ast.ClassDef):
            continue
        chained = isinstance(node, ast.If) and isinstance(child, ast.If) and [child] == node.orelse
        deeper = isinstance(child, BLOCKS) and not chained
        deepest = max(deepest, depth(child, level + deeper))
    return deepest


def python_comments(path: Path) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


@pytest.mark.requirement("R-SHAPE")
def test_files_are_short() -> None:
    limits = {".py": FILE_LINES, ".rs": RUST_FILE_LINES}
    sizes = {path: len(path.read_text().splitlines()) for path in (*PYTHON, *RUST)}
    assert not [
        name(path, size, "lines") for path, size in sizes.items() if size > limits[path.suffix]
    ]


@pytest.mark.requirement("R-SHAPE")
def test_the_path_of_a_message_is_one_page() -> None:
    assert len((PACKAGE / "exchange.py").read_text().splitlines()) <= EXCHANGE_LINES


@pytest.mark.requirement("R-SHAPE")
def test_python_functions_are_small() -> None:
    found = []
    for path in PYTHON:
        for function in python_functions(path):
            lines = (function.end_lineno or 0) - function.lineno + 1
            arguments = count_arguments(function)
            if lines > FUNCTION_LINES:
                found.append(name(path, function.lineno, f"{function.name}: {lines} lines"))
            if arguments > ARGUMENTS:
                found.append(name(path, function.lineno, f"{function.name}: {arguments} arguments"))
            if depth(function) > NESTING:
                found.append(
                    name(path, function.lineno, f"{function.name}: {depth(function)} deep")
                )
    assert not found


@pytest.mark.requirement("R-SHAPE")
def test_rust_functions_are_small() -> None:
    found = []
    for path in RUST:
        for each in rust_source.functions(path.read_text()):
            if each.lines > FUNCTION_LINES:
                found.append(name(path, each.line, f"{each.name}: {each.lines} lines"))
            if each.arguments > ARGUMENTS:
                found.append(name(path, each.line, f"{each.name}: {each.arguments} arguments"))
            if each.nesting > NESTING:
                found.append(name(path, each.line, f"{each.name}: {each.nesting} deep"))
    assert not found


def suppressions() -> Iterator[tuple[str, bool]]:
    """Find everything that silences a tool, and whether it says why."""
    for path in PYTHON:
        for line, comment in python_comments(path):
            if QUIET.search(comment):
                yield name(path, line, comment), bool(QUIET_WITH_REASON.search(comment))
    for path in RUST:
        text = path.read_text()
        for match in RUST_QUIET.finditer(text):
            if TESTS_MAY_UNWRAP in match[0]:  # the rule's own exception, written once per test file
                continue
            line = text.count("\n", 0, match.start()) + 1
            yield name(path, line, match[0]), "reason" in match[1]


@pytest.mark.requirement("R-SHAPE")
def test_suppressions_are_few_and_have_a_reason() -> None:
    found = list(suppressions())
    assert not [place for place, reasoned in found if not reasoned]
    assert len(found) <= SUPPRESSIONS, "\n".join(place for place, _ in found)


@pytest.mark.requirement("R-SHAPE")
def test_packages_hold_no_code() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        body = ast.parse(path.read_text()).body
        assert len(body) == 1, path
        assert ast.get_docstring(ast.parse(path.read_text())), path
        assert len(path.read_text().splitlines()) == 1, path


@pytest.mark.requirement("R-SHAPE")
def test_rust_reading_sees_through_literals_and_patterns() -> None:
    source = """
    fn plain<T: Fn(u8) -> u8>(&self, a: [u8; 2], b: HashMap<u8, u8>) -> u8 {
        let brace = '{'; let text = "if {"; // if {
        for Pair { a, b } in list {
            if let Some(Found { at, .. }) = a {
                match at { 1 => { x() } _ => (|| { y() })() }
            } else if b == c { z(Point { x: 1 }) }
        }
    }
    fn declared(a: u8);
    """
    (plain,) = rust_source.functions(source)
    assert (plain.name, plain.lines, plain.arguments, plain.nesting) == ("plain", 8, 2, 3)


@pytest.mark.requirement("R-SHAPE")
def test_python_depth_counts_blocks() -> None:
    source = """
def f(self, a, *, b):
    for x in a:
        if x:
            pass
        elif b:
            while b:
                with a:
                    pass
"""
    (function,) = (each for each in ast.walk(ast.parse(source)) if isinstance(each, Python))
    assert depth(function) == 4
    assert count_arguments(function) == 2
