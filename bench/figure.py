"""What a figure is: a name, a bar, and what was measured."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

HOLDS: Final = "holds"
SHORT: Final = "falls short"
UNMEASURED: Final = "not measured"


@final
@dataclass(frozen=True)
class Bar:
    """A named promise: at most so much."""

    name: str
    at_most: float
    unit: str


@final
@dataclass(frozen=True)
class Found:
    """What was measured for a bar; `missing` names the program without which it cannot be."""

    measured: float | None
    note: str = ""
    missing: str = ""


@final
@dataclass(frozen=True)
class Figure:
    """A bar with what was found."""

    bar: Bar
    found: Found

    @property
    def verdict(self) -> str:
        """Say whether it holds; only a missing program of others excuses a missing number."""
        if self.found.missing:
            return UNMEASURED
        measured = self.found.measured
        return HOLDS if measured is not None and measured <= self.bar.at_most else SHORT


Findings = Mapping[Bar, Found]


@final
class Rig:
    """A folder for logs and a stack that ends what was started for one group of figures."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self.stack = stack


@final
@dataclass(frozen=True)
class Group:
    """Bars that one measurement decides."""

    bars: tuple[Bar, ...]
    measure: Callable[[Rig], Findings]


@final
@dataclass(frozen=True)
class Topic:
    """The figures of one topic and the sources that they speak of."""

    name: str
    sources: tuple[str, ...]
    quick: tuple[Group, ...]
    long: tuple[Group, ...] = ()
    prepare: Callable[[], None] | None = None
    """Build what measuring needs; not part of the time that figures may take."""


HEAD: Final = f"{'figure':<58}{'measured':>10}{'at most':>10}"


def render(figure: Figure) -> str:
    """Lay a figure out as one line."""
    bar, found = figure.bar, figure.found
    measured = "-" if found.measured is None else f"{found.measured:.2f}"
    note = "; ".join(filter(None, (found.missing, found.note)))
    line = f"{bar.name + ', ' + bar.unit:<58}{measured:>10}{bar.at_most:>10g}  {figure.verdict}"
    return f"{line} ({note})" if note else line
