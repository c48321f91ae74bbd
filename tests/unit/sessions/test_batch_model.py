"""Batches of anything, answered in any order: each request is answered exactly once."""

import asyncio
import json
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.gate import BATCH_MESSAGES
from mcpgate.sessions.batch import Batch
from tests.support.exchanges import KeptSink, encode, encode_call, open_session
from tests.support.path import Path

KINDS = ("call", "ping", "list", "unknown", "method", "notification", "answer", "handshake", "bad")
OK: dict[str, object] = {"content": []}
HELLO: dict[str, object] = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {}}


@dataclass
class Ids:
    """What a batch must have answered: ids of requests, and how many without one."""

    requests: list[object]
    others: int = 0


def write(kind: str, request_id: object) -> bytes:
    params: dict[str, object] = {"requestId": "none of ours"}
    return {
        "call": encode_call("every__echo", request_id, progressToken=request_id),
        "ping": encode("ping", {}, request_id),
        "list": encode("tools/list", {}, request_id),
        "unknown": encode_call("nobody__knows", request_id),
        "method": encode("no/method", {}, request_id),
        "notification": json.dumps(
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
        ).encode(),
        "answer": b'{"jsonrpc":"2.0","id":"of nothing","result":{}}',
        "handshake": encode("initialize", HELLO, request_id),
        "bad": b"[1]",
    }[kind]


def expect(kinds: list[str]) -> Ids:
    silent = {"notification", "answer", "bad"}
    requests: list[object] = [n for n, kind in enumerate(kinds) if kind not in silent]
    return Ids(requests, sum(kind in {"answer", "bad"} for kind in kinds))


def read(sink: KeptSink) -> list[dict[str, object]]:
    """Return all that a client got, whichever way it came."""
    found = [json.loads(message) for message in sink.messages]
    for _, body, _ in sink.sent:
        found += json.loads(body) if body else []
    return found


@pytest.mark.requirement("R-BATCH")
@settings(max_examples=200, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=BATCH_MESSAGES),
    ends=st.lists(st.sampled_from(("answer", "fail", "cancel", "progress")), max_size=150),
    picks=st.randoms(use_true_random=False),
)
def test_each_request_is_answered_exactly_once(
    kinds: list[str], ends: list[str], picks: Random
) -> None:
    asyncio.run(check(kinds, ends, picks))


async def check(kinds: list[str], ends: list[str], picks: Random) -> None:
    path = Path()
    path.caller = open_session(path.gate, path.clock, "2025-03-26")
    path.record()
    path.events.clear()
    sink, cancelled = KeptSink(), set[object]()
    raw = b"[%b]" % b",".join(write(kind, n) for n, kind in enumerate(kinds))
    begun = path.exchange.begin(raw, path.caller, None, sink)
    called = [n for n, kind in enumerate(kinds) if kind == "call"]
    open_calls = dict(zip(called, path.link.calls, strict=True))
    assert sum(event["kind"] == "verdict" for event in path.events) >= len(kinds)
    for end in [*ends, *["answer"] * len(called)]:
        if not open_calls:
            break
        request_id = picks.choice(sorted(open_calls))
        if end == "progress":
            open_calls[request_id].progress(1)
            continue
        call = open_calls.pop(request_id)
        if end == "answer":
            call.answer(OK)
        elif end == "fail":
            call.fail("lost")
        else:
            path.exchange.open.cancel(path.caller.session, b"%d" % request_id)
            cancelled.add(request_id)
    assert begun is None or (isinstance(begun, Batch) and begun.over)
    expected = expect(kinds)
    replies = [reply for reply in read(sink) if "method" not in reply]
    answered = [reply["id"] for reply in replies if reply["id"] is not None]
    assert sorted(map(str, answered)) == sorted(map(str, set(expected.requests) - cancelled))
    assert len(replies) - len(answered) == expected.others
    assert len(sink.sent) + sink.ended == 1
    assert len(path.exchange.open) == 0
