"""Small answers: calls by hand, problems, counts."""

import json

import msgspec
import pytest

from mcpgate.admin.answers import add_faults, build_call, count_entries, list_problems
from mcpgate.errors import GatewayFault
from mcpgate.model import Mark, ServerStatus
from mcpgate.publisher import PublisherStatus


def make_status(name: str, detail: str = "") -> ServerStatus:
    return ServerStatus(
        name=name,
        transport="stdio",
        state="up",
        revision="2025-11-25",
        reason="",
        since_ns=0,
        tools=1,
        prompts=0,
        resources=0,
        templates=0,
        detail=detail,
    )


@pytest.mark.requirement("R-CONTROL")
def test_a_call_keeps_its_arguments_byte_for_byte() -> None:
    raw = build_call(b'{"do":"call","name":"t","arguments":{"a": 1.10}}')
    assert b'"arguments":{"a": 1.10}' in raw
    assert json.loads(raw)["params"]["name"] == "t"
    with pytest.raises(GatewayFault, match="call takes name and arguments"):
        build_call(b'{"do":"call"}')


@pytest.mark.requirement("R-READING")
def test_unreadable_replies_show_in_the_servers_detail() -> None:
    servers = [make_status("a", "slow"), make_status("b"), make_status("c")]
    found = add_faults(servers, b'{"a":1,"b":3,"gone":9}')
    assert [each.detail for each in found] == [
        "slow; 1 unreadable reply",
        "3 unreadable replies",
        "",
    ]


@pytest.mark.requirement("R-PINS")
def test_entries_are_counted_once_whatever_was_found_on_them() -> None:
    def mark(name: str, *, quarantined: bool, kind: str = "tool") -> Mark:
        return Mark(server="a", kind=kind, name=name, rule="r", quarantined=quarantined, text="")

    marks = [
        mark("x", quarantined=True),
        mark("x", quarantined=False),
        mark("y", quarantined=False),
        mark("", quarantined=True, kind="instructions"),
    ]
    assert count_entries(marks) == (1, 1)


@pytest.mark.requirement("R-CONTROL")
def test_all_problems_are_listed() -> None:
    status = PublisherStatus(
        left_out=("one",), unlisted=("two",), last_error=("three",), restart_for=("log",)
    )
    assert list_problems(status) == ("one", "two", "three", "log: changed; restart to apply")
    assert msgspec.json.encode(status)
