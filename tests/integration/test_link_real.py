"""Links to servers that nobody here wrote, over both transports and in both eras."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from mcpgate.config.model import Server
from mcpgate.links.open import open_link
from mcpgate.links.setup import Setup
from mcpgate.model import Era, Link, Peer
from tests.support.link_world import a_setup, call_tool, finish, http_server

EVERYTHING = "@modelcontextprotocol/server-everything/dist/index.js"
BIN = Path(sys.executable).parent


class Tool(msgspec.Struct):
    name: str


class Tools(msgspec.Struct):
    tools: list[Tool]


async def list_tools(link: Link) -> set[str]:
    raw = await link.request("tools/list", b"", 20)
    return {tool.name for tool in msgspec.json.decode(raw, type=Tools).tools}


@asynccontextmanager
async def a_link(
    server: Server, hint: Era | None = None
) -> AsyncIterator[tuple[Link, Peer, Setup]]:
    async with a_setup() as setup:
        async with asyncio.timeout(28):
            link, peer = await open_link(server, setup, hint)
        try:
            yield link, peer, setup
        finally:
            await link.close()


@asynccontextmanager
async def a_process(port: int, *command: str, cwd: Path, **env: str) -> AsyncIterator[str]:
    """Run a server until it accepts connections on its port; end it afterwards."""
    process = await asyncio.create_subprocess_exec(
        *command, env=dict(os.environ) | env, cwd=cwd, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(25):
            await until_it_accepts(process, port)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_it_accepts(process: asyncio.subprocess.Process, port: int) -> None:
    for _ in range(500):
        if process.returncode is not None or await accepts(port):
            break
        await asyncio.sleep(0.05)  # nothing but its port tells when a server is ready


async def accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.mark.requirement("R-LINK-STDIO")
@pytest.mark.parametrize("hint", ["legacy", None])
async def test_mcp_server_time(hint: Era | None) -> None:
    command = (str(BIN / "mcp-server-time"), "--local-timezone", "UTC")
    server = Server(name="time", transport="stdio", command=command)
    async with a_link(server, hint) as (link, peer, _):
        assert peer.era == (hint or "modern")
        assert await list_tools(link) == {"get_current_time", "convert_time"}


@pytest.mark.requirement("R-LINK-STDIO")
async def test_mcp_server_git(root: Path) -> None:
    command = (str(BIN / "mcp-server-git"), "--repository", str(root))
    server = Server(name="git", transport="stdio", command=command)
    async with a_link(server) as (link, peer, _):
        assert peer.era == "modern"
        assert "git_status" in await list_tools(link)


@pytest.mark.requirement("R-LINK-STDIO")
async def test_server_everything_over_stdio(node: Path, npm_parts: Path) -> None:
    command = (str(node), str(npm_parts / EVERYTHING), "stdio")
    server = Server(name="every", transport="stdio", command=command)
    async with a_link(server) as (link, peer, setup):
        assert peer.era == "legacy"
        assert "echo" in await list_tools(link)
        call, upstream_id = call_tool(setup, link, "get-tiny-image")
        assert (await finish(call))["id"] == upstream_id


@pytest.mark.requirement("R-LINK-HTTP")
async def test_server_everything_over_http(
    node: Path, npm_parts: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    command = (str(node), str(npm_parts / EVERYTHING), "streamableHttp")
    serving = a_process(port, *command, cwd=npm_parts, PORT=str(port))
    async with serving as url, a_link(http_server(url)) as (link, peer, setup):
        assert peer.era == "legacy"
        link.listen(lambda _: None)
        assert "echo" in await list_tools(link)
        for _ in range(3):
            call, upstream_id = call_tool(setup, link, "get-tiny-image")
            assert (await finish(call))["id"] == upstream_id


@pytest.mark.requirement("R-ERA")
@pytest.mark.parametrize(
    ("form", "era"), [("both", "modern"), ("legacy", "legacy"), ("modern", "modern")]
)
async def test_the_official_sdk_in_each_era(
    form: str, era: str, root: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    module = ("-m", "tests.support.conformance_server", "http", str(port))
    serving = a_process(port, sys.executable, *module, cwd=root, ERA=form)
    async with serving as url, a_link(http_server(url)) as (link, peer, setup):
        assert peer.era == era
        assert "test_simple_text" in await list_tools(link)
        if era == "legacy":
            await use_legacy_tools(link, setup)


async def use_legacy_tools(link: Link, setup: Setup) -> None:
    for tool, expected in (
        ("test_simple_text", 0),
        ("test_tool_with_progress", 3),
        ("test_tool_with_logging", 3),
        ("test_reconnection", 0),
    ):
        call, upstream_id = call_tool(setup, link, tool, deadline_s=20)
        messages = [msgspec.json.decode(await call.receive(), type=dict[str, object])]
        while messages[-1].get("id") != upstream_id:
            messages.append(msgspec.json.decode(await call.receive(), type=dict[str, object]))
        call.close()
        assert len(messages) == expected + 1, tool
        assert "result" in messages[-1]


@pytest.mark.requirement("R-ERA")
@pytest.mark.parametrize("hint", ["legacy", None])
async def test_the_official_sdk_over_stdio(hint: Era | None, root: Path) -> None:
    command = (sys.executable, "-m", "tests.support.conformance_server", "stdio")
    server = Server(name="suite", transport="stdio", command=command, cwd=str(root))
    async with a_link(server, hint) as (link, peer, _):
        assert peer.era == (hint or "modern")
        link.listen(lambda _: None)
        assert "test_simple_text" in await list_tools(link)
