"""Gather notices of changed lists until they go quiet: pure, the time is an argument.

A single change is fetched soon; a server that changes all the time is asked at a slow, even pace.
"""

from typing import Final, final

QUIET_NS: Final = 200_000_000
LIMIT_NS: Final = 2_000_000_000
PACE_NS: Final = 1_000_000_000


@final
class Debounce:
    """Hold bits until no more came for a while, but never for long."""

    def __init__(
        self, quiet_ns: int = QUIET_NS, limit_ns: int = LIMIT_NS, pace_ns: int = PACE_NS
    ) -> None:
        """Wait `quiet_ns` after the last notice, at most `limit_ns` after the first.

        Between two takings lie `pace_ns`.
        """
        self._quiet_ns = quiet_ns
        self._limit_ns = limit_ns
        self._pace_ns = pace_ns
        self._bits = 0
        self._first_ns = 0
        self._last_ns = 0
        self._free_ns = 0

    def note(self, bits: int, now: int) -> None:
        """Add the bits of lists that changed."""
        if not bits:
            return
        if not self._bits:
            self._first_ns = now
        self._bits |= bits
        self._last_ns = now

    def find_due(self) -> int | None:
        """Return the moment at which the bits are to be taken, None without any."""
        if not self._bits:
            return None
        calm_ns = min(self._last_ns + self._quiet_ns, self._first_ns + self._limit_ns)
        return max(calm_ns, self._free_ns)

    def take(self, now: int) -> int:
        """Return the gathered bits once they are due, else 0."""
        due = self.find_due()
        if due is None or now < due:
            return 0
        bits, self._bits = self._bits, 0
        self._free_ns = now + self._pace_ns
        return bits
