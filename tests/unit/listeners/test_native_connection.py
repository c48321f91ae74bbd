"""A connection serves one request after the other, within its times and sizes."""

import asyncio
import logging

import pytest

from mcpgate.listeners import native_connection as native
from tests.support.native_fakes import SECOND, Bench, FakeTransport, Script, ask

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def bench(script: Script) -> Bench:
    return Bench(script)


@pytest.mark.requirement("R-FRONT")
async def test_keep_alive_and_dates(bench: Bench, script: Script) -> None:
    for number in range(3):
        bench.receive(ask("/a", body=b"%d" % number))
        await bench.settle()
    assert script.bodies == [b"0", b"1", b"2"]
    assert bench.transport.sent.count(OK) == 3
    assert bench.transport.sent.count(b"\r\ndate: Tue, 14 Nov 2023 22:13:21 GMT\r\n") == 3
    assert not bench.transport.ends
    assert script.scopes[0] is script.scopes[2], "an equal head is not read again"
    bench.receive(ask("/b"))
    await bench.settle()
    assert script.scopes[3].path == "/b"


@pytest.mark.requirement("R-FRONT")
async def test_pipelined_requests_wait_for_their_turn(bench: Bench, script: Script) -> None:
    bench.receive(ask("/wait") + ask("/a", body=b"second") + ask("/a")[:10])
    await bench.settle()
    assert len(script.scopes) == 1
    script.go.set()
    await bench.settle()
    assert script.bodies == [b"", b"second"]
    bench.receive(ask("/a")[10:])
    await bench.settle()
    assert bench.transport.sent.count(OK) == 3


@pytest.mark.requirement("R-FRONT")
async def test_a_whole_request_is_answered_within_its_callback(
    bench: Bench, script: Script
) -> None:
    bench.receive(ask("/now", body=b"whole"))
    assert not bench.connection.busy
    assert bench.transport.sent == b"", "it is sent at the end of the turn"
    await asyncio.sleep(0)
    assert bench.transport.sent.endswith(b"\r\n\r\nwhole")
    for piece in (ask("/a", "content-length: 2"), b"o", b"k"):
        bench.receive(piece)
    bench.receive(ask("/now"))
    assert script.wholes == [b"whole", None]
    await bench.settle()
    assert script.wholes == [b"whole", None, b""]


@pytest.mark.requirement("R-FRONT")
async def test_pipelined_requests_take_one_turn_each_and_keep_their_order(
    bench: Bench, script: Script
) -> None:
    numbers = [b"%d" % number for number in range(1500)]
    whole = b"".join(ask("/now", body=number) for number in numbers[:-1])
    bench.receive(whole)
    bench.receive(ask("/now", body=numbers[-1]))
    assert script.wholes == [b"0"], "one client keeps no other waiting"
    for _ in numbers:
        await asyncio.sleep(0)
    assert script.wholes == numbers
    assert bench.transport.sent.count(OK) == len(numbers)
    assert bench.transport.reading


@pytest.mark.requirement("R-FRONT")
async def test_an_equal_head_is_weighed_once(bench: Bench, script: Script) -> None:
    for _ in range(3):
        bench.receive(ask("/now", body=b"same"))
    bench.receive(ask("/now", body=b"longer"))
    bench.receive(ask("/now", body=b"same"))
    assert [len(scope.headers.keys()) for scope in script.weighed] == [2, 2, 2]
    assert len(script.wholes) == 5


@pytest.mark.requirement("R-LEAK")
async def test_a_client_that_left_behind_its_requests_gets_no_answer(
    bench: Bench, script: Script
) -> None:
    bench.receive(ask("/now") * 3)
    bench.lose()
    await bench.settle()
    assert (len(script.wholes), len(bench.house)) == (1, 0)


@pytest.mark.requirement("R-FRONT")
async def test_much_that_is_pipelined_stays_unread(bench: Bench, script: Script) -> None:
    bench.receive(ask("/wait"))
    bench.receive(ask("/a", body=b"x" * 70_000))
    await bench.settle()
    assert not bench.transport.reading
    script.go.set()
    await bench.settle()
    assert bench.transport.reading
    assert script.bodies == [b"", b"x" * 70_000]


@pytest.mark.requirement("R-FRONT")
@pytest.mark.parametrize(
    ("request_bytes", "ends"),
    [
        (ask("/a", "connection: close"), ["eof"]),
        (ask("/a", version="1.0"), ["eof"]),
        (ask("/a", "connection: keep-alive", version="1.0"), ["eof"]),
        (ask("/early", "content-length: 5"), ["eof"]),
        (ask("/early", "transfer-encoding: chunked") + b"5\r\nx", ["eof"]),
        (ask("/early", body=b"whole"), []),
    ],
)
async def test_connection_ends_with_its_reply(
    bench: Bench, request_bytes: bytes, ends: list[str]
) -> None:
    bench.receive(request_bytes)
    await bench.settle()
    assert bench.transport.ends == ends
    assert (b"connection: close\r\n" in bench.transport.sent) is bool(ends)
    sent = bench.transport.sent
    if ends:
        bench.receive(ask("/a"))
        await bench.settle()
        assert bench.transport.sent == sent
        bench.pass_time(1.9)
        assert bench.transport.ends == ["eof"]
        bench.pass_time(1.1)
        assert bench.transport.ends == ["eof", "abort"]


@pytest.mark.requirement("R-FRONT")
async def test_client_is_told_to_continue_when_its_body_is_wanted(bench: Bench) -> None:
    lines = ("content-length: 2", "expect: 100-continue")
    bench.receive(ask("/a", *lines))
    await bench.settle()
    assert bench.transport.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
    bench.receive(b"hi")
    await bench.settle()
    assert bench.transport.sent.count(b"HTTP/1.1 ") == 2
    bench.receive(ask("/early", *lines))
    await bench.settle()
    assert bench.transport.sent.count(b"100 Continue") == 1
    assert bench.transport.ends == ["eof"]


@pytest.mark.requirement("R-FRONT")
async def test_no_continue_once_the_body_began(bench: Bench) -> None:
    bench.receive(ask("/a", "content-length: 2", "expect: 100-continue") + b"h")
    await bench.settle()
    bench.receive(b"i")
    await bench.settle()
    assert bench.transport.sent.startswith(OK)


@pytest.mark.requirement("R-ERRORS")
async def test_front_that_gives_no_reply(bench: Bench) -> None:
    bench.receive(ask("/silent"))
    await bench.settle()
    assert bench.transport.sent.startswith(b"HTTP/1.1 500 ")
    assert bench.transport.ends == ["eof"]


@pytest.mark.requirement("R-ERRORS")
async def test_times(bench: Bench, script: Script) -> None:
    bench.pass_time(9)
    bench.receive(b"POST")
    bench.pass_time(9)
    assert not bench.transport.ends
    bench.pass_time(2)
    assert bench.transport.sent.startswith(b"HTTP/1.1 408 ")
    quiet = FakeTransport()
    bench.connect(quiet)
    bench.pass_time(11)
    assert (quiet.sent, quiet.ends) == (b"", ["close"])


@pytest.mark.requirement("R-ERRORS")
async def test_idle_time_is_longer_after_a_request(bench: Bench, script: Script) -> None:
    bench.receive(ask("/wait"))
    await bench.settle()
    bench.pass_time(200)
    assert not bench.transport.ends
    script.go.set()
    await bench.settle()
    bench.pass_time(74)
    assert not bench.transport.ends
    bench.pass_time(2)
    assert bench.transport.ends == ["close"]


@pytest.mark.requirement("R-LEAK")
async def test_client_that_does_not_read_is_cut(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.receive(ask("/a"))
    await bench.settle()
    bench.connection.pause_writing()
    bench.receive(ask("/a"))
    await bench.settle()
    assert bench.transport.sent.count(OK) == 1, "a request waits until its reply can leave"
    bench.connection.resume_writing()
    await bench.settle()
    assert bench.transport.sent.count(OK) == 2
    bench.connection.pause_writing()
    bench.pass_time(29)
    assert not bench.transport.ends
    with caplog.at_level(logging.WARNING):
        bench.pass_time(2)
    assert bench.transport.ends == ["abort"]
    assert "stream.cut" in caplog.text


@pytest.mark.requirement("R-LEAK")
async def test_stream_is_cut_over_its_budget(bench: Bench, script: Script) -> None:
    bench.receive(ask("/stream"))
    await bench.settle()
    assert bench.transport.sent.endswith(b"\r\n\r\n3\r\none\r\n")
    bench.connection.pause_writing()
    bench.transport.unread = native.UNREAD_BYTES
    bench.connection.write_piece(b"still")
    assert not bench.transport.ends
    bench.transport.unread += 1
    bench.connection.write_piece(b"over")
    assert bench.transport.ends == ["abort"]
    script.go.set()
    bench.lose()
    await bench.settle()
    assert not bench.transport.sent.endswith(b"0\r\n\r\n")


@pytest.mark.requirement("R-SSE")
async def test_stream_ends_with_the_front(bench: Bench, script: Script) -> None:
    bench.receive(ask("/stream"))
    script.go.set()
    await bench.settle()
    assert bench.transport.sent.endswith(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
    assert not bench.transport.ends


@pytest.mark.requirement("R-SSE")
async def test_stream_of_an_old_client_ends_with_its_connection(
    bench: Bench, script: Script
) -> None:
    bench.receive(ask("/stream", version="1.0"))
    script.go.set()
    await bench.settle()
    assert bench.transport.sent.endswith(b"\r\n\r\nonetwo")
    assert b"chunked" not in bench.transport.sent
    assert bench.transport.ends == ["eof"]


@pytest.mark.requirement("R-CANCEL")
async def test_leaving_resolves_watchers_at_once(bench: Bench, script: Script) -> None:
    bench.receive(ask("/wait"))
    await bench.settle()
    assert script.protocol is not None
    told: list[object] = []
    script.protocol.client_disconnect().add_done_callback(told.append)
    cancelled = script.protocol.client_disconnect()
    cancelled.cancel()
    bench.lose()
    await bench.settle()
    assert len(told) == 1
    assert len(bench.house) == 1, "its request is still in work"
    script.protocol.client_disconnect().add_done_callback(told.append)
    script.go.set()
    await bench.settle()
    assert (len(told), len(bench.house), bench.transport.sent) == (2, 0, b"")


@pytest.mark.requirement("R-ERRORS")
@pytest.mark.parametrize("path", ["/a", "/pieces"])
@pytest.mark.parametrize("broken", [False, True])
async def test_body_that_never_ends_well(
    bench: Bench, script: Script, path: str, broken: bool
) -> None:
    bench.receive(ask(path, "transfer-encoding: chunked") + b"2\r\nhi\r\n")
    await bench.settle()
    if broken:
        bench.receive(b"rubbish")
    else:
        bench.lose()
    await bench.settle()
    assert script.faults == ["RSGIProtocolClosed"]
    assert bench.transport.sent.count(b"HTTP/1.1 ") == int(broken)
    assert bench.transport.sent.startswith(b"HTTP/1.1 400 " if broken else b"")


@pytest.mark.requirement("R-LEAK")
async def test_what_nobody_consumes_is_not_read(bench: Bench, script: Script) -> None:
    bench.receive(ask("/pieces", f"content-length: {1 << 20}"))
    for _ in range(5):
        bench.receive(b"x" * (64 << 10))
    assert not bench.transport.reading
    await bench.settle()
    assert bench.transport.reading
    for _ in range(11):
        bench.receive(b"x" * (64 << 10))
    await bench.settle()
    assert sum(map(len, script.bodies)) == 1 << 20


@pytest.mark.requirement("R-LEAK")
async def test_too_many_connections(script: Script) -> None:
    bench = Bench(script, limit=1)
    second = FakeTransport()
    connection = bench.connect(second)
    assert second.sent.startswith(b"HTTP/1.1 503 ")
    assert second.ends == ["close"]
    connection.data_received(ask("/a"))
    connection.connection_lost(None)
    assert (len(bench.house), script.scopes) == (1, [])


@pytest.mark.requirement("R-FRONT")
async def test_retiring_and_abandoning(bench: Bench, script: Script) -> None:
    idle = FakeTransport()
    bench.connect(idle)
    bench.receive(ask("/wait") + ask("/a"))
    await bench.settle()
    bench.house.retire()
    assert (idle.ends, bench.transport.ends) == (["close"], [])
    script.go.set()
    await bench.settle()
    assert bench.transport.sent.count(OK) == 1
    assert bench.transport.ends == ["eof"]
    script.go.clear()
    stuck = FakeTransport()
    connection = bench.connect(stuck)
    connection.data_received(ask("/wait"))
    await bench.settle()
    bench.house.abort()
    await bench.settle()
    assert "abort" in stuck.ends
    assert not connection.busy


@pytest.mark.requirement("R-FRONT")
async def test_reply_of_this_turn_leaves_before_its_connection_ends(bench: Bench) -> None:
    bench.receive(ask("/now", body=b"whole"))
    bench.house.retire()
    assert bench.transport.sent.endswith(b"whole")
    assert bench.transport.ends == ["close"]
    other = FakeTransport()
    bench.connect(other).data_received(ask("/now", "connection: close", body=b"whole"))
    assert other.sent.endswith(b"whole")
    assert other.ends == ["eof"]


@pytest.mark.requirement("R-STATUS")
async def test_replies_without_a_body(bench: Bench) -> None:
    bench.receive(ask("/none"))
    await bench.settle()
    assert bench.transport.sent.startswith(b"HTTP/1.1 204 ")
    assert b"content-length" not in bench.transport.sent
    bench.receive(b"HEAD /a HTTP/1.1\r\nhost: h\r\n\r\n")
    await bench.settle()
    assert bench.transport.sent.endswith(b"content-length: 2\r\n\r\n")


@pytest.mark.requirement("R-ERRORS")
def test_times_are_what_the_documents_say() -> None:
    assert [native.HEAD_NS // SECOND, native.IDLE_NS // SECOND] == [10, 75]
