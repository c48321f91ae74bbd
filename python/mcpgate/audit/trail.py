"""Append-only files of event lines.

Strategy: one `write` per batch to a file opened O_APPEND, so that a line is in the kernel before
the reply it speaks of leaves. What a failing disk did not take is kept (bounded) and written first
at the next batch, exactly where the write stopped; nobody has to repair a half line, except after
a crash, when the last line of the newest file is ended with a newline.
Rules: one process writes a trail; a file is never changed once a newer one exists.
"""

import logging
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, final

from mcpgate.errors import GatewayFault
from mcpgate.gate import AppendFile

PENDING_LIMIT_BYTES: Final = 1 << 20
_STAMP: Final = "%Y%m%dT%H%M%S.%fZ"
_log = logging.getLogger("mcpgate.audit")


def list_segments(folder: Path) -> list[Path]:
    """List the event files of a trail, oldest first; their names sort by start."""
    return sorted(folder.glob("events-*.jsonl"))


@final
class Trail:
    """Write event lines so that they outlive the process."""

    def __init__(self, path: str, segment_bytes: int, keep: int, wall: Callable[[], int]) -> None:
        """Take the folder, when to begin a new file, how many to keep and a wall clock in ns."""
        self._folder = Path(path)
        self._segment_bytes = segment_bytes
        self._keep = keep
        self._wall = wall
        self._file: AppendFile | None = None
        self._segment = Path()
        self._size_bytes = 0
        self._pending = b""
        self.failure = ""
        self.dropped = 0

    def open(self) -> None:
        """Make the folder, end a torn last line and continue the newest file."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            segments = list_segments(self._folder)
            self._open_segment(segments[-1] if segments else self._name_segment())
        except OSError as fault:
            raise GatewayFault("overloaded", _explain(self._folder, fault)) from fault

    def close(self) -> None:
        """Write what is pending, push the file to the disk and close it."""
        self.record(b"")
        if self._file is not None:
            self._file.sync()
            self._file = None

    def record(self, lines: bytes) -> bool:
        """Append complete lines; return False while they cannot be written."""
        if self._pending:
            lines = self._pending + lines
        if not lines:
            return True
        try:
            file = self._file or self._open_segment(self._segment)
            if self._is_full(len(lines)):
                file = self._rotate()
        except OSError as fault:
            return self._fail(lines, 0, fault)
        return self._write(file, lines)

    def _write(self, file: AppendFile, lines: bytes) -> bool:
        done = 0
        try:
            while done < len(lines):
                done += file.write(lines[done:] if done else lines)
        except OSError as fault:
            return self._fail(lines, done, fault)
        self._size_bytes += done
        self._pending = b""
        if self.failure:
            _log.warning("audit.healed", extra={"dropped": self.dropped})
            self.failure = ""
        return True

    def _fail(self, lines: bytes, done: int, fault: OSError) -> bool:
        """Keep what was not written, newest lines dropped over the bound, and try anew later."""
        rest = lines[done:]
        if len(rest) > PENDING_LIMIT_BYTES:
            cut = rest.rfind(b"\n", 0, PENDING_LIMIT_BYTES) + 1
            self.dropped += rest.count(b"\n", cut)
            rest = rest[:cut] or b"\n"
        self._pending = rest
        self._file = None
        if not self.failure:
            _log.error("audit.failed", extra={"text": _explain(self._folder, fault)})
        self.failure = _explain(self._folder, fault)
        return False

    def _is_full(self, more_bytes: int) -> bool:
        at_line_start = not self._pending
        return at_line_start and 0 < self._size_bytes > self._segment_bytes - more_bytes

    def _rotate(self) -> AppendFile:
        """Begin a new file; the old one is the kernel's to write, nothing waits for the disk."""
        file = self._open_segment(self._name_segment())
        for old in list_segments(self._folder)[: -self._keep]:
            old.unlink(missing_ok=True)
        return file

    def _name_segment(self) -> Path:
        """Name a file by the time, later than every file there is."""
        seconds, rest_ns = divmod(self._wall(), 1_000_000_000)
        start = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=rest_ns // 1000)
        segments = list_segments(self._folder)
        name = f"events-{start.strftime(_STAMP)}.jsonl"
        if segments and name <= segments[-1].name:
            last = datetime.strptime(segments[-1].name[7:-6], _STAMP).replace(tzinfo=UTC)
            name = f"events-{(last + timedelta(microseconds=1)).strftime(_STAMP)}.jsonl"
        return self._folder / name

    def _open_segment(self, segment: Path) -> AppendFile:
        fd = os.open(segment, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(f"{segment} is no regular file")
            size = found.st_size
            if size > 0 and os.pread(fd, 1, size - 1) != b"\n" and not self._pending:
                size += os.write(fd, b"\n")
                _log.warning("audit.torn", extra={"file": str(segment)})
        finally:
            os.close(fd)
        self._file, self._segment, self._size_bytes = AppendFile(str(segment)), segment, size
        return self._file


def _explain(folder: Path, fault: OSError) -> str:
    text = fault.strerror or str(fault)
    return f"events cannot be written to {folder}: {text}; free space or set audit.path"
