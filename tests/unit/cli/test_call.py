"""Arguments are what was typed, and answers end with the right code."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.cli.call import RpcError, RpcReply, explain_error, read_pairs, show_result
from mcpgate.cli.codes import Code, CommandFault
from mcpgate.cli.control import Client

WORD = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


REFUSED = (
    b'{"error":{"code":-32602,"message":"Unknown tool. x",'
    b'"data":{"reason":"unknown_tool","eventId":"e1"}}}'
)


@pytest.mark.requirement("R-CLI")
def test_values_are_json_where_they_read_as_json() -> None:
    pairs = ("a=5", "b=x", "c=true", "d=[1,2]", 'e="5"', "f=", "g=1=2", "h=NaN", "i=007", "j= 1 ")
    assert json.loads(read_pairs(pairs)) == {
        "a": 5,
        "b": "x",
        "c": True,
        "d": [1, 2],
        "e": "5",
        "f": "",
        "g": "1=2",
        "h": "NaN",
        "i": "007",
        "j": 1,
    }


@pytest.mark.requirement("R-CLI")
def test_numbers_keep_every_digit() -> None:
    assert read_pairs(("a=1.10", "b=123456789012345678901")) == (
        b'{"a":1.10,"b":123456789012345678901}'
    )


@pytest.mark.requirement("R-CLI")
@given(WORD.filter(lambda word: word and "=" not in word), WORD)
def test_any_pair_makes_a_json_object(key: str, value: str) -> None:
    (built,) = msgspec.json.decode(read_pairs((f"{key}={value}",)), type=dict[str, msgspec.Raw])
    assert built == key


@pytest.mark.requirement("R-CLI")
@pytest.mark.parametrize("pairs", [("a",), ("=1",), ("a=1", "a=2")])
def test_what_is_no_pair_is_refused(pairs: tuple[str, ...]) -> None:
    with pytest.raises(CommandFault) as caught:
        read_pairs(pairs)
    assert caught.value.code == Code.USAGE


@pytest.mark.requirement("R-CLI")
@pytest.mark.parametrize(
    ("reply", "code", "text"),
    [
        (
            REFUSED,
            Code.REFUSED,
            "Unknown tool. x (unknown_tool); see `mcpgate explain --state s e1`",
        ),
        (
            b'{"error":{"code":-31005,"message":"down","data":{"reason":"unavailable"}}}',
            Code.UNREACHABLE,
            "down (unavailable)",
        ),
        (
            b'{"error":{"code":-1,"message":"own\\u001b fault","data":[1]}}',
            Code.TOOL,
            r"the server answered: own\x1b fault (-1)",
        ),
    ],
)
def test_errors_end_with_the_code_of_their_side(reply: bytes, code: Code, text: str) -> None:
    error = msgspec.json.decode(reply, type=RpcReply).error
    assert isinstance(error, RpcError)
    client = Client("/nowhere", explain="mcpgate explain --state s")
    fault = explain_error(error, "x", client)
    assert (fault.code, str(fault)) == (code, text)


@pytest.mark.requirement("R-CLI")
def test_results_are_shown_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    content = [
        {"type": "text", "text": "a\tb\n\x1b[31mred"},
        {"type": "image", "mimeType": "image/png", "data": "AAAA"},
        {"type": "resource_link", "uri": "x://y"},
    ]
    assert not show_result(msgspec.json.encode({"content": content}), as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "a\tb",
        r"\x1b[31mred",
        '[image] mimeType="image/png" 4 characters of data',
        '[resource_link] uri="x://y"',
    ]


@pytest.mark.requirement("R-CLI")
def test_a_failed_tool_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    raw = b'{"content":[{"type":"text","text":"no"}],"isError":true}'
    assert show_result(raw, as_json=False)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "no\n")
    assert show_result(raw, as_json=True)
    assert capsys.readouterr().out == raw.decode() + "\n"
