"""Plain tables for a terminal or a pipe."""

import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import Final

from mcpgate.telemetry.log import escape

GAP: Final = "  "
NARROWEST: Final = 12


def measure(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    joined = sum(unicodedata.combining(letter) > 0 for letter in text)
    return len(text) + wide - joined


def find_width() -> int:
    """Return the terminal's width; 0 = unbounded, when nobody looks at a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def render_table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """Write rows under a head; the last column is cut to fit into `width` columns."""
    lines = [[escape(cell) for cell in row] for row in (head, *rows)]
    last = len(head) - 1
    sizes = [max(measure(line[index]) for line in lines) for index in range(last)]
    room = width - sum(sizes) - len(GAP) * last if width else 0
    return "\n".join(_write_line(line, sizes, room) for line in lines)


def cut(text: str, room: int) -> str:
    """Cut a text to so many columns; 0 or less = leave it."""
    if room <= 0 or measure(text) <= room:
        return text
    while text and measure(text) > room - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def first_line(text: str | None) -> str:
    """Return the first line of a description that says something."""
    lines = (line.strip() for line in (text or "").splitlines())
    return next((line for line in lines if line), "")


def _write_line(line: list[str], sizes: list[int], room: int) -> str:
    cells = [
        cell + " " * (size - measure(cell)) for cell, size in zip(line[:-1], sizes, strict=True)
    ]
    tail = cut(line[-1], max(room, NARROWEST) if room else 0)
    return GAP.join([*cells, tail]).rstrip()
