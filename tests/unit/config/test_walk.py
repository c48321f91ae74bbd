"""The walker and msgspec agree on what a configuration is, and settings are few."""

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.config.document import Problem, Value
from mcpgate.config.model import Config
from mcpgate.config.walk import count_settings, fit

SETTINGS = 100
SCALAR = st.none() | st.booleans() | st.integers(-5, 5000) | st.floats(0, 9) | st.text(max_size=3)
WORDS = ("a", "http", "stdio", "https://x/mcp", "/mcp", "127.0.0.1:1", "auto", "always", "info")


def no_rules(_: msgspec.Struct) -> Iterator[Problem]:
    return iter(())


def values(kind: type[msgspec.Struct]) -> st.SearchStrategy[dict[str, Value]]:
    """Build values that often fit a Struct and often do not."""
    names = st.sampled_from([*kind.__struct_fields__, "other"])
    return st.dictionaries(names, leaf(), max_size=5)


def leaf() -> st.SearchStrategy[Value]:
    word: st.SearchStrategy[Value] = SCALAR | st.sampled_from(WORDS)
    pairs: st.SearchStrategy[Value] = st.dictionaries(st.sampled_from(WORDS), word, max_size=2)
    return word | st.lists(word, max_size=2) | pairs


SERVERS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(WORDS), "transport": st.sampled_from(WORDS)},
        optional={"command": leaf(), "env": leaf(), "deadline_s": leaf(), "cwd": leaf()},
    ),
    max_size=2,
)
CONFIGS = values(Config) | st.fixed_dictionaries(
    {}, optional={"servers": SERVERS, "workers": leaf(), "limits": leaf(), "prefix": leaf()}
)


@pytest.mark.requirement("R-CONFIG")
@given(CONFIGS)
def test_the_walker_allows_what_msgspec_allows(value: dict[str, Value]) -> None:
    made, problems = fit(value, Config, no_rules)
    try:
        expected: Config | None = msgspec.convert(value, Config)
    except msgspec.ValidationError:
        expected = None
    assert (made is None) == bool(problems)
    assert made == expected


@pytest.mark.requirement("R-CONFIG")
def test_settings_stay_few() -> None:
    assert 30 <= count_settings(Config) <= SETTINGS


@pytest.mark.requirement("R-SECRET")
def test_a_wrong_value_that_may_be_a_secret_is_not_shown() -> None:
    server: Value = {"name": "a", "transport": "http", "headers": {"Authorization": 98765}}
    _, problems = fit({"servers": [server]}, Config, no_rules)
    assert [problem.text for problem in problems] == ["not a text; write it in quotes"]


@pytest.mark.requirement("R-CONFIG")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"limits": {"message_bytes": 1}}, "1 is too small; at least 1024"),
        ({"limits": {"body_s": 0}}, "0 is too small; more than 0"),
        ({"limits": {"session_h": 1e9}}, "1000000000.0 is too large; at most 8760"),
        ({"limits": []}, "a list where keys are expected: message_bytes, reply_bytes, body_s, "),
        ({"listeners": []}, "needs at least 1 item"),
        ({"instructions": 5}, '5 where a text is expected; write "5" in quotes'),
        ({"state_dir": ""}, "empty; give a text"),
        ({"servers": [{"name": "a", "transport": "http", "enabled": "on"}]}, "true or false"),
        (
            {"servers": [{"name": "a"}]},
            "transport is missing; allowed: http, sse, stdio, websocket",
        ),
    ],
)
def test_sentences_say_what_is_allowed(value: dict[str, Value], text: str) -> None:
    _, problems = fit(value, Config, no_rules)
    assert len(problems) == 1
    assert text in problems[0].text
