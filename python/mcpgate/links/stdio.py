"""A wire to a server that is a child process: one message per line, both ways."""

import logging
import os
from typing import Final, final

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault
from mcpgate.links.child import Child, build_env, start_child
from mcpgate.links.setup import Setup
from mcpgate.links.wires import Hearer, Wire, check_unread

SECOND_NS: Final = 1_000_000_000
STDERR_LINES: Final = 200

log = logging.getLogger(__name__)


@final
class StdioWire(Wire):
    """Carry lines to one child and back."""

    def __init__(self, server: Server, setup: Setup) -> None:
        self._server = server
        self._setup = setup
        self._child: Child | None = None
        self._hearer: Hearer | None = None
        self._shown_ns = self._shown = 0

    @property
    def ended(self) -> bool:
        """Whether the child reads no more, also before its last words were heard."""
        return self._child is None or not self._child.reads

    @property
    def pid(self) -> int:
        """The child's process id."""
        return 0 if self._child is None else self._child.pid

    @property
    def stderr_tail(self) -> str:
        """The last of what the child wrote to stderr."""
        return "" if self._child is None else self._child.tail.text

    async def start(self, hearer: Hearer) -> None:
        """Start the child."""
        self._hearer = hearer
        server, setup = self._server, self._setup
        env = build_env(os.environ, server.env)
        self._child = await start_child(
            self, server.command, env, server.cwd, setup.reply_bytes, setup.guard
        )
        log.info("link.started", extra={"server": server.name, "pid": self._child.pid})

    def settle(self, revision: str) -> None:
        """Do nothing: a line has no head."""

    def write(self, body: bytes, _upstream_id: int | None) -> LinkFault | None:
        """Write a line; the child may be slow to read it."""
        child = self._child
        if child is None:
            return LinkFault("unavailable", "the server is not running")
        fault = check_unread(child.unwritten, body, self._setup.write_bytes)
        if fault is None and not child.write(body):
            return LinkFault("unavailable", "the server has closed its stdin")
        return fault

    def is_unsent(self, _upstream_id: int) -> bool:
        """Say no: a line that was written may have been read."""
        return False

    def withdraw(self, upstream_id: int) -> None:
        """Do nothing: what was written is on its way."""

    async def close(self) -> None:
        """End the child."""
        if self._child is not None:
            await self._child.stop()

    # What the child says.

    def take_line(self, line: bytes) -> None:
        """Pass on a message."""
        if self._hearer is not None:
            self._hearer.take_message(line)

    def take_overlong(self, ends: bytes) -> None:
        """Pass on the ends of a line that was too long."""
        if self._hearer is not None:
            self._hearer.take_overlong(ends)

    def take_complaint(self, line: str) -> None:
        """Show a line of stderr, so many a second; it is free text and no sign of an error."""
        if not line:
            return
        now = self._setup.clock.now()
        if now - self._shown_ns >= SECOND_NS:
            if self._shown > STDERR_LINES:
                skipped = self._shown - STDERR_LINES
                fields = {"server": self._server.name, "lines": skipped}
                log.warning("server.stderr_skipped", extra=fields)
            self._shown_ns, self._shown = now, 0
        self._shown += 1
        if self._shown <= STDERR_LINES:
            log.info("server.stderr", extra={"server": self._server.name, "line": line})

    def take_end(self, text: str) -> None:
        """Pass on that the child is gone."""
        if self._hearer is not None:
            self._hearer.take_end(text)
