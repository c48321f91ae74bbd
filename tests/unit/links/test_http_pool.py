import pytest

from mcpgate.errors import LinkFault
from mcpgate.links.http_connection import IDLE_NS, HttpConnection
from mcpgate.links.http_pool import DRAIN_NS, WAITING_BYTES, HttpPool
from mcpgate.links.outbox import Outbox
from mcpgate.links.target import read_target
from tests.support.links import AtOnce, ManualClock
from tests.unit.links.test_http_connection import JSON, FakeTransport, Reader


class Bench:
    """A pool that may not dial, and connections to put into it by hand."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.outbox = Outbox(AtOnce())
        target = read_target("http://127.0.0.1/")
        self.pool = HttpPool(target, None, self.clock, 0, self.outbox)

    def connect(self) -> tuple[HttpConnection, FakeTransport]:
        connection, transport = HttpConnection(self.pool, self.outbox), FakeTransport()
        connection.connection_made(transport)
        self.pool.release(connection)
        return connection, transport


@pytest.mark.requirement("R-LINK-HTTP")
async def test_the_last_one_used_is_used_next_and_the_others_grow_old() -> None:
    bench = Bench()
    _, older = bench.connect()
    newer_connection, newer = bench.connect()
    for _ in range(3):
        bench.clock.at_ns += IDLE_NS - 1
        bench.pool.send(Reader(), b"x")
        newer_connection.data_received(JSON)
        bench.pool.sweep()
    assert (newer.written, older.written) == ([b"x"] * 3, [])
    assert (newer.closed, older.closed) == (False, True)


@pytest.mark.requirement("R-LINK-HTTP")
async def test_what_is_too_old_is_not_used_even_before_a_sweep() -> None:
    bench = Bench()
    _, transport = bench.connect()
    bench.clock.at_ns += IDLE_NS
    bench.pool.send(Reader(), b"x")
    assert (transport.written, transport.closed) == ([], True)


@pytest.mark.requirement("R-LINK-HTTP")
async def test_who_waits_is_served_in_order_and_answers_first() -> None:
    bench = Bench()
    first, second, urgent, gone = Reader(), Reader(), Reader(), Reader()
    bench.pool.send(first, b"first")
    bench.pool.send(gone, b"gone")
    bench.pool.send(second, b"second")
    bench.pool.send(urgent, b"urgent", urgent=True)
    bench.pool.withdraw(gone)
    connection, transport = bench.connect()
    for _ in range(3):
        connection.data_received(JSON)
    assert transport.written == [b"urgent", b"first", b"second"]
    assert second.ended


@pytest.mark.requirement("R-ERRORS")
async def test_what_waits_is_bounded() -> None:
    bench = Bench()
    half = bytes(WAITING_BYTES // 2)
    readers = [Reader() for _ in range(5)]
    for reader in readers[:3]:
        bench.pool.send(reader, half)
    bench.pool.withdraw(readers[0])
    bench.pool.send(readers[3], half)
    connection, _ = bench.connect()
    connection.data_received(JSON)
    bench.pool.send(readers[4], half)
    connection.data_received(JSON)
    refused = readers[2].fault
    assert refused is not None
    assert refused.reason == "unavailable"
    assert [reader.ended for reader in readers] == [False, True, False, True, False]
    assert readers[4].connection is not None


@pytest.mark.requirement("R-SSE")
async def test_the_rest_of_an_answered_stream_may_run_out_for_a_second() -> None:
    bench = Bench()
    for ends in (True, False):
        connection, transport = bench.connect()
        reader = Reader()
        bench.pool.send(reader, b"x")
        connection.data_received(JSON[:-1])
        bench.pool.drain(reader)
        bench.clock.at_ns += DRAIN_NS - 1
        bench.pool.sweep()
        assert not transport.closed
        if ends:
            connection.data_received(JSON[-1:])
        bench.clock.at_ns += 1
        bench.pool.sweep()
        assert transport.closed is not ends
        bench.clock.at_ns += IDLE_NS
        bench.pool.sweep()


@pytest.mark.requirement("R-ERRORS")
async def test_a_closed_pool_fails_who_waits_and_who_comes_later() -> None:
    bench = Bench()
    waiting, urgent, late = Reader(), Reader(), Reader()
    bench.pool.send(waiting, b"x")
    bench.pool.send(urgent, b"x", urgent=True)
    await bench.pool.close()
    bench.pool.send(late, b"x")
    for reader in (waiting, urgent, late):
        assert isinstance(reader.fault, LinkFault)
        assert reader.fault.reason == "unavailable"
