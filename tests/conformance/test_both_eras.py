"""The server of crossed cells asks the same in both eras, over each form."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import mcp_types as t
import pytest
from mcp.client.client import Client
from mcp.client.session import ClientRequestContext
from pydantic import FileUrl

from tests.support.both_eras_server import TOOLS
from tests.support.suite_client import accept
from tests.support.suite_world import BOTH, Form, fixture

pytestmark = pytest.mark.requirement("R-CONFORMANCE")
Mode = Literal["legacy", "2026-07-28"]
ARGUMENTS = {"test_sampling": {"prompt": "Hi"}, "test_elicitation": {"message": "Hi"}}


async def sample(
    context: ClientRequestContext, params: t.CreateMessageRequestParams
) -> t.CreateMessageResult:
    said = t.TextContent(type="text", text="Paris")
    return t.CreateMessageResult(role="assistant", content=said, model="none")


async def list_roots(context: ClientRequestContext) -> t.ListRootsResult:
    return t.ListRootsResult(roots=[t.Root(uri=FileUrl("file:///work"))])


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async with fixture(BOTH, Form("http"), tmp_path) as server:
        yield str(server["url"])


async def ask_all(url: str, mode: Mode) -> dict[str, str]:
    """Call everything that asks and keep what came of it."""
    found = {}
    async with Client(
        url,
        mode=mode,
        elicitation_callback=accept,
        sampling_callback=sample,
        list_roots_callback=list_roots,
    ) as client:
        for name in TOOLS:
            (content,) = (await client.call_tool(name, ARGUMENTS.get(name, {}))).content
            assert isinstance(content, t.TextContent)
            found[name] = content.text
        (message,) = (await client.get_prompt("test_input_required_result_prompt")).messages
        assert isinstance(message.content, t.TextContent)
        found["prompt"] = message.content.text
    return found


async def test_every_tool_that_asks_asks_the_same_in_both_eras(url: str) -> None:
    legacy, modern = await ask_all(url, "legacy"), await ask_all(url, "2026-07-28")
    # An answer that was asked in an earlier round is not asked for again.
    several = "test_input_required_result_multi_round"
    assert legacy.pop(several).endswith(modern.pop(several))
    assert legacy == modern
    assert "Paris" in legacy["test_input_required_result_multiple_inputs"]
    assert "file:///work" in legacy["test_input_required_result_list_roots"]
    assert '"accept"' in legacy["prompt"]
