"""Ids that leave the gateway and come back: nobody can make, change, swap or outlive one."""

import json
from pathlib import Path
from typing import Final

import pytest

from mcpgate.gate import Gate

pytestmark = pytest.mark.requirement("R-SEAL", "R-SESSION")

GOLDEN: Final = Path(__file__).resolve().parents[1] / "golden/snapshot.json"
KEY: Final = bytes(range(32))
OTHER_KEY: Final = bytes(range(1, 33))
SEED: Final = bytes(32)
NOW: Final = 1_000_000_000
DAY_NS: Final = 24 * 3600 * 1_000_000_000


def make_gate(key: bytes = KEY, previous: bytes | None = None, seed: bytes = SEED) -> Gate:
    gate = Gate(key, previous, seed, "node")
    document = json.loads(GOLDEN.read_bytes())
    document["page_entries"] = 1
    gate.swap(json.dumps(document).encode())
    return gate


def open_session(gate: Gate) -> str:
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "client", "version": "1"},
    }
    raw = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
    session = gate.inspect(raw.encode(), gate.new_caller("anonymous", False), None, NOW).session
    assert session
    return session


def find_cursor(gate: Gate, session: str) -> str:
    caller = gate.find_caller(session, "anonymous", NOW)
    assert caller is not None
    raw = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    cursor = json.loads(gate.inspect(raw, caller, None, NOW).body)["result"]["nextCursor"]
    assert isinstance(cursor, str)
    return cursor


def test_a_session_is_known_to_its_gateway_and_principal_only() -> None:
    gate = make_gate()
    session = open_session(gate)
    caller = gate.find_caller(session, "anonymous", NOW)
    assert caller is not None
    assert (caller.principal, caller.revision) == ("anonymous", "2025-11-25")
    assert gate.find_caller(session, "somebody", NOW) is None
    assert make_gate(OTHER_KEY).find_caller(session, "anonymous", NOW) is None


def test_a_session_says_nothing_and_is_never_the_same() -> None:
    gate = make_gate()
    sessions = {open_session(gate) for _ in range(100)}
    assert len(sessions) == 100
    assert all(len(each) <= 512 and each.isascii() and each.isprintable() for each in sessions)
    assert not [each for each in sessions if "anonymous" in each or "2025" in each]


def test_a_changed_session_is_unknown() -> None:
    gate = make_gate()
    session = open_session(gate)
    for place, char in enumerate(session):
        forged = session[:place] + ("A" if char != "A" else "B") + session[place + 1 :]
        assert gate.find_caller(forged, "anonymous", NOW) is None, place
    for forged in (session[:-1], session + "A", session.swapcase(), "", "A" * 600, session * 2):
        assert gate.find_caller(forged, "anonymous", NOW) is None


def test_a_session_survives_a_restart_and_one_change_of_the_key() -> None:
    session = open_session(make_gate())
    again = make_gate(seed=bytes([7]) * 32)
    assert again.find_caller(session, "anonymous", NOW) is not None
    assert make_gate(OTHER_KEY, previous=KEY).find_caller(session, "anonymous", NOW) is not None


def test_a_session_ends_when_its_time_is_over_and_when_its_client_says_so() -> None:
    gate = make_gate()
    session = open_session(gate)
    assert gate.find_caller(session, "anonymous", NOW + DAY_NS - 2_000_000_000) is not None
    assert gate.find_caller(session, "anonymous", NOW + DAY_NS + 2_000_000_000) is None
    other = open_session(gate)
    assert not gate.end_session(other, "somebody", NOW)
    assert gate.end_session(other, "anonymous", NOW)
    assert gate.find_caller(other, "anonymous", NOW) is None
    assert not gate.end_session(other, "anonymous", NOW)


def test_a_cursor_is_no_session_and_a_session_no_cursor() -> None:
    gate = make_gate()
    session = open_session(gate)
    cursor = find_cursor(gate, session)
    assert gate.find_caller(cursor, "anonymous", NOW) is None
    caller = gate.find_caller(session, "anonymous", NOW)
    assert caller is not None
    for wrong in (session, cursor[:-1], cursor + "A", "0", ""):
        params = {"cursor": wrong}
        raw = json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": params})
        assert gate.inspect(raw.encode(), caller, None, NOW).reason == "cursor", wrong


def test_a_cursor_leads_on_only_in_the_list_it_came_from() -> None:
    gate = make_gate()
    session = open_session(gate)
    caller = gate.find_caller(session, "anonymous", NOW)
    assert caller is not None
    params = {"cursor": find_cursor(gate, session)}
    for method, reason in (("tools/list", ""), ("prompts/list", "cursor")):
        raw = json.dumps({"jsonrpc": "2.0", "id": 2, "method": method, "params": params})
        assert gate.inspect(raw.encode(), caller, None, NOW).reason == reason
