"""The best of many batches: what one message costs when nothing disturbs it."""

import time
from typing import Final

from bench.micro.stage import Stage, read_input
from bench.processes import BenchError
from mcpgate.gate import ANSWER, DONE, FORWARD

BATCH: Final = 500
BATCHES: Final = 60


def call_ns(size: str = "200") -> float:
    """Time inspect, review and close of one call, crossings included."""
    stage = Stage()
    batches = [batch_ns(stage, read_input(f"call-{size}"), f"reply-{size}") for _ in range(BATCHES)]
    best: list[int] = [min(step) for step in zip(*batches, strict=True)]
    return sum(best) / BATCH


def batch_ns(stage: Stage, call: bytes, reply: str) -> tuple[int, int, int]:
    """Time the three crossings of a batch of calls; refuse a verdict that is not theirs."""
    gate, caller, now, clock = stage.gate, stage.legacy, time.monotonic_ns(), time.perf_counter_ns
    begin = clock()
    verdicts = [gate.inspect(call, caller, None, now) for _ in range(BATCH)]
    inspected = clock() - begin
    tickets = [verdict.ticket for verdict in verdicts if verdict.ticket is not None]
    pairs = [(stage.reply(reply, ticket), ticket) for ticket in tickets]
    begin = clock()
    reviews = [gate.review(raw, ticket, now) for raw, ticket in pairs]
    reviewed = clock() - begin
    begin = clock()
    closed = [gate.close(ticket, DONE, now) for ticket in tickets]
    ended = clock() - begin
    gate.drain()
    forwarded = all(verdict.outcome == FORWARD for verdict in verdicts)
    answered = all(verdict.outcome == ANSWER and verdict.final for verdict in reviews)
    if not (forwarded and answered and len(closed) == BATCH and all(closed)):
        reasons = {one.reason for one in (*verdicts, *reviews)}
        raise BenchError(f"wrong verdicts: {sorted(reasons)}")
    return inspected, reviewed, ended
