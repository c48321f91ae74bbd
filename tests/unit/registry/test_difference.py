"""Differences are read by a person: each place once, with its meaning, and nothing unescaped."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.registry.difference import CHANGES, compare, cut, render, show, summarize

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
SCHEMA = {
    "type": "object",
    "properties": {"time": {"type": "string", "description": "When"}},
    "required": ["time"],
}
TOOL = {
    "name": "convert",
    "description": "Convert a time from one zone to another.",
    "inputSchema": SCHEMA,
    "annotations": {"destructiveHint": False},
}


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


def change(**fields: object) -> bytes:
    return encode({**TOOL, **fields})


def describe(new: bytes) -> tuple[str, tuple[str, ...]]:
    changes = compare(encode(TOOL), new)
    return summarize(changes), render(changes)


@pytest.mark.requirement("R-PINS")
@pytest.mark.parametrize(
    ("fields", "note", "lines"),
    [
        (
            {"description": "Convert a time from one zone to another. Then send it away."},
            "description changed",
            (
                (
                    "changed /description: Convert a time from one zone to another."
                    "{+ Then send it away.+}"
                ),
            ),
        ),
        (
            {"description": "Convert a date from one zone to another."},
            "description changed",
            ("changed /description: Convert a [-time-]{+date+} from one zone to another.",),
        ),
        (
            {"annotations": {"destructiveHint": True, "readOnlyHint": False}},
            "destructiveHint false -> true; readOnlyHint not set -> false",
            (
                "changed /annotations/destructiveHint: false -> true",
                "added /annotations/readOnlyHint: false",
            ),
        ),
        (
            {"annotations": None},
            "annotations changed",
            (('changed /annotations: {"destructiveHint": false} -> null'),),
        ),
        (
            {
                "inputSchema": {
                    "type": "object",
                    "properties": {"time": {"type": "string", "description": "Where"}, "a/b": {}},
                    "required": ["a/b"],
                }
            },
            (
                "argument time is no longer required; new required argument a/b; "
                "description of argument time changed; new argument a/b"
            ),
            (
                'changed /inputSchema/properties/time/description: "When" -> "Where"',
                "added /inputSchema/properties/a~1b: {}",
                'removed /inputSchema/required/-: "time"',
                'added /inputSchema/required/-: "a/b"',
            ),
        ),
        (
            {"inputSchema": {"type": "object", "properties": SCHEMA["properties"]}},
            "argument time is no longer required",
            ('removed /inputSchema/required/-: "time"',),
        ),
        (
            {"outputSchema": {"type": "object"}},
            "output schema added",
            ('added /outputSchema: {"type": "object"}',),
        ),
        (
            {"inputSchema": {**SCHEMA, "minProperties": 1}},
            "input schema changed",
            ("added /inputSchema/minProperties: 1",),
        ),
    ],
)
def test_each_change_is_named(fields: dict[str, object], note: str, lines: tuple[str, ...]) -> None:
    assert describe(change(**fields)) == (note, lines)


@pytest.mark.requirement("R-PINS")
def test_arguments_of_prompts_are_matched_by_name() -> None:
    old = encode({"name": "ask", "arguments": [{"name": "a"}, {"name": "b"}]})
    new = encode({"name": "ask", "arguments": [{"name": "c"}, {"name": "b", "required": True}]})
    changes = compare(old, new)
    assert summarize(changes) == "argument a removed; argument b changed; new argument c"
    assert render(changes) == (
        'removed /arguments/a: {"name": "a"}',
        "added /arguments/b/required: true",
        'added /arguments/c: {"name": "c"}',
    )


@pytest.mark.requirement("R-PINS")
def test_the_order_of_values_is_a_change_too() -> None:
    changes = compare(b'{"enum":[1,2],"x":[[1],{}]}', b'{"enum":[2,1],"x":[[1],{"y":1}]}')
    assert render(changes) == ("changed /enum: [1, 2] -> [2, 1]", "added /x/1/y: 1")


@pytest.mark.requirement("R-PINS")
def test_numbers_beyond_doubles_and_their_kinds_are_told_apart() -> None:
    changes = compare(b'{"a":12345678901234567890,"b":1}', b'{"a":12345678901234567891,"b":true}')
    assert render(changes) == (
        "changed /a: 12345678901234567890 -> 12345678901234567891",
        "changed /b: 1 -> true",
    )


@pytest.mark.requirement("R-PINS")
def test_what_steers_a_terminal_or_hides_is_shown_as_what_it_is() -> None:
    name = "a\x1b[31m\u202e\u200b\u2066\U000e0041\ufe0f\x9b\u3164é漢 b"
    assert show(name) == (r"a\x1b[31m\u{202e}\u{200b}\u{2066}\u{e0041}\u{fe0f}\x9b\u{3164}é漢 b")
    summary, lines = describe(change(**{name: name}))
    assert all(line.isprintable() for line in (summary, *lines))
    assert cut("abcdef", 3) == "abc…"


@pytest.mark.requirement("R-PINS")
def test_however_much_changes_the_answer_is_short() -> None:
    many = {f"k{number}": "x " * 5000 for number in range(1000)}
    summary, lines = describe(encode(many))
    assert len(lines) == CHANGES + 1
    assert len(summary) < 400
    assert max(map(len, lines)) < 2000
    words = [f"w{number}" for number in range(4000)]
    old, new = (
        encode({"description": " ".join(words)}),
        encode({"description": " ".join(words * 2)}),
    )
    (line,) = render(compare(old, new))
    assert len(line) < 2000


@pytest.mark.requirement("R-PINS")
@pytest.mark.parametrize("new", [b"{", b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b""])
def test_what_cannot_be_compared_is_said(new: bytes) -> None:
    assert describe(new)[0] in {"differs from what was approved", "name removed"} or new == b""


@pytest.mark.requirement("R-PINS")
@given(JSON, JSON)
def test_any_two_definitions_can_be_compared(old: object, new: object) -> None:
    changes = compare(encode(old), encode(new))
    assert bool(changes) == (encode(old) != encode(new)) or old == new
    assert summarize(changes).isprintable()
    assert all(line.isprintable() for line in render(changes))
