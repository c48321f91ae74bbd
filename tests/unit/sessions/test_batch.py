"""A batch: each message carried by itself, and one reply to all of them."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from mcpgate.gate import BATCH_MESSAGES, cut_batch, is_array
from mcpgate.model import Call, Forward
from mcpgate.sessions import batch as batches
from mcpgate.sessions.batch import Batch
from tests.support.exchanges import KeptSink, ScriptedLink, encode, encode_call, open_session
from tests.support.path import Path

pytestmark = pytest.mark.requirement("R-BATCH")

OK: dict[str, object] = {"content": []}
INITIALIZED = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
HELLO: dict[str, object] = {
    "protocolVersion": "2025-03-26",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


def pack(*messages: bytes) -> bytes:
    return b"[%b]" % b",".join(messages)


def ping(request_id: object) -> bytes:
    return encode("ping", {}, request_id)


def cancel(request_id: object) -> bytes:
    params = {"requestId": request_id}
    message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
    return json.dumps(message).encode()


def ids(messages: list[bytes]) -> list[object]:
    return [json.loads(message).get("id") for message in messages]


def read(sink: KeptSink) -> list[dict[str, object]]:
    """Return the replies of a batch that were sent as one array."""
    (sent,) = sink.sent
    found: list[dict[str, object]] = json.loads(sent[1])
    assert (sent[0], sent[2], sink.messages, sink.ended) == (200, "", [], 0)
    return found


def reasons(path: Path) -> list[object]:
    return [event["reason"] for event in path.events if event["outcome"] == "refuse"]


@pytest.fixture
async def path() -> AsyncIterator[Path]:
    made = Path()
    made.caller = open_session(made.gate, made.clock, "2025-03-26")
    made.record()
    made.events.clear()
    yield made
    await asyncio.gather(*made.tasks, return_exceptions=True)
    assert len(made.exchange.open) == 0
    assert all(call.closed == 1 for call in made.link.calls)


def begin(path: Path, raw: bytes, sink: KeptSink) -> Batch | None:
    begun = path.exchange.begin(raw, path.caller, None, sink)
    assert begun is None or isinstance(begun, Batch)
    return begun


async def test_replies_come_in_the_order_of_their_requests(path: Path) -> None:
    sink = KeptSink()
    first, second = encode_call("every__echo", "a"), encode_call("every__echo", "b")
    batch = begin(path, b" \r\n[ %b , %b,\t%b,%b ]\n" % (first, INITIALIZED, second, ping(7)), sink)
    assert batch is not None
    path.link.calls[1].answer(OK)
    assert (sink.sent, batch.over) == ([], False)
    path.link.calls[0].answer(OK)
    assert batch.over
    assert [reply["id"] for reply in read(sink)] == ["a", "b", 7]
    verdicts = [event for event in path.events if event["kind"] == "verdict"]
    assert (len(verdicts), path.endings()) == (4, ["done", "done"])


async def test_what_is_answered_at_once_leaves_nothing_open(path: Path) -> None:
    sink = KeptSink()
    assert begin(path, pack(ping(1), ping("1")), sink) is None
    assert [reply["id"] for reply in read(sink)] == [1, "1"]


@pytest.mark.parametrize("count", [1, BATCH_MESSAGES])
async def test_notifications_and_responses_get_no_body(path: Path, count: int) -> None:
    sink = KeptSink()
    assert begin(path, pack(*[INITIALIZED] * count), sink) is None
    assert sink.sent == [(202, b"", "")]
    assert len(path.events) == count


async def test_unknown_answer_is_refused_with_its_status(path: Path) -> None:
    sink, alone = KeptSink(), KeptSink()
    answer = b'{"jsonrpc":"2.0","id":5,"result":{}}'
    begin(path, pack(answer), sink)
    path.exchange.begin(answer, path.caller, None, alone)
    assert sink.sent[0][0] == alone.sent[0][0] == 400
    (refused,) = json.loads(sink.sent[0][1])
    assert (refused["id"], refused["error"]["data"]["reason"]) == (None, "answer_unknown")


@pytest.mark.parametrize(
    ("raw", "reason", "text"),
    [
        (b"[]", "batch", "1 to 50"),
        (b" [\n]", "batch", "1 to 50"),
        (pack(*[ping(1)] * (BATCH_MESSAGES + 1)), "batch", "1 to 50"),
        (b"[", "parse", "JSON"),
        (b'[{"a":1},]', "parse", "JSON"),
        (pack(ping(1)) + b"x", "parse", "JSON"),
    ],
)
async def test_what_is_no_batch_is_refused_as_a_whole(
    path: Path, raw: bytes, reason: str, text: str
) -> None:
    sink = KeptSink()
    assert begin(path, raw, sink) is None
    ((status, body, _),) = sink.sent
    error = json.loads(body)["error"]
    assert (status, error["data"]["reason"]) == (400, reason)
    assert text in error["message"]
    assert reasons(path) == [reason]


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-06-18", "2025-11-25"])
async def test_other_revisions_have_no_batches(path: Path, revision: str) -> None:
    path.caller = open_session(path.gate, path.clock, revision)
    sink = KeptSink()
    assert begin(path, pack(ping(1)), sink) is None
    assert sink.sent[0][0] == 400
    assert reasons(path) == ["batch"]


@pytest.mark.parametrize(
    ("message", "reason", "request_id"),
    [
        (encode("initialize", HELLO, "h"), "batch", "h"),
        (
            encode("initialize", HELLO, 3).replace(b'"initialize"', b'"initi\\u0061lize"'),
            "batch",
            3,
        ),
        (encode("initialize", HELLO, None), "batch", None),
        (pack(ping(1)), "batch", None),
        (b"[]", "batch", None),
        (b"1", "invalid_request", None),
        (b'{"jsonrpc":"2.0","id":2}', "invalid_request", 2),
        (b'{"jsonrpc":"2.0","id":2,"method":7}', "invalid_request", 2),
        (encode("nope", {}, 4), "method_unknown", 4),
        (encode_call("nope", 5), "unknown_tool", 5),
    ],
)
async def test_one_refused_message_harms_no_other(
    path: Path, message: bytes, reason: str, request_id: object
) -> None:
    sink = KeptSink()
    begin(path, pack(message, ping(9)), sink)
    refused, answered = read(sink)
    error = refused["error"]
    assert isinstance(error, dict)
    assert (refused["id"], error["data"]["reason"]) == (request_id, reason)
    assert (answered["id"], "result" in answered) == (9, True)
    assert reasons(path) == [reason]


async def test_refused_alone_has_its_own_status(path: Path) -> None:
    sink = KeptSink()
    begin(path, pack(encode("initialize", HELLO)), sink)
    ((status, body, session),) = sink.sent
    assert (status, len(json.loads(body)), session) == (400, 1, "")


async def test_anything_else_to_say_makes_it_a_stream(path: Path) -> None:
    sink = KeptSink()
    calls = [encode_call("every__echo", name, progressToken=name) for name in "ab"]
    begin(path, pack(ping(1), *calls), sink)
    path.link.calls[1].progress(1)
    assert ids(sink.messages) == [1, None]
    path.link.calls[1].answer(OK)
    path.link.calls[0].progress(1)
    assert (sink.sent, sink.ended) == ([], 0)
    path.link.calls[0].answer(OK)
    assert (sink.sent, sink.ended) == ([], 1)
    assert ids(sink.messages) == [1, None, "b", None, "a"]


async def test_servers_request_reaches_the_client_and_its_answer_the_server(path: Path) -> None:
    path.caller = open_session(path.gate, path.clock, "2025-03-26", {"sampling": {}})
    sink, other = KeptSink(), KeptSink()
    begin(path, pack(encode_call("every__echo", "a"), encode_call("every__echo", "b")), sink)
    params = {"messages": [], "maxTokens": 1}
    path.link.calls[0].put(encode("sampling/createMessage", params, "s"))
    (asked,) = ids(sink.messages)
    answer = json.dumps({"jsonrpc": "2.0", "id": asked, "result": {"role": "assistant"}})
    begin(path, pack(answer.encode(), INITIALIZED), other)
    assert other.sent == [(202, b"", "")]
    assert ids(path.link.told) == ["s"]
    for call in path.link.calls:
        call.answer(OK)
    assert ids(sink.messages) == [asked, "a", "b"]
    assert sink.ended == 1


async def test_replies_that_are_too_much_to_keep_leave_as_they_come(
    path: Path,
) -> None:
    sink = KeptSink()
    half = {"content": [{"type": "text", "text": "x" * (batches.KEPT_BYTES // 2)}]}
    begin(path, pack(*(encode_call("every__echo", n) for n in range(3))), sink)
    path.link.calls[2].answer(half)
    assert sink.messages == []
    path.link.calls[0].answer(half)
    assert ids(sink.messages) == [0, 2]
    path.link.calls[1].answer(OK)
    assert (ids(sink.messages), sink.ended) == ([0, 2, 1], 1)


@pytest.mark.requirement("R-CANCEL")
@pytest.mark.parametrize("within", [False, True])
async def test_one_request_is_cancelled_and_the_others_go_on(path: Path, within: bool) -> None:
    sink = KeptSink()
    calls = [encode_call("every__echo", "a"), encode_call("every__echo", "b")]
    begin(path, pack(*calls, *([cancel("a")] if within else [])), sink)
    if not within:
        begin(path, cancel("a"), KeptSink())
    assert path.endings() == ["cancelled"]
    assert len(path.link.calls[0].cancelled) == 1
    path.link.calls[1].answer(OK)
    assert [reply["id"] for reply in read(sink)] == ["b"]


@pytest.mark.requirement("R-CANCEL")
async def test_cancelled_wholly_it_ends_without_a_reply(path: Path) -> None:
    sink = KeptSink()
    begin(path, pack(encode_call("every__echo", "a"), INITIALIZED), sink)
    begin(path, pack(cancel("a")), KeptSink())
    assert (sink.sent, sink.messages, sink.ended) == ([], [], 1)


@pytest.mark.requirement("R-CANCEL")
async def test_who_waits_and_is_cancelled_takes_every_message_back(path: Path) -> None:
    sink = KeptSink()
    raw = pack(*(encode_call("every__echo", n) for n in range(3)))
    await path.begin(raw, sink)
    path.tasks[0].cancel()
    await asyncio.gather(*path.tasks, return_exceptions=True)
    assert path.endings() == ["abandoned"] * 3
    assert (sink.sent, sink.ended) == ([], 1)


async def test_who_leaves_cancels_nothing_and_is_watched_once(path: Path) -> None:
    sink, over = KeptSink(), asyncio.Event()
    batch = begin(path, pack(encode_call("every__echo", 1), encode_call("every__echo", 2)), sink)
    assert batch is not None
    batch.then(over.set)
    for call in path.link.calls:
        assert call.slow is not None
        call.slow()
    assert sink.gone is not None
    sink.gone()
    assert (over.is_set(), path.endings()) == (True, [])
    for call in path.link.calls:
        call.answer(OK)
    assert (len(read(sink)), sink.gone) == (2, None)


async def test_awaited_it_ends_with_its_last_reply(path: Path) -> None:
    sink = KeptSink()
    call = await path.begin(pack(ping(1), encode_call("every__echo", 2)), sink)
    assert not path.tasks[0].done()
    call.answer(OK)
    await asyncio.gather(*path.tasks)
    assert len(read(sink)) == 2


async def test_drained_each_request_gets_a_reply(path: Path) -> None:
    sink = KeptSink()
    begin(path, pack(encode_call("every__echo", 1), encode_call("every__echo", 2)), sink)
    path.exchange.open.stop_all()
    ((status, body, _),) = sink.sent
    assert (status, body.count(b'"reason":"draining"')) == (503, 2)


async def test_client_that_takes_no_more_ends_what_it_does_not_take(path: Path) -> None:
    sink = KeptSink(room=0)
    call = encode_call("every__echo", 1, progressToken=1)
    begin(path, pack(call, encode_call("every__echo", 2)), sink)
    path.link.calls[0].progress(1)
    assert path.endings() == ["abandoned"]
    path.link.calls[1].answer(OK)
    assert sink.ended == 1


async def test_fault_while_it_begins_ends_all_of_it(path: Path) -> None:
    class Broken(ScriptedLink):
        def call(self, forward: Forward, upstream_id: int, deadline_ns: int) -> Call:
            if self.calls:
                raise RuntimeError("scripted")
            return super().call(forward, upstream_id, deadline_ns)

    path.links.links["every"] = Broken()
    sink = KeptSink()
    messages = [encode_call("every__echo", 1), encode_call("every__echo", 2), ping(3)]
    with pytest.raises(RuntimeError, match="scripted"):
        begin(path, pack(*messages), sink)
    assert (sink.sent, sink.messages, sink.ended) == ([], [], 0)
    assert path.endings() == ["abandoned", "abandoned"]


@pytest.mark.parametrize(
    ("raw", "array", "messages"),
    [
        (b'[{"a":1} ,2]', True, [b'{"a":1}', b"2"]),
        (b"\t[1]", True, [b"1"]),
        (b"[" + b"1," * 49 + b"1]", True, [b"1"] * 50),
        (b"[" + b"1," * 50 + b"1]", True, None),
        (b"[1", True, None),
        (b"[]", True, None),
        (b"{}", False, None),
        (b"", False, None),
        (b" {}", False, None),
    ],
)
def test_cutting(raw: bytes, array: bool, messages: list[bytes] | None) -> None:
    assert (is_array(raw), cut_batch(raw)) == (array, messages)
