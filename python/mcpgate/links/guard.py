"""A small process that kills what a killed gateway leaves behind.

The kernel ends each child with the gateway (see child.py), but not what the child started. So one
process, made with the first child, is told the process groups over a pipe; the pipe's end means
that the gateway is gone, and whatever groups were not taken back are killed.
"""

import logging
import subprocess
import sys
from typing import Final, final

LAST_S: Final = 2.0
log = logging.getLogger(__name__)

_WATCH: Final = """
import os, sys
groups = set()
for line in sys.stdin.buffer:
    (groups.add if line[:1] == b"+" else groups.discard)(int(line[1:]))
for group in groups:
    try: os.killpg(group, 9)
    except OSError: pass
"""


@final
class Guard:
    """Tell the process which groups to kill."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._broken = False

    def add(self, group: int) -> None:
        """Have a group killed with the gateway."""
        if self._process is None and not self._broken:
            self._start()
        self._tell(b"+%d\n" % group)

    def remove(self, group: int) -> None:
        """Leave a group alone: it has ended, and its number may be given again."""
        self._tell(b"-%d\n" % group)

    def close(self) -> None:
        """End the process; it kills what is still there."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.communicate(timeout=LAST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> None:
        try:
            self._process = subprocess.Popen(
                (sys.executable, "-I", "-S", "-c", _WATCH),
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                start_new_session=True,
            )
        except OSError as fault:
            self._fail(fault)

    def _tell(self, line: bytes) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        try:
            process.stdin.write(line)
        except OSError as fault:
            self._fail(fault)
            self.close()

    def _fail(self, fault: OSError) -> None:
        self._broken = True
        log.warning("guard.lost", extra={"text": fault.strerror or str(fault)})
