import asyncio

import pytest

from mcpgate.errors import LinkFault
from mcpgate.links.call import QUEUE_BYTES, QUEUE_MESSAGES, OpenCall


class Carrier:
    def __init__(self) -> None:
        self.said: list[object] = []

    def cancel(self, _call: OpenCall, body: bytes) -> None:
        self.said.append(body)

    def forget(self, _call: OpenCall) -> None:
        self.said.append("forget")

    def resume(self) -> None:
        self.said.append("resume")


def make() -> tuple[OpenCall, Carrier]:
    carrier = Carrier()
    return OpenCall(7, 1, carrier, asyncio.get_running_loop()), carrier


@pytest.mark.requirement("R-PATH")
async def test_messages_come_in_order_and_then_the_call_has_ended() -> None:
    call, _ = make()
    assert call.put(b"progress", final=False)
    assert call.put(b"reply", final=True)
    assert call.put(b"late", final=False)
    assert [await call.receive(), await call.receive()] == [b"progress", b"reply"]
    with pytest.raises(LinkFault, match="already answered") as caught:
        await call.receive()
    assert caught.value.reason == "lost"


@pytest.mark.requirement("R-PATH")
async def test_a_waiting_reader_wakes_for_a_message_and_for_a_fault() -> None:
    call, _ = make()
    reader = asyncio.ensure_future(call.receive())
    await asyncio.sleep(0)
    call.put(b"one", final=False)
    assert await reader == b"one"
    reader = asyncio.ensure_future(call.receive())
    await asyncio.sleep(0)
    call.expire()
    with pytest.raises(LinkFault) as caught:
        await reader
    assert caught.value.reason == "deadline"


@pytest.mark.requirement("R-PATH")
async def test_what_was_put_before_a_fault_is_still_read() -> None:
    call, _ = make()
    call.put(b"one", final=False)
    call.fail(LinkFault("lost", "gone"))
    call.fail(LinkFault("deadline", "second"))
    assert await call.receive() == b"one"
    with pytest.raises(LinkFault, match="gone"):
        await call.receive()


@pytest.mark.requirement("R-PATH")
async def test_the_last_message_is_found_past_all_others() -> None:
    call, _ = make()
    call.put(b"progress", final=False)
    call.put(b"reply", final=True)
    assert await call.receive_last() == b"reply"


@pytest.mark.requirement("R-PATH")
async def test_a_cancelled_reader_leaves_the_call_usable() -> None:
    call, _ = make()
    reader = asyncio.ensure_future(call.receive())
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.wait([reader])
    call.put(b"reply", final=True)
    assert await call.receive() == b"reply"


class Taken:
    def __init__(self) -> None:
        self.said: list[object] = []

    def take(self, message: bytes) -> None:
        self.said.append(message)

    def rest(self) -> None:
        self.said.append("rest")

    def fail(self, fault: LinkFault) -> None:
        self.said.append(fault.reason)


@pytest.mark.requirement("R-PATH")
async def test_a_taker_is_given_each_message_at_once_until_the_end() -> None:
    call, carrier = make()
    taken = Taken()
    call.attach(taken)
    for number in range(QUEUE_MESSAGES + 2):
        assert call.put(b"%d" % number, final=False)
    assert len(taken.said) == QUEUE_MESSAGES + 2
    call.expire()
    call.put(b"late", final=True)
    call.fail(LinkFault("lost", "second"))
    assert taken.said[-2:] == [b"257", "deadline"]
    assert carrier.said == []


@pytest.mark.requirement("R-PATH")
async def test_a_taker_hears_of_a_call_that_failed_before() -> None:
    call, _ = make()
    taken = Taken()
    call.fail(LinkFault("unavailable", "no connection"))
    call.attach(taken)
    assert taken.said == ["unavailable"]


@pytest.mark.requirement("R-CLOSE")
async def test_a_closed_call_holds_nobody_and_tells_nobody() -> None:
    call, _ = make()
    taken = Taken()
    call.attach(taken)
    call.slow = lambda: taken.take(b"slow")
    call.close()
    call.put(b"late", final=True)
    call.fail(LinkFault("lost", "late"))
    assert (taken.said, call.slow) == ([], None)


@pytest.mark.requirement("R-SSE")
@pytest.mark.parametrize(
    ("message", "count"), [(b"x", QUEUE_MESSAGES + 1), (bytes(QUEUE_BYTES // 2), 3)]
)
async def test_a_full_queue_asks_for_a_pause_and_resumes_when_half_empty(
    message: bytes, count: int
) -> None:
    call, carrier = make()
    rooms = [call.put(message, final=False) for _ in range(count)]
    assert rooms == [True] * (count - 1) + [False]
    assert call.full
    for left in range(count - 1, -1, -1):
        await call.receive()
        half = left <= QUEUE_MESSAGES // 2 and left * len(message) <= QUEUE_BYTES // 2
        assert carrier.said == (["resume"] if half else [])


@pytest.mark.requirement("R-CLOSE")
async def test_a_closed_call_asks_its_carrier_for_nothing_more() -> None:
    call, carrier = make()
    call.cancel(b"cancelled")
    call.close()
    call.cancel(b"again")
    call.close()
    assert carrier.said == [b"cancelled", "forget"]
