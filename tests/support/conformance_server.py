"""A server of both eras on the official SDK, with what the official conformance suite probes.

    python -m tests.support.conformance_server http 21010   # Streamable HTTP at /mcp
    python -m tests.support.conformance_server stdio
    python -m tests.support.conformance_server sse 21011    # HTTP+SSE at /sse and /messages/
ERA=legacy|modern makes the http form single-era.
"""

import asyncio
import itertools
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, final

import mcp_types as t
import uvicorn
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.sse import SseServerTransport
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.server.subscriptions import ListenHandler
from mcp.shared.exceptions import MCPError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.support.conformance_content import PNG, STR, ask, content, embed, image, need, text
from tests.support.conformance_tools import (
    COMING,
    MODERN,
    TOOLS,
    Context,
    Result,
    bus,
    note_session,
)

Fixture = Server[dict[str, object]]
Called = Callable[[Context, t.CallToolRequestParams], Awaitable[Result]]
Got = Callable[
    [Context, t.GetPromptRequestParams], Awaitable[t.GetPromptResult | t.InputRequiredResult]
]
Parts = Sequence[t.ContentBlock]
Render = Callable[[Mapping[str, str]], Parts]

PROMPTS: Final[Mapping[str, tuple[Sequence[str], Render | None]]] = {
    "test_simple_prompt": ([], lambda a: [text("This is a simple prompt for testing.")]),
    "test_prompt_with_arguments": (
        ["arg1", "arg2"],
        lambda a: [text(f"Prompt with arguments: arg1='{a.get('arg1')}', arg2='{a.get('arg2')}'")],
    ),
    "test_prompt_with_embedded_resource": (
        ["resourceUri"],
        lambda a: [
            embed(a.get("resourceUri", "test://x"), "Embedded resource content for testing."),
            text("See above."),
        ],
    ),
    "test_prompt_with_image": ([], lambda a: [image(), text("Please analyze the image above.")]),
    "test_input_required_result_prompt": ([], None),
}
STATIC: Final = {
    "test://static-text": ("text/plain", "This is the content of the static text resource."),
    "test://static-binary": ("image/png", PNG),
    "test://watched-resource": ("text/plain", "watched"),
}


async def list_tools(ctx: Context, p: t.PaginatedRequestParams | None) -> t.ListToolsResult:
    note_session(ctx)
    coming = [
        t.Tool(name=n, description="comes and goes", input_schema={"type": "object"})
        for n in COMING["tools"]
    ]
    return t.ListToolsResult(tools=[*(d for d, _ in TOOLS.values()), *coming])


async def call_tool(ctx: Context, p: t.CallToolRequestParams) -> Result:
    if p.name not in TOOLS:
        raise MCPError(code=t.INVALID_PARAMS, message=f"Unknown tool: {p.name}")
    return await TOOLS[p.name][1](ctx, p, p.arguments or {})


async def list_resources(ctx: Context, p: t.PaginatedRequestParams | None) -> t.ListResourcesResult:
    return t.ListResourcesResult(
        resources=[
            t.Resource(uri=u, name=u.split("//")[1], mime_type=m) for u, (m, _) in STATIC.items()
        ]
    )


async def list_templates(
    ctx: Context, p: t.PaginatedRequestParams | None
) -> t.ListResourceTemplatesResult:
    return t.ListResourceTemplatesResult(
        resource_templates=[
            t.ResourceTemplate(
                uri_template="test://template/{id}/data",
                name="template",
                mime_type="application/json",
            )
        ]
    )


async def read_resource(ctx: Context, p: t.ReadResourceRequestParams) -> t.ReadResourceResult:
    uri = str(p.uri)
    one: t.TextResourceContents | t.BlobResourceContents
    if uri.startswith("test://template/") and uri.endswith("/data"):
        ident = uri.split("/")[3]
        one = t.TextResourceContents(
            uri=uri,
            mime_type="application/json",
            text=json.dumps({"id": ident, "templateTest": True, "data": f"Data for ID: {ident}"}),
        )
    elif uri == "test://static-binary":
        one = t.BlobResourceContents(uri=uri, mime_type="image/png", blob=PNG)
    elif uri in STATIC:
        one = t.TextResourceContents(uri=uri, mime_type=STATIC[uri][0], text=STATIC[uri][1])
    else:
        modern = ctx.protocol_version >= MODERN
        raise MCPError(
            code=t.INVALID_PARAMS if modern else -32002,
            message="Resource not found",
            data={"uri": uri},
        )
    return t.ReadResourceResult(contents=[one])


async def list_prompts(ctx: Context, p: t.PaginatedRequestParams | None) -> t.ListPromptsResult:
    return t.ListPromptsResult(
        prompts=[
            t.Prompt(
                name=n,
                description=n,
                arguments=[t.PromptArgument(name=x, required=True) for x in args],
            )
            for n, (args, _) in PROMPTS.items()
        ]
        + [t.Prompt(name=n, description="comes and goes") for n in COMING["prompts"]]
    )


async def get_prompt(
    ctx: Context, p: t.GetPromptRequestParams
) -> t.GetPromptResult | t.InputRequiredResult:
    if p.name not in PROMPTS:
        raise MCPError(code=t.INVALID_PARAMS, message=f"Unknown prompt: {p.name}")
    render = PROMPTS[p.name][1]
    if render is None:
        got = p.input_responses or {}
        if "user_context" not in got:
            return need(user_context=ask("Which context?", context=STR))
        given = content(got["user_context"]).get("context")
        return t.GetPromptResult(
            messages=[t.PromptMessage(role="user", content=text(f"context: {given}"))]
        )
    return t.GetPromptResult(
        messages=[t.PromptMessage(role="user", content=c) for c in render(p.arguments or {})]
    )


async def complete(ctx: Context, p: t.CompleteRequestParams) -> t.CompleteResult:
    return t.CompleteResult(completion=t.Completion(values=[], total=0, has_more=False))


async def empty(ctx: Context, p: t.RequestParams) -> t.EmptyResult:
    return t.EmptyResult()


def build(on_call_tool: Called = call_tool, on_get_prompt: Got = get_prompt) -> Fixture:
    s = Server(
        "conformance-backend",
        version="1.0",
        on_list_tools=list_tools,
        on_call_tool=on_call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_subscribe_resource=empty,
        on_unsubscribe_resource=empty,
        on_list_prompts=list_prompts,
        on_get_prompt=on_get_prompt,
        on_completion=complete,
        on_set_logging_level=empty,
        on_subscriptions_listen=ListenHandler(bus),
        get_tool_input_schema=lambda n: TOOLS[n][0].input_schema if n in TOOLS else None,
    )
    s.middleware.append(
        RequestStateBoundary(
            RequestStateSecurity(keys=[b"fixture-key-" * 4]), default_audience="conformance-backend"
        )
    )
    return s


@final
class Replay(EventStore):
    def __init__(self) -> None:
        self.log: list[tuple[str, str, t.JSONRPCMessage | None]] = []
        self.seq = itertools.count(1)

    async def store_event(self, stream_id: str, message: t.JSONRPCMessage | None) -> str:
        self.log.append((str(next(self.seq)), stream_id, message))
        return self.log[-1][0]

    async def replay_events_after(self, last_event_id: str, send: EventCallback) -> str | None:
        stream = next((s for e, s, _ in self.log if e == last_event_id), None)
        for e, s, m in list(self.log):
            if s == stream and int(e) > int(last_event_id) and m is not None:
                await send(EventMessage(m, e))
        return stream


def single_era(app: ASGIApp, era: str) -> ASGIApp:
    """Reject the other era as its servers would: plain-text 400 or 405, before the SDK sees it."""
    if era == "both":
        return app

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            modern = dict(scope["headers"]).get(b"mcp-protocol-version", b"") >= MODERN.encode()
            if modern != (era == "modern"):
                code = 405 if scope["method"] in ("GET", "DELETE") else 400
                await send({"type": "http.response.start", "status": code, "headers": []})
                await send({"type": "http.response.body", "body": b"unsupported era"})
                return
        await app(scope, receive, send)

    return choose


def options_of(server: Fixture) -> InitializationOptions:
    return server.create_initialization_options(NotificationOptions(True, True, True))


async def serve_stdio(server: Fixture) -> None:
    async with stdio_server() as (r, w):
        await server.run(r, w, options_of(server))


def make_http(server: Fixture) -> ASGIApp:
    app = server.streamable_http_app(event_store=Replay(), retry_interval=100)
    return single_era(app, os.environ.get("ERA", "both"))


def make_sse(server: Fixture) -> ASGIApp:
    transport = SseServerTransport("/messages/")

    async def stream(request: Request) -> Response:
        async with transport.connect_sse(request.scope, request.receive, request._send) as (r, w):
            await server.run(r, w, options_of(server))
        return Response()

    messages = Mount("/messages/", transport.handle_post_message)
    return Starlette(routes=[Route("/sse", stream), messages])


def main(server: Fixture) -> None:
    """Serve as the arguments say."""
    if sys.argv[1] == "stdio":
        asyncio.run(serve_stdio(server))
        return
    app = make_sse(server) if sys.argv[1] == "sse" else make_http(server)
    # h11 trims the blanks around a header's value, as the specification wants.
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", http="h11")


if __name__ == "__main__":
    main(build())
