"""The only place that reads time and randomness."""

import os
import time
from typing import Protocol, final


class Clock(Protocol):
    """Say what time it is and make random bytes."""

    def now(self) -> int:
        """Return monotonic nanoseconds; the `now` that the gate takes."""
        ...

    def wall(self) -> int:
        """Return nanoseconds since the Unix epoch."""
        ...

    def random(self, size_bytes: int) -> bytes:
        """Return unpredictable bytes."""
        ...


@final
class SystemClock:
    """Read the machine's clocks and its random source."""

    now = staticmethod(time.monotonic_ns)
    wall = staticmethod(time.time_ns)
    random = staticmethod(os.urandom)
