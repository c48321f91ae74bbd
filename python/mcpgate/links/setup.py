"""What every link is given besides its server."""

from typing import final

import msgspec

from mcpgate.clock import Clock
from mcpgate.gate import Gate
from mcpgate.links.guard import Guard
from mcpgate.links.wheel import Wheel


@final
class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """The judge, the timer, the clock, the guard of children, the limits and our own release."""

    gate: Gate
    wheel: Wheel
    clock: Clock
    guard: Guard
    version: str
    reply_bytes: int = 16 << 20
    connections_per_server: int = 64
    write_bytes: int = 8 << 20
    probe_s: float = 5.0
    open_s: float = 60.0
    ping_s: float = 20.0
