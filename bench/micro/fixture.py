"""The part of pytest-benchmark's fixture that the micro benches use, with types."""

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Benchmark(Protocol):
    """Measure a function."""

    def __call__(self, function: Callable[..., T], *args: object) -> T: ...

    def pedantic(
        self,
        target: Callable[..., T],
        *,
        setup: Callable[[], tuple[tuple[object, ...], dict[str, object]]],
        rounds: int,
    ) -> T: ...
