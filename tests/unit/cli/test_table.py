"""Tables are plain, aligned and safe to look at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.cli.table import cut, first_line, measure, render_table

CELL = st.text(max_size=12)


@pytest.mark.requirement("R-CLI")
def test_columns_are_aligned_and_the_last_one_is_cut() -> None:
    rows = [("tool", "time__now", "What time it is"), ("prompt", "a", "")]
    assert render_table(("kind", "name", "about"), rows, 31).splitlines() == [
        "kind    name       about",
        "tool    time__now  What time i…",
        "prompt  a",
    ]


@pytest.mark.requirement("R-CLI")
def test_wide_letters_are_counted_as_they_are_shown() -> None:
    assert measure("日本") == 4
    assert measure("e\u0301") == 1
    assert render_table(("a", "b"), [("日", "x"), ("ab", "y")], 0) == "a   b\n日  x\nab  y"


@pytest.mark.requirement("R-CLI")
@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=5), st.integers(0, 60))
def test_a_server_cannot_write_to_the_terminal(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    shown = render_table(("a", "b", "c"), rows, width)
    assert len(shown.split("\n")) == len(rows) + 1
    assert not [letter for letter in shown if ord(letter) < 32 and letter != "\n"]
    assert not [letter for letter in shown if 127 <= ord(letter) < 160]


@pytest.mark.requirement("R-CLI")
@given(st.text(max_size=20), st.integers(1, 20))
def test_a_cut_text_fits(text: str, room: int) -> None:
    assert measure(cut(text, room)) <= room
    assert cut(text, 0) == text


@pytest.mark.requirement("R-CLI")
def test_a_description_is_its_first_line() -> None:
    assert first_line("\n\n  One.\nTwo.") == "One."
    assert first_line(None) == ""
