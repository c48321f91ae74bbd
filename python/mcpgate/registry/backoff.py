"""Whether a server's link is up, and when to try again: a pure state machine.

A failed or lost link waits a growing time with full jitter, so that many gateways never knock
together. Only uptime makes the delay small again: a server that accepts and dies keeps waiting.
"""

from typing import Final, Literal, final

import msgspec

from mcpgate.model import LinkState

Happening = Literal["opened", "failed", "left"]

FLOOR_NS: Final = 200_000_000
CEILING_NS: Final = 30_000_000_000
SUSTAINED_NS: Final = 30_000_000_000
_DOUBLINGS: Final = 8

TRANSITIONS: Final[dict[tuple[LinkState, Happening], LinkState]] = {
    ("starting", "opened"): "up",
    ("starting", "failed"): "down",
    ("starting", "left"): "stopped",
    ("up", "failed"): "down",
    ("up", "left"): "stopped",
    ("down", "opened"): "up",
    ("down", "failed"): "down",
    ("down", "left"): "stopped",
    ("stopped", "left"): "stopped",
}


@final
class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """How a server's link is, since when and why."""

    state: LinkState = "starting"
    since_ns: int
    reason: str = ""
    detail: str = ""
    failures: int = 0


def turn(
    condition: Condition, happening: Happening, now: int, reason: str = "", detail: str = ""
) -> Condition:
    """Return the condition after `happening`; raise KeyError for one that cannot happen here."""
    state = TRANSITIONS[condition.state, happening]
    failures = condition.failures
    if happening == "failed":
        sustained = condition.state == "up" and now - condition.since_ns >= SUSTAINED_NS
        failures = 1 if sustained else failures + 1
    since_ns = condition.since_ns if state == condition.state else now
    return Condition(
        state=state, since_ns=since_ns, reason=reason, detail=detail, failures=failures
    )


def choose_delay(failures: int, random: bytes) -> int:
    """Return nanoseconds to wait after that many failures in a row, spread by `random`."""
    ceiling = min(CEILING_NS, FLOOR_NS << min(failures, _DOUBLINGS))
    spread = int.from_bytes(random[:4], "big") / 0xFFFFFFFF
    return FLOOR_NS + int((ceiling - FLOOR_NS) * spread)
