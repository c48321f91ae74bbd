"""What the suite's client scenarios run: a fresh gateway in front of the suite's own server.

    python -m tests.support.suite_client URL
The scenario comes in MCP_CONFORMANCE_SCENARIO. What the suite looks at is the gateway's side of the
talk with the server; the official SDK is only what makes the gateway talk.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from mcp.client.client import Client
from mcp.client.session import ClientRequestContext
from mcp_types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult

from tests.support.suite import CLIENT_S
from tests.support.suite_world import gateway

Drive = Callable[[Client], Awaitable[None]]
Mode = Literal["legacy", "2026-07-28"]
# Later the suite would end the shell that started this process, and nothing else.
DRIVE_S: Final = CLIENT_S - 10
_DUMMIES: Final[Mapping[str, Any]] = {
    "string": "text",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "array": ["text"],
}


class Call(msgspec.Struct):
    """A call that the suite wants."""

    name: str
    arguments: dict[str, object] = {}


class Context(msgspec.Struct, rename="camel"):
    """What the suite tells its client besides the scenario."""

    tool_calls: list[Call] = []


async def look(client: Client) -> None:
    """Only list."""
    await client.list_tools()


async def add(client: Client) -> None:
    """Call a tool with two numbers."""
    await client.call_tool("add_numbers", {"a": 5, "b": 3})


async def call_all(client: Client) -> None:
    """Call every tool that is listed, with what its schema asks for."""
    for tool in (await client.list_tools()).tools:
        await client.call_tool(tool.name, fill(tool.input_schema))


async def use_all(client: Client) -> None:
    """Use every entry that is listed."""
    await call_all(client)
    for resource in (await client.list_resources()).resources:
        await client.read_resource(str(resource.uri))
    for prompt in (await client.list_prompts()).prompts:
        await client.get_prompt(prompt.name)


async def call_wanted(client: Client) -> None:
    """Call what the suite wants called."""
    raw = os.environ["MCP_CONFORMANCE_CONTEXT"]
    for call in msgspec.json.decode(raw, type=Context).tool_calls:
        await client.call_tool(call.name, call.arguments)


async def echo_schema(client: Client) -> None:
    """Give back the schema that was listed."""
    schemas = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
    await client.call_tool("json_schema_echo", {"schema": schemas["json_schema_2020_12_tool"]})


# How each scenario is driven, and the era of the client. It is legacy where the official client
# would itself drop tools or make headers: the gateway is to do that.
DRIVES: Final[Mapping[str, tuple[Mode, Drive]]] = {
    "initialize": ("legacy", look),
    "tools_call": ("legacy", add),
    "elicitation-sep1034-client-defaults": ("legacy", call_all),
    "sse-retry": ("legacy", call_all),
    "request-metadata": ("2026-07-28", look),
    "http-standard-headers": ("legacy", use_all),
    "http-custom-headers": ("legacy", call_wanted),
    "http-invalid-tool-headers": ("legacy", call_all),
    "sep-2322-client-request-state": ("2026-07-28", call_all),
    "json-schema-ref-no-deref": ("2026-07-28", look),
    "json-schema-2020-12-preservation": ("2026-07-28", echo_schema),
}


def fill(schema: Mapping[str, Any]) -> dict[str, object]:
    """Make arguments that a schema takes, of its required properties."""
    properties = schema.get("properties", {})
    return {name: _DUMMIES.get(properties[name]["type"]) for name in schema.get("required", ())}


async def accept(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    """Fill in a form with its defaults."""
    assert isinstance(params, ElicitRequestFormParams)
    fields: Mapping[str, Any] = params.requested_schema["properties"]
    content = {
        name: field.get("default", _DUMMIES[field["type"]]) for name, field in fields.items()
    }
    return ElicitResult(action="accept", content=content)


async def main(url: str) -> None:
    """Register the server, and drive what its scenario is about."""
    mode, drive = DRIVES[os.environ["MCP_CONFORMANCE_SCENARIO"]]
    server = {"name": "suite", "transport": "http", "url": url}
    # One scenario sends null where its own schema wants a boolean.
    firewall = {"arguments": "off"}
    with tempfile.TemporaryDirectory(prefix="mcpgate-") as folder:
        async with (
            asyncio.timeout(DRIVE_S),
            gateway([server], Path(folder), firewall=firewall) as gate,
            Client(gate, mode=mode, elicitation_callback=accept) as client,
        ):
            await drive(client)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
