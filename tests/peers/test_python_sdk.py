"""The official Python SDK as client, in each of its modes."""

from typing import Literal

import pytest
from mcp.client.client import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from mcp_types import TextContent

from tests.support.calls import CALLS, WRONG, missing_tools
from tests.support.quickstart import Quickstart

pytestmark = [pytest.mark.requirement("R-PEERS"), pytest.mark.timeout(120)]

Mode = Literal["legacy", "auto", "2026-07-28"]
MODES: dict[Mode, str] = {"legacy": "2025-11-25", "auto": "2026-07-28", "2026-07-28": "2026-07-28"}


@pytest.mark.parametrize("mode", MODES)
async def test_lists_and_calls_every_server(gateway: str, mode: Mode) -> None:
    async with Client(gateway, mode=mode) as client:
        assert client.protocol_version == MODES[mode]
        tools = await client.list_tools()
        assert not missing_tools([tool.name for tool in tools.tools])
        for call in CALLS:
            result = await client.call_tool(call.tool, dict(call.arguments))
            (content,) = result.content
            assert isinstance(content, TextContent)
            assert call.answer in content.text
            assert not result.is_error


@pytest.mark.requirement("R-TEACH")
@pytest.mark.parametrize("mode", MODES)
async def test_shows_the_model_what_was_wrong(gateway: str, mode: Mode) -> None:
    async with Client(gateway, mode=mode) as client:
        await client.list_tools()
        for call in WRONG:
            result = await client.call_tool(call.tool, dict(call.arguments))
            (content,) = result.content
            assert isinstance(content, TextContent)
            assert result.is_error
            assert call.answer in content.text


@pytest.mark.parametrize("mode", MODES)
async def test_reads_prompts_and_resources(gateway: str, mode: Mode) -> None:
    async with Client(gateway, mode=mode) as client:
        prompts = await client.list_prompts()
        names = {prompt.name for prompt in prompts.prompts}
        assert {"everything__simple-prompt", "everything-http__simple-prompt"} <= names
        prompt = await client.get_prompt("everything__simple-prompt")
        assert prompt.messages
        resources = await client.list_resources()
        assert resources.resources
        for resource in (resources.resources[0], resources.resources[-1]):
            read = await client.read_resource(str(resource.uri))
            assert read.contents
        templates = await client.list_resource_templates()
        assert templates.resource_templates


@pytest.mark.requirement("R-SSE")
@pytest.mark.parametrize("server", ["everything", "everything-http"])
@pytest.mark.parametrize("mode", MODES)
async def test_hears_of_progress_before_the_result(gateway: str, mode: Mode, server: str) -> None:
    heard: list[tuple[float, float | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total))

    async with Client(gateway, mode=mode) as client:
        result = await client.call_tool(
            f"{server}__trigger-long-running-operation",
            {"duration": 0.4, "steps": 4},
            progress_callback=hear,
        )
    assert not result.is_error
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.requirement("R-ERRORS")
@pytest.mark.parametrize("mode", MODES)
async def test_an_unknown_tool_is_one_clear_error(gateway: str, mode: Mode) -> None:
    async with Client(gateway, mode=mode) as client:
        with pytest.raises(MCPError, match="Unknown tool") as caught:
            await client.call_tool("everything__no-such-tool", {})
        assert caught.value.error.code == -32602
        assert (await client.list_tools()).tools


@pytest.fixture
def by_stdio(command: list[str], command_env: dict[str, str]) -> StdioServerParameters:
    """Say how the SDK starts the command."""
    return StdioServerParameters(command=command[0], args=command[1:], env=command_env)


@pytest.mark.requirement("R-STDIO")
@pytest.mark.parametrize("mode", MODES)
async def test_lists_and_calls_by_stdio(by_stdio: StdioServerParameters, mode: Mode) -> None:
    async with Client(stdio_client(by_stdio), mode=mode) as client:
        assert client.protocol_version == MODES[mode]
        tools = await client.list_tools()
        assert not missing_tools([tool.name for tool in tools.tools])
        for call in CALLS:
            result = await client.call_tool(call.tool, dict(call.arguments))
            (content,) = result.content
            assert isinstance(content, TextContent)
            assert call.answer in content.text


@pytest.mark.requirement("R-STDIO")
@pytest.mark.parametrize("mode", MODES)
async def test_hears_of_progress_by_stdio(by_stdio: StdioServerParameters, mode: Mode) -> None:
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async with Client(stdio_client(by_stdio), mode=mode) as client:
        result = await client.call_tool(
            "everything__trigger-long-running-operation",
            {"duration": 0.4, "steps": 4},
            progress_callback=hear,
        )
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("everything__no-such-tool", {})
    assert not result.is_error
    assert heard == [1, 2, 3, 4]


@pytest.mark.requirement("R-LISTEN-SSE")
@pytest.mark.parametrize("mode", MODES)
async def test_lists_and_calls_by_sse(served: Quickstart, mode: Mode) -> None:
    for url in (served.url, served.native_url):
        async with Client(sse_client(f"{url.removesuffix('/mcp')}/sse"), mode=mode) as client:
            assert client.protocol_version == MODES[mode]
            tools = await client.list_tools()
            assert not missing_tools([tool.name for tool in tools.tools])
            for call in CALLS:
                result = await client.call_tool(call.tool, dict(call.arguments))
                (content,) = result.content
                assert isinstance(content, TextContent)
                assert call.answer in content.text
