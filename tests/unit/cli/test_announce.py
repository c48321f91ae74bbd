"""What `serve` says: the catalog, the address, the lines to paste, and changes."""

import msgspec
import pytest

from mcpgate.admin.wire import Entry, Status
from mcpgate.cli.announce import introduce, list_changes
from mcpgate.cli.list import render_catalog
from mcpgate.model import LinkState, ServerStatus

URL = "http://127.0.0.1:7332/mcp"


def server(name: str, state: LinkState = "up", tools: int = 1, reason: str = "") -> ServerStatus:
    return ServerStatus(
        name=name,
        transport="stdio",
        state=state,
        revision="2025-11-25" if state == "up" else "",
        reason=reason,
        since_ns=0,
        tools=tools,
        prompts=0,
        resources=0,
        templates=0,
        detail="",
    )


@pytest.mark.requirement("R-RUN")
def test_the_first_screen() -> None:
    entries = [
        Entry(kind="prompt", name="ask", server="time"),
        Entry(kind="tool", name="time__now", server="time", description="Say the time.\nMore."),
    ]
    status = Status(urls=(URL,), problems=("servers: entry left out",))
    servers = [server("time"), server("git", "down", 0, "lost")]
    shown = introduce(status, render_catalog(servers, entries, 0), "mcpgate list")
    assert (
        shown
        == f"""
kind    name       server  description
tool    time__now  time    Say the time.
prompt  ask        time

server  transport  state  revision    tools  prompts  resources  templates  detail
time    stdio      up     2025-11-25  1      0        0          0
git     stdio      down   -           0      0        0          0          lost

note: servers: entry left out

MCP address    {URL}
Claude Code    claude mcp add --transport http mcpgate {URL}
Other clients  {{"mcpServers":{{"mcpgate":{{"type":"http","url":"{URL}"}}}}}}

Look at it     mcpgate list

Ctrl-C stops the gateway."""
    )


@pytest.mark.requirement("R-RUN")
def test_a_gateway_without_servers_says_what_to_do() -> None:
    assert render_catalog([], [], 80) == "no servers; add some to the configuration"


@pytest.mark.requirement("R-CHANGED")
def test_changes_are_said_once_each() -> None:
    old = {"a": server("a"), "b": server("b"), "c": server("c")}
    new = {
        "a": msgspec.structs.replace(server("a"), since_ns=5),
        "b": server("b", "down", reason="lost\x1b"),
        "d": server("d", tools=7),
    }
    assert list_changes(old, old) == []
    assert list_changes(old, new) == [
        "server c: removed",
        r"server b: down (lost\x1b)",
        "server d: up, 7 tools, 0 prompts, 0 resources, 0 templates",
    ]
