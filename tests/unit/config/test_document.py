"""YAML is read as an editor with our schema reads it, and every value knows its place."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcpgate.config.document import Problem, join_path, read_document, read_text
from mcpgate.config.export import dump
from mcpgate.errors import ConfigError

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.requirement("R-CONFIG")
@given(PLAIN)
@example("0E0")
def test_what_is_written_is_read_back(value: object) -> None:
    document = read_document(dump(value), "x.yaml")
    assert not document.problems
    assert document.value == value


@pytest.mark.requirement("R-CONFIG")
@given(st.text(max_size=40) | st.text("{}[]:,-&*!<|>#%@ \n\"'ab", max_size=40))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        document = read_document(text, "x.yaml")
        problems = document.describe(document.problems)
    except ConfigError as fault:
        problems = fault.problems
    assert all(problem.startswith("x.yaml:") for problem in problems)


@pytest.mark.requirement("R-CONFIG")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("2025-11-25", "2025-11-25"),
        ("22:22", "22:22"),
        ("1_000", "1_000"),
        ("010", 10),
        ("0x1f", 31),
        ("0o17", 15),
        ("true", True),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        ("~", None),
        ("'5'", "5"),
        (".5", 0.5),
        ("", None),
    ],
)
def test_scalars_are_read_by_the_core_schema(text: str, value: object) -> None:
    assert read_document(f"a: {text}", "x").value == {"a": value}


@pytest.mark.requirement("R-CONFIG")
def test_a_repeated_key_is_named_with_both_lines() -> None:
    document = read_document("a: 1\nb:\n  c: 1\n  c: 2\n", "x.yaml")
    assert document.describe(document.problems) == [
        "x.yaml:3:3: b.c: stands twice, in lines 3 and 4; keep one"
    ]


@pytest.mark.requirement("R-CONFIG")
@pytest.mark.parametrize(
    "text", ["a: !!python/object:os.system x", "a: !env HOME", "a: !!set {b}", "[[1]: 2]"]
)
def test_tags_and_strange_keys_are_refused(text: str) -> None:
    assert read_document(text, "x").problems


@pytest.mark.requirement("R-CONFIG")
def test_merge_keys_are_refused() -> None:
    document = read_document("a: &x {b: 1}\nc:\n  <<: *x\n", "x")
    assert document.problems == [Problem(("c",), "merge key <<: write the keys out")]


@pytest.mark.requirement("R-CONFIG")
def test_aliases_cannot_blow_up() -> None:
    lines = ["a0: &a0 [1,1,1,1,1,1,1,1,1]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    document = read_document("\n".join(lines), "x")
    assert {problem.text for problem in document.problems} == {"too large or too deep"}


@pytest.mark.requirement("R-CONFIG")
def test_a_value_inside_itself_ends() -> None:
    assert read_document("&a [*a]", "x").problems


@pytest.mark.requirement("R-CONFIG")
def test_a_syntax_fault_names_line_and_column() -> None:
    with pytest.raises(ConfigError, match=r"^x\.yaml:2:3: not readable as YAML: "):
        read_document("a: 1\n b: [\n", "x.yaml")


@pytest.mark.requirement("R-CONFIG")
def test_paths_are_written_for_people() -> None:
    assert join_path(("servers", 1, "headers", "X-Key")) == "servers[1].headers.X-Key"
    assert join_path(("labels", "a b")) == 'labels["a b"]'


@pytest.mark.requirement("R-CONFIG")
def test_files_that_cannot_be_read_are_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_text(str(tmp_path / "none.yaml"))
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"a: \xe9")
    with pytest.raises(ConfigError, match="byte 3 is not UTF-8"):
        read_text(str(latin))


@pytest.mark.requirement("R-CONFIG")
@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{a: " * 3_000, "- " * 5_000, "a: b\n" * 300_000],
    ids=["flow", "maps", "block", "long"],
)
def test_a_deep_or_endless_file_is_refused_and_ends_nothing(text: str) -> None:
    with pytest.raises(ConfigError, match="too large or too deep"):
        read_document(text, "c.yaml")
