"""Twenty clients on one server: what it asks reaches the client of the call, and nobody else."""

import asyncio
from pathlib import Path
from typing import Literal

import mcp_types as t
import pytest
from mcp.client.client import Client
from mcp.client.session import ClientRequestContext

from tests.support.suite_cells import FORMS
from tests.support.suite_world import BOTH, fixture, gateway

pytestmark = pytest.mark.requirement("R-BRIDGE", "R-ATTRIBUTION")
CLIENTS = 20
CALLS = 3
Mode = Literal["legacy", "2026-07-28"]


async def ask_in_turns(url: str, number: int, mode: Mode) -> list[str]:
    """Call a tool that asks, some times; return what one client was asked."""
    heard: list[str] = []

    async def answer(
        context: ClientRequestContext, params: t.ElicitRequestParams
    ) -> t.ElicitResult:
        heard.append(params.message)
        return t.ElicitResult(action="accept", content={"response": params.message})

    async with Client(url, mode=mode, elicitation_callback=answer) as client:
        for turn in range(CALLS):
            asked = {"message": f"client {number}, turn {turn}"}
            result = await client.call_tool("test_elicitation", asked)
            assert not result.is_error, result
            (content,) = result.content
            assert isinstance(content, t.TextContent)
            assert asked["message"] in content.text
    return heard


async def ask_all(server: dict[str, object], folder: Path, mode: Mode) -> None:
    """Have twenty clients ask at once; each must be asked what it asked for."""
    async with gateway([{"name": "fixture", **server}], folder) as url:
        clients = [ask_in_turns(url, number, mode) for number in range(CLIENTS)]
        heard = await asyncio.gather(*clients)
    assert heard == [
        [f"client {number}, turn {turn}" for turn in range(CALLS)] for number in range(CLIENTS)
    ]


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("form", ["http-legacy", "http-modern", "stdio"])
async def test_what_a_server_asks_reaches_the_client_of_the_call(
    form: str, mode: Mode, tmp_path: Path
) -> None:
    async with fixture(BOTH, FORMS[form], tmp_path) as server:
        await ask_all(server, tmp_path, mode)


@pytest.mark.parametrize("form", ["sse", "websocket"])
async def test_on_one_wire_each_session_can_have_a_link_of_its_own(
    form: str, tmp_path: Path
) -> None:
    async with fixture(BOTH, FORMS[form], tmp_path) as server:
        await ask_all({**server, "isolation": "session"}, tmp_path, "legacy")


@pytest.mark.parametrize("form", ["sse", "websocket"])
async def test_on_one_wire_each_modern_call_has_a_link_of_its_own(
    form: str, tmp_path: Path
) -> None:
    async with fixture(BOTH, FORMS[form], tmp_path) as server:
        await ask_all(server, tmp_path, "2026-07-28")
