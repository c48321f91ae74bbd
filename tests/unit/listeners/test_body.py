"""Bodies are read within a size and a time."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mcpgate.listeners.body import WHOLE_BYTES, BodyReader
from mcpgate.listeners.rsgi import ProtocolClosed


class FakeBody:
    """Granian's protocol object, as far as it is read."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.whole = 0
        self.taken = 0
        self.stuck = asyncio.Event()
        self.stalls = False

    async def __call__(self) -> bytes:
        self.whole += 1
        if self.stalls:
            await self.stuck.wait()
        return b"".join(self.pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.taken += 1
            yield piece
        if self.stalls:
            await self.stuck.wait()


def make_reader(limit: int = 1 << 20) -> BodyReader:
    return BodyReader(limit, 1000)


@pytest.mark.requirement("R-STATUS")
def test_headers_alone_can_refuse() -> None:
    reader = make_reader(10)
    assert reader.refuses(10, chunked=False) == ""
    assert reader.refuses(11, chunked=False) == "too_large"
    assert reader.refuses(-1, chunked=True) == ""
    assert reader.refuses(-2, chunked=False) == "invalid_request"
    assert reader.refuses(5, chunked=True) == "invalid_request"


@pytest.mark.requirement("R-FRONT")
async def test_small_body_is_read_in_one_piece() -> None:
    body = FakeBody(b"abc")
    assert await make_reader().read(body, 3, 0) == b"abc"
    assert (body.whole, body.taken) == (1, 0)


@pytest.mark.requirement("R-FRONT")
@pytest.mark.parametrize("length", [-1, WHOLE_BYTES + 1])
async def test_other_bodies_are_counted(length: int) -> None:
    body = FakeBody(b"abc", b"def", b"")
    assert await make_reader().read(body, length, 0) == b"abcdef"
    assert body.whole == 0


@pytest.mark.requirement("R-STATUS")
async def test_counting_stops_at_the_limit() -> None:
    body = FakeBody(b"x" * 6, b"x" * 6, b"x" * 6, b"")
    assert await make_reader(10).read(body, -1, 0) == "too_large"
    assert body.taken == 2


@pytest.mark.requirement("R-FRONT")
async def test_broken_body_is_no_body() -> None:
    with pytest.raises(ProtocolClosed):
        await make_reader().read(FakeBody(b"{}", b"", b""), -1, 0)


@pytest.mark.requirement("R-STATUS")
@pytest.mark.parametrize("length", [3, -1])
async def test_slow_body_is_refused(length: int) -> None:
    reader, body = make_reader(), FakeBody(b"abc")
    body.stalls = True
    reading = asyncio.create_task(_read(reader, body, length))
    await asyncio.sleep(0)
    reader.sweep(1000 - 1)
    await asyncio.sleep(0)
    assert not reading.done()
    reader.sweep(1000)
    assert await reading == "slow_body"
    reader.sweep(10_000)


@pytest.mark.requirement("R-FRONT")
async def test_cancelling_the_task_is_not_a_slow_body() -> None:
    reader, body = make_reader(), FakeBody(b"abc")
    body.stalls = True
    reading = asyncio.create_task(_read(reader, body, 3))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    reader.sweep(10_000)


async def _read(reader: BodyReader, body: FakeBody, length: int) -> bytes | str:
    return await reader.read(body, length, 0)
