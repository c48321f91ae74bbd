import asyncio
from typing import Final

import pytest

from mcpgate.errors import LinkFault
from mcpgate.links.http_connection import HEAD_BYTES, IDLE_NS, HttpConnection
from mcpgate.links.outbox import Outbox
from tests.support.links import AtOnce

JSON: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
CHUNKED: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
)
INTERIM: Final = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
CLOSED: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{}"


class FakeTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False
        self.reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True


class Owner:
    def __init__(self) -> None:
        self.released: list[HttpConnection] = []
        self.forgotten: list[HttpConnection] = []

    def release(self, connection: HttpConnection) -> None:
        self.released.append(connection)

    def forget(self, connection: HttpConnection) -> None:
        self.forgotten.append(connection)


class Reader:
    def __init__(self) -> None:
        self.connection: HttpConnection | None = None
        self.status = 0
        self.body = b""
        self.ended = False
        self.fault: LinkFault | None = None
        self.refusal: LinkFault | None = None

    def begin(self, status: int, headers: dict[bytes, bytes]) -> LinkFault | None:
        self.status = status
        self.headers = headers
        return self.refusal

    def feed(self, chunk: bytes) -> LinkFault | None:
        self.body += chunk
        return None

    def end(self) -> None:
        self.ended = True

    def fail(self, fault: LinkFault) -> None:
        self.fault = fault


def start() -> tuple[HttpConnection, FakeTransport, Owner, Reader]:
    owner, transport, reader = Owner(), FakeTransport(), Reader()
    connection = HttpConnection(owner, Outbox(AtOnce()))
    connection.connection_made(transport)
    connection.send(reader, b"request")
    return connection, transport, owner, reader


@pytest.mark.requirement("R-LINK-HTTP")
@pytest.mark.parametrize("answer", [JSON, CHUNKED, INTERIM + JSON], ids=["json", "chunked", "1xx"])
def test_an_answer_is_read_whatever_the_chunks(answer: bytes) -> None:
    for size in (1, 2, 3, 7, len(answer)):
        connection, transport, owner, reader = start()
        for at in range(0, len(answer), size):
            connection.data_received(answer[at : at + size])
        assert (reader.status, reader.body, reader.ended) == (200, b"{}", True)
        assert (owner.released, transport.closed) == ([connection], False)
        assert transport.written == [b"request"]


@pytest.mark.requirement("R-LINK-HTTP")
def test_one_connection_serves_many_requests() -> None:
    connection, _, owner, _ = start()
    connection.data_received(JSON)
    for _ in range(3):
        again = Reader()
        connection.send(again, b"more")
        connection.data_received(CHUNKED)
        assert again.ended
    assert len(owner.released) == 4


@pytest.mark.requirement("R-LINK-HTTP")
def test_a_body_without_length_ends_with_the_connection() -> None:
    connection, transport, owner, reader = start()
    connection.data_received(CLOSED)
    assert not reader.ended
    connection.eof_received()
    connection.connection_lost(None)
    assert (reader.ended, reader.body, reader.fault) == (True, b"{}", None)
    assert (owner.released, owner.forgotten, transport.closed) == ([], [connection], True)


@pytest.mark.requirement("R-LINK-HTTP")
@pytest.mark.parametrize("sent", [b"", JSON[:20], JSON[:-1], CHUNKED[:-1], CLOSED])
def test_a_connection_that_breaks_off_has_lost_the_call(sent: bytes) -> None:
    connection, _, owner, reader = start()
    if sent:
        connection.data_received(sent)
    connection.connection_lost(ConnectionResetError("reset"))
    assert reader.fault is not None
    assert reader.fault.reason == "lost"
    assert ("without an answer" in str(reader.fault)) == (sent == b"")
    assert owner.forgotten == [connection]


@pytest.mark.requirement("R-LINK-HTTP")
@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
        b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_not_http_is_unreadable(sent: bytes) -> None:
    connection, transport, owner, reader = start()
    connection.data_received(sent)
    assert reader.fault is not None
    assert reader.fault.reason == "unreadable"
    assert transport.closed
    assert owner.released == []


@pytest.mark.requirement("R-LINK-HTTP")
@pytest.mark.parametrize("whole", [True, False])
def test_a_head_over_the_limit_is_refused(whole: bool) -> None:
    connection, transport, _, reader = start()
    head = b"HTTP/1.1 200 OK\r\nx-big: " + b"x" * (HEAD_BYTES + 1)
    if whole:
        connection.data_received(head + b"\r\n\r\n")
    else:
        for at in range(0, len(head), 10_000):
            connection.data_received(head[at : at + 10_000])
            if transport.closed:
                break
    assert reader.fault is not None
    assert reader.fault.reason == "reply_too_large"
    assert transport.closed


@pytest.mark.requirement("R-LINK-HTTP")
def test_a_head_just_under_the_limit_passes_in_pieces() -> None:
    connection, _, _, reader = start()
    big = b"x-big: " + b"x" * (HEAD_BYTES - 500) + b"\r\n"
    answer = JSON.replace(b"content-type", big + b"content-type")
    for at in range(0, len(answer), 1000):
        connection.data_received(answer[at : at + 1000])
    assert (reader.ended, reader.fault) == (True, None)


@pytest.mark.requirement("R-LINK-HTTP")
@pytest.mark.parametrize("extra", [JSON, b"rubbish", b"\x00"])
def test_bytes_nobody_asked_for_end_the_connection(extra: bytes) -> None:
    connection, transport, owner, reader = start()
    connection.data_received(JSON + extra)
    assert (reader.ended, reader.body) == (True, b"{}")
    assert transport.closed
    assert owner.released == []
    connection, transport, owner, reader = start()
    connection.data_received(JSON)
    connection.data_received(extra)
    assert transport.closed
    assert not connection.usable


@pytest.mark.requirement("R-LINK-HTTP")
def test_a_refusing_reader_ends_the_connection() -> None:
    connection, transport, owner, reader = start()
    reader.refusal = LinkFault("unreadable", "no")
    connection.data_received(JSON)
    assert reader.fault is reader.refusal
    assert transport.closed
    assert reader.body == b""
    assert owner.released == []


@pytest.mark.requirement("R-LINK-HTTP")
def test_connection_close_is_heeded() -> None:
    connection, transport, owner, reader = start()
    connection.data_received(JSON.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
    assert reader.ended
    assert transport.closed
    assert owner.released == []


@pytest.mark.requirement("R-LINK-HTTP")
@pytest.mark.parametrize(
    ("value", "idle_ns"),
    [
        (b"timeout=3", 2_000_000_000),
        (b"max=9, timeout=60", IDLE_NS),
        (b"timeout=abc", IDLE_NS),
        (b"timeout=1", None),
    ],
)
def test_a_connection_rests_for_less_than_the_server_keeps_it(
    value: bytes, idle_ns: int | None
) -> None:
    connection, transport, owner, _ = start()
    connection.data_received(JSON.replace(b"\r\n\r\n", b"\r\nkeep-alive: " + value + b"\r\n\r\n"))
    if idle_ns is None:
        assert transport.closed
        return
    connection.rest(10)
    assert connection.until_ns == 10 + idle_ns
    assert owner.released == [connection]


@pytest.mark.requirement("R-LINK-HTTP")
def test_an_aborted_reply_hears_nothing_more() -> None:
    connection, transport, _, reader = start()
    connection.abort()
    connection.connection_lost(None)
    assert (reader.fault, reader.connection, transport.closed) == (None, None, True)


@pytest.mark.requirement("R-LINK-HTTP")
def test_a_connection_that_was_paused_is_given_back_reading() -> None:
    class Slow(Reader):
        def feed(self, chunk: bytes) -> LinkFault | None:
            if self.connection is not None:
                self.connection.pause()
            return super().feed(chunk)

    connection, transport, owner, _ = start()
    connection.data_received(JSON)
    slow = Slow()
    connection.send(slow, b"request")
    connection.data_received(CHUNKED)
    assert slow.ended
    assert owner.released == [connection, connection]
    assert transport.reading


@pytest.mark.requirement("R-LINK-HTTP")
@pytest.mark.parametrize("start_of_it", [b"0\r\nx-trailer: ", b"1;"], ids=["trailer", "extension"])
def test_what_lies_between_pieces_of_a_body_is_bounded(start_of_it: bytes) -> None:
    connection, transport, _, reader = start()
    connection.data_received(CHUNKED.removesuffix(b"0\r\n\r\n") + start_of_it)
    for _ in range(HEAD_BYTES // 1000 + 1):
        connection.data_received(b"a" * 1000)
    assert reader.fault is not None
    assert reader.fault.reason == "reply_too_large"
    assert transport.closed


@pytest.mark.requirement("R-LINK-HTTP")
def test_large_pieces_of_a_body_are_no_head() -> None:
    connection, _, _, reader = start()
    head, _, _ = CHUNKED.partition(b"1\r\n")
    connection.data_received(head + b"%x\r\n" % (3 * HEAD_BYTES))
    for _ in range(3):
        connection.data_received(b"a" * HEAD_BYTES)
    connection.data_received(b"\r\n0\r\n\r\n")
    assert reader.ended
    assert len(reader.body) == 3 * HEAD_BYTES
