"""What `mcpgate serve` says on stdout: the catalog once, then every change of a server.

Strategy: a thread beside the gateway asks the control socket, as `mcpgate list` would; nothing on
the path of a message knows of it.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, final

import msgspec

from mcpgate.admin.wire import Status
from mcpgate.cli.codes import CommandFault
from mcpgate.cli.control import Client
from mcpgate.cli.list import SETTLE_S, explain_state, render_catalog, wait_for_entries
from mcpgate.cli.table import find_width
from mcpgate.model import ServerStatus
from mcpgate.registry.difference import show
from mcpgate.telemetry.log import escape

FIRST_S: Final = 20.0
STARTING_S: Final = 0.1
CHANGES_S: Final = 2.0


@final
class Announcer:
    """Follow a gateway from its start and say what an operator wants to know."""

    def __init__(self, client: Client, look: str, say: Callable[[str], None]) -> None:
        """Take how to ask the gateway, the command to look at it, and where sentences go."""
        self._client = client
        self._look = look
        self._say = say
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="announcer", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Say nothing any more."""
        self._done.set()
        self._thread.join(timeout=1)

    def _follow(self) -> None:
        status = self._wait_for_gateway()
        if status is None:
            return
        servers = self._wait_for_servers()
        known = {server.name: server for server in servers}
        self._say(self._introduce(status, servers))
        while not self._done.wait(CHANGES_S):
            try:
                now = {server.name: server for server in self._client.list_servers()}
            except (CommandFault, msgspec.DecodeError):
                continue
            for sentence in list_changes(known, now):
                self._say(sentence)
            known = now

    def _wait_for_gateway(self) -> Status | None:
        """Ask until our own gateway answers; another one's answer is not for us to show."""
        while not self._done.wait(STARTING_S):
            try:
                status = self._client.read_status()
            except (CommandFault, msgspec.DecodeError):
                continue
            if status.pid in (0, os.getpid()):
                return status
        return None

    def _wait_for_servers(self) -> list[ServerStatus]:
        deadline = time.perf_counter() + FIRST_S
        servers: list[ServerStatus] = []
        while not self._done.is_set() and time.perf_counter() < deadline:
            with suppress(CommandFault, msgspec.DecodeError):
                servers = self._client.list_servers()
                if all(server.state != "starting" for server in servers):
                    break
            self._done.wait(STARTING_S)
        return servers

    def _introduce(self, status: Status, servers: list[ServerStatus]) -> str:
        try:
            entries = wait_for_entries(self._client, servers, SETTLE_S)
            status = self._client.read_status()
        except (CommandFault, msgspec.DecodeError):
            entries = []
        shown = render_catalog(servers, entries, find_width())
        return introduce(status, shown, self._look)


def introduce(status: Status, catalog: str, look: str) -> str:
    """Write the catalog, the address and what to paste into a client."""
    parts = [catalog]
    if status.problems:
        parts.append("\n".join(f"note: {show(problem)}" for problem in status.problems))
    for url in status.urls:
        form = msgspec.json.encode({"mcpServers": {"mcpgate": {"type": "http", "url": url}}})
        parts.append(
            f"MCP address    {url}\n"
            f"Claude Code    claude mcp add --transport http mcpgate {url}\n"
            f"Other clients  {form.decode()}"
        )
    parts.append(f"Look at it     {look}\n\nCtrl-C stops the gateway.")
    return "\n" + "\n\n".join(parts)


def list_changes(old: dict[str, ServerStatus], new: dict[str, ServerStatus]) -> list[str]:
    """Say which servers came, went, or offer something else than before."""
    sentences = [f"server {name}: removed" for name in old.keys() - new.keys()]
    for name, server in new.items():
        if name not in old or _summarize(old[name]) != _summarize(server):
            sentences.append(f"server {escape(name)}: {_summarize(server)}")
    return sentences


def _summarize(server: ServerStatus) -> str:
    if server.state != "up":
        reason = escape(explain_state(server))
        return f"{server.state} ({reason})" if reason else server.state
    return (
        f"up, {server.tools} tools, {server.prompts} prompts, {server.resources} resources, "
        f"{server.templates} templates"
    )
