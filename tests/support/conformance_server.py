"""A server of both eras on the official SDK, with what the official conformance suite probes.

    python -m tests.support.conformance_server http 21010   # Streamable HTTP at /mcp
    python -m tests.support.conformance_server stdio
ERA=legacy|modern makes the http form single-era.
"""

import asyncio
import itertools
import json
import os
import sys

import mcp_types as t
import uvicorn
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http import EventMessage, EventStore
from mcp.server.subscriptions import ListenHandler
from mcp.shared.exceptions import MCPError

from tests.support.conformance_tools import (
    PNG,
    STR,
    TOOLS,
    ask,
    bus,
    content,
    embed,
    image,
    need,
    text,
)

PROMPTS = {
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
STATIC = {
    "test://static-text": ("text/plain", "This is the content of the static text resource."),
    "test://static-binary": ("image/png", PNG),
    "test://watched-resource": ("text/plain", "watched"),
}


async def list_tools(ctx, p):
    return t.ListToolsResult(tools=[d for d, _ in TOOLS.values()])


async def call_tool(ctx, p):
    if p.name not in TOOLS:
        raise MCPError(code=t.INVALID_PARAMS, message=f"Unknown tool: {p.name}")
    return await TOOLS[p.name][1](ctx, p, p.arguments or {})


async def list_resources(ctx, p):
    return t.ListResourcesResult(
        resources=[
            t.Resource(uri=u, name=u.split("//")[1], mime_type=m) for u, (m, _) in STATIC.items()
        ]
    )


async def list_templates(ctx, p):
    return t.ListResourceTemplatesResult(
        resource_templates=[
            t.ResourceTemplate(
                uri_template="test://template/{id}/data",
                name="template",
                mime_type="application/json",
            )
        ]
    )


async def read_resource(ctx, p):
    uri = str(p.uri)
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
        modern = ctx.protocol_version >= "2026-07-28"
        raise MCPError(
            code=t.INVALID_PARAMS if modern else -32002,
            message="Resource not found",
            data={"uri": uri},
        )
    return t.ReadResourceResult(contents=[one])


async def list_prompts(ctx, p):
    return t.ListPromptsResult(
        prompts=[
            t.Prompt(
                name=n,
                description=n,
                arguments=[t.PromptArgument(name=x, required=True) for x in args],
            )
            for n, (args, _) in PROMPTS.items()
        ]
    )


async def get_prompt(ctx, p):
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


async def complete(ctx, p):
    return t.CompleteResult(completion=t.Completion(values=[], total=0, has_more=False))


async def empty(ctx, p):
    return t.EmptyResult()


def build():
    s = Server(
        "conformance-backend",
        version="1.0",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_subscribe_resource=empty,
        on_unsubscribe_resource=empty,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
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


class Replay(EventStore):
    def __init__(self):
        self.log, self.seq = [], itertools.count(1)

    async def store_event(self, stream_id, message):
        self.log.append((str(next(self.seq)), stream_id, message))
        return self.log[-1][0]

    async def replay_events_after(self, last_event_id, send):
        stream = next((s for e, s, _ in self.log if e == last_event_id), None)
        for e, s, m in list(self.log):
            if s == stream and int(e) > int(last_event_id) and m is not None:
                await send(EventMessage(m, e))
        return stream


def single_era(app, era):
    """Reject the other era as its servers would: plain-text 400 or 405, before the SDK sees it."""
    if era == "both":
        return app

    async def choose(scope, receive, send):
        if scope["type"] == "http":
            modern = dict(scope["headers"]).get(b"mcp-protocol-version", b"") >= b"2026-07-28"
            if modern != (era == "modern"):
                code = 405 if scope["method"] in ("GET", "DELETE") else 400
                await send({"type": "http.response.start", "status": code, "headers": []})
                await send({"type": "http.response.body", "body": b"unsupported era"})
                return
        await app(scope, receive, send)

    return choose


async def serve_stdio(server):
    async with stdio_server() as (r, w):
        options = server.create_initialization_options(NotificationOptions(True, True, True))
        await server.run(r, w, options)


def serve_http(server, port):
    app = server.streamable_http_app(event_store=Replay(), retry_interval=100)
    app = single_era(app, os.environ.get("ERA", "both"))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        asyncio.run(serve_stdio(build()))
    else:
        serve_http(build(), int(sys.argv[2]))
