"""A server as a child process: its own process group, few variables, no inherited descriptors.

A gateway that is killed cannot tidy up, so the kernel must: PR_SET_PDEATHSIG. It has to be set
between fork and exec. `preexec_fn` would run Python in a copy of a process that has other threads
(granian's), which may deadlock; so a tiny isolated interpreter sets it, closes every descriptor but
three, and becomes the server. That costs about 10 ms per start. What outlives the server is killed
with its group; after a gateway that was killed, by its guard.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol, cast, final

from mcpgate.errors import LinkFault
from mcpgate.gate import LineCutter
from mcpgate.links.guard import Guard
from mcpgate.links.tail import Tail

STEP_S: Final = 2.0
BURST_LINES: Final = 64
LAST_WORDS_S: Final = 0.5
_KEPT: Final = ("HOME", "PATH", "LANG", "TMPDIR")

# 1 is PR_SET_PDEATHSIG. What is ignored stays so over exec: Python ignores SIGPIPE and SIGXFSZ, and
# who started the gateway in the background may have ignored SIGINT.
_BECOME: Final = """
import ctypes, os, sys, _signal as s
for n in s.valid_signals():
    if s.getsignal(n) == s.SIG_IGN: s.signal(n, s.SIG_DFL)
for fd in map(int, os.listdir("/proc/self/fd")):
    if fd > 2:
        try: os.close(fd)
        except OSError: pass
ctypes.CDLL(None).prctl(1, s.SIGKILL)
if os.getppid() != int(sys.argv[1]): os._exit(127)
try:
    os.execv(sys.argv[2], sys.argv[3:])
except OSError as error:
    sys.exit(f"{sys.argv[2]}: {error.strerror}")
"""


class Keeper(Protocol):
    """Who hears what a child says."""

    def take_line(self, line: bytes) -> None:
        """Take one line of stdout."""
        ...

    def take_overlong(self, ends: bytes) -> None:
        """Take the beginning and the end of a line that was too long."""
        ...

    def take_complaint(self, line: str) -> None:
        """Take one line of stderr."""
        ...

    def take_end(self, text: str) -> None:
        """Take note that the child is of no more use."""
        ...


@final
class Child(asyncio.SubprocessProtocol):
    """One running child and its three pipes."""

    def __init__(self, keeper: Keeper, line_bytes: int, guard: Guard) -> None:
        self.tail = Tail()
        self._guard = guard
        self._keeper = keeper
        self._lines = LineCutter(line_bytes)
        self._transport: asyncio.SubprocessTransport | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._exited = asyncio.Event()
        self._ended = False
        self.pid = 0

    @property
    def unwritten(self) -> int:
        """How many bytes the child has not yet read from its stdin."""
        return 0 if self._stdin is None else self._stdin.get_write_buffer_size()

    @property
    def reads(self) -> bool:
        """Whether what is written may still be read."""
        stdin = self._stdin
        return stdin is not None and not stdin.is_closing() and not self._exited.is_set()

    def write(self, line: bytes) -> bool:
        """Write one message as a line; False when stdin is closed."""
        if self._stdin is None or not self.reads:
            return False
        if b"\n" in line or b"\r" in line:  # blanks between tokens: a JSON string never holds them
            line = line.replace(b"\r", b" ").replace(b"\n", b" ")
        self._stdin.write(line + b"\n")
        return True

    async def stop(self) -> None:
        """Close stdin, then SIGTERM, then SIGKILL to the group; two seconds for each."""
        if self._transport is None:
            return
        if self._stdin is not None:
            self._stdin.close()
        try:
            if not await self._is_gone():
                self._signal(signal.SIGTERM)
                await self._is_gone()
        finally:  # also when nobody has the patience to wait any longer
            self._signal(signal.SIGKILL)
        await self._exited.wait()
        self._transport.close()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the process and its stdin."""
        # uvloop's transports have the methods but not the base classes.
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._stdin = cast("asyncio.WriteTransport | None", self._transport.get_pipe_transport(0))
        self.pid = self._transport.get_pid()
        self._guard.add(self.pid)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Cut stdout into messages and stderr into complaints."""
        if fd == 1:
            lines = self._lines.feed(data)
            for line in lines:
                self._keeper.take_line(line)
            for ends in self._lines.take_overlong():
                self._keeper.take_overlong(ends)
            count = len(lines)
        else:
            texts = self.tail.feed(data)
            for text in texts:
                self._keeper.take_complaint(text)
            count = len(texts)
        if count > BURST_LINES:
            self._give_way(fd)

    def pipe_connection_lost(self, fd: int, _exc: Exception | None) -> None:
        """Without stdout nothing will be answered."""
        if fd == 1:
            if self._exited.is_set():
                self._end()
            else:  # it may just be exiting: wait a moment for the status, which says more
                asyncio.get_running_loop().call_later(LAST_WORDS_S, self._end)

    def process_exited(self) -> None:
        """Kill what is left of its group; hear what is still in the pipe before the end."""
        self._exited.set()
        self._signal(signal.SIGKILL)
        self._guard.remove(self.pid)
        asyncio.get_running_loop().call_later(LAST_WORDS_S, self._end)

    def connection_lost(self, _exc: Exception | None) -> None:
        """All pipes are closed and the process is reaped."""
        self._end()

    def describe(self) -> str:
        """Say how the child ended, with the last line it complained in."""
        status = None if self._transport is None else self._transport.get_returncode()
        if status is None:
            end = "the server closed its stdout"
        elif status < 0:
            end = f"the server was ended by signal {-status} ({_name(-status)})"
        else:
            end = f"the server exited with status {status}"
        words = self.tail.last
        return f"{end}; its last words: {words}" if words else end

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._keeper.take_end(self.describe())

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):  # the group is empty, or not ours any more
            return

    def _give_way(self, fd: int) -> None:
        """Let others have their turn: the loop reads a full pipe again and again before theirs."""
        pipe = None if self._transport is None else self._transport.get_pipe_transport(fd)
        if pipe is not None and not pipe.is_closing():
            reading = cast("asyncio.ReadTransport", pipe)
            reading.pause_reading()
            asyncio.get_running_loop().call_soon(_read_on, reading)

    async def _is_gone(self) -> bool:
        try:
            async with asyncio.timeout(STEP_S):
                await self._exited.wait()
        except TimeoutError:
            return False
        return True


def _read_on(pipe: asyncio.ReadTransport) -> None:
    if not pipe.is_closing():
        pipe.resume_reading()


async def start_child(
    keeper: Keeper,
    command: tuple[str, ...],
    env: dict[str, str],
    cwd: str | None,
    line_bytes: int,
    guard: Guard,
) -> Child:
    """Start a program; raise LinkFault with a text that names what could not be started."""
    program = find_program(command, env)
    if program is None:
        named = repr(command[0]) if command else "no command"
        raise LinkFault("unavailable", f"{named} is not a program in PATH: write its full path")
    wrapped = ("-I", "-S", "-c", _BECOME, str(os.getpid()), program, *command)
    try:
        _, child = await asyncio.get_running_loop().subprocess_exec(
            lambda: Child(keeper, line_bytes, guard),
            sys.executable,
            *wrapped,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as error:
        where = f" in {cwd!r}" if cwd else ""
        text = f"{command[0]!r} cannot be started{where}: {error.strerror or error}"
        raise LinkFault("unavailable", text) from error
    return child


def find_program(command: tuple[str, ...], env: Mapping[str, str]) -> str | None:
    """Return the full path of a command's program, None when there is none."""
    program = shutil.which(command[0], path=env.get("PATH")) if command else None
    return None if program is None else str(Path(program).absolute())


def build_env(own: Mapping[str, str], configured: Mapping[str, str]) -> dict[str, str]:
    """Return the few variables a child gets: four of ours and what its entry names."""
    return {name: own[name] for name in _KEPT if name in own} | dict(configured)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
