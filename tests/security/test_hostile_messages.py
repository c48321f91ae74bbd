"""Messages that two readers could understand differently; each is a named attack."""

import json
from pathlib import Path
from typing import Final

import pytest

from mcpgate import gate as judge
from mcpgate.gate import Caller, Gate

pytestmark = pytest.mark.requirement("R-STRICT")

GOLDEN: Final = Path(__file__).resolve().parents[1] / "golden/snapshot.json"
NOW: Final = 1_000_000_000
CALL: Final = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%s}'


def with_arguments(arguments: bytes) -> bytes:
    return CALL % (b'{"name":"every__echo","arguments":%s}' % arguments)


ATTACKS: Final = {
    "nothing": b"",
    "blank": b"  \n",
    "byte order mark": b"\xef\xbb\xbf" + with_arguments(b"{}"),
    "two values": with_arguments(b"{}") * 2,
    "trailing bytes": with_arguments(b"{}") + b"x",
    "trailing zero byte": with_arguments(b"{}") + b"\0",
    "cut short": with_arguments(b"{}")[:-1],
    "second method": b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}',
    "second name": CALL % b'{"name":"time__convert","name":"every__echo"}',
    "second argument": with_arguments(b'{"path":"a","path":"b"}'),
    "second argument, escaped": with_arguments(rb'{"path":"a","p\u0061th":"b"}'),
    "second key deep inside": with_arguments(b'{"a":[{"b":{"c":1,"c":2}}]}'),
    "escaped envelope key": rb'{"jsonrpc":"2.0","id":1,"m\u0065thod":"ping"}',
    "lone surrogate": with_arguments(rb'{"a":"\ud800"}'),
    "surrogates in the wrong order": with_arguments(rb'{"a":"\udc00\ud800"}'),
    "bad UTF-8": with_arguments(b'{"a":"\xc3\x28"}'),
    "overlong UTF-8": with_arguments(b'{"a":"\xc0\xaf"}'),
    "UTF-8 surrogate": with_arguments(b'{"a":"\xed\xa0\x80"}'),
    "raw control character": with_arguments(b'{"a":"\x01"}'),
    "unknown escape": with_arguments(rb'{"a":"\x41"}'),
    "number too long": with_arguments(b'{"a":%s}' % (b"9" * 65)),
    "number beyond a double": with_arguments(b'{"a":1e999}'),
    "leading zero": with_arguments(b'{"a":01}'),
    "not a number": with_arguments(b'{"a":NaN}'),
    "comment": with_arguments(b'{"a":1/* */}'),
    "single quotes": with_arguments(b"{'a':1}"),
    "trailing comma": with_arguments(b'{"a":1,}'),
    "too deep": with_arguments(b'{"a":' + b"[" * 65 + b"]" * 65 + b"}"),
    "endless depth": b"[" * 200_000,
    "UTF-16": with_arguments(b"{}").decode().encode("utf-16"),
}


@pytest.fixture
def gate() -> Gate:
    made = Gate(bytes(32), None, bytes(32), "node")
    made.swap(GOLDEN.read_bytes())
    return made


@pytest.fixture
def caller(gate: Gate) -> Caller:
    handshake = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "client", "version": "1"},
    }
    raw = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": handshake})
    session = gate.inspect(raw.encode(), gate.new_caller("anonymous", False), None, NOW).session
    found = gate.find_caller(session, "anonymous", NOW)
    assert found is not None
    return found


def test_the_message_under_the_attacks_passes(gate: Gate, caller: Caller) -> None:
    verdict = gate.inspect(with_arguments(b'{"a":9007199254740993}'), caller, None, NOW)
    assert verdict.outcome == judge.FORWARD
    assert b'"arguments":{"a":9007199254740993}' in verdict.body


@pytest.mark.parametrize("attack", ATTACKS)
def test_is_refused_as_unreadable(gate: Gate, caller: Caller, attack: str) -> None:
    verdict = gate.inspect(ATTACKS[attack], caller, None, NOW)
    assert verdict.outcome == judge.REFUSE
    assert verdict.reason in ("parse", "invalid_request")
    error = json.loads(verdict.body)["error"]
    assert error["code"] in (-32700, -32600)
    assert error["data"]["reason"] == verdict.reason
    assert error["data"]["eventId"] == verdict.event


@pytest.mark.requirement("R-EVENT")
@pytest.mark.parametrize("attack", ATTACKS)
def test_leaves_an_event_that_repeats_nothing_of_it(
    gate: Gate, caller: Caller, attack: str
) -> None:
    gate.drain()
    event = gate.inspect(ATTACKS[attack], caller, None, NOW).event
    (line,) = gate.drain().splitlines()
    record = json.loads(line)
    assert record["event"] == event
    assert b"every__echo" not in line
    assert b"path" not in line


def test_a_batch_is_refused_by_name(gate: Gate, caller: Caller) -> None:
    verdict = gate.inspect(b"[%s]" % with_arguments(b"{}"), caller, None, NOW)
    assert verdict.reason == "batch"


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_server_cannot_send_it_either(gate: Gate, caller: Caller, attack: str) -> None:
    verdict = gate.inspect(with_arguments(b"{}"), caller, None, NOW)
    assert verdict.ticket is not None
    reviewed = gate.review(ATTACKS[attack], verdict.ticket, NOW)
    assert reviewed.outcome == judge.REFUSE
    assert json.loads(reviewed.body)["error"]["data"]["reason"] == "unreadable"
    assert gate.close(verdict.ticket, judge.FAILED, NOW)
