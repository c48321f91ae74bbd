"""The tools of the conformance server: what the official suite probes."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

import anyio
import mcp_types as t
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    PromptsListChanged,
    ServerEvent,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError

from tests.support.conformance_content import (
    BOOL,
    STR,
    Schema,
    ask,
    audio,
    content,
    done,
    embed,
    image,
    need,
    obj,
    said,
    sample,
    text,
)

Context = ServerRequestContext[dict[str, object], object]
Arguments = Mapping[str, object]
Result = t.CallToolResult | t.InputRequiredResult
Run = Callable[[Context, t.CallToolRequestParams, Arguments], Awaitable[Result]]
Answers = Mapping[str, t.InputResponse]

MODERN: Final = "2026-07-28"
bus = InMemorySubscriptionBus()


def caps_of(ctx: Context) -> t.ClientCapabilities:
    return ctx.session.client_capabilities or t.ClientCapabilities()


TOOLS: dict[str, tuple[t.Tool, Run]] = {}


def tool(name: str, schema: Schema | None = None) -> Callable[[Run], Run]:
    def register(fn: Run) -> Run:
        TOOLS[name] = (
            t.Tool(
                name=name,
                description=name.replace("_", " "),
                input_schema=schema or {"type": "object", "properties": {}},
            ),
            fn,
        )
        return fn

    return register


def static(name: str, *parts: t.ContentBlock, is_error: bool = False) -> None:
    @tool(name)
    async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
        return done(*parts, is_error=is_error)


static("test_simple_text", text("This is a simple text response for testing."))
static("test_image_content", image())
static("test_audio_content", audio())
static(
    "test_embedded_resource",
    embed("test://embedded-resource", "This is an embedded resource content."),
)
static(
    "test_multiple_content_types",
    text("Multiple content types test:"),
    image(),
    embed("test://mixed-content-resource", '{"test":"data","value":123}', "application/json"),
)
static(
    "test_error_handling",
    text("This tool intentionally returns an error for testing"),
    is_error=True,
)


async def log3(ctx: Context) -> Result:
    for line in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.session.send_log_message(
            level="info", data=line, related_request_id=ctx.request_id
        )
        await anyio.sleep(0.05)
    return done(text("logged"))


@tool("test_tool_with_logging")
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    return await log3(ctx)


@tool("test_logging_tool")
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    return await log3(ctx)


@tool("test_tool_with_progress")
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    for n in (0, 50, 100):
        await ctx.session.report_progress(n, 100, f"step {n}")
        await anyio.sleep(0.05)
    return done(text("progress done"))


@tool("test_sampling", obj(["prompt"], prompt=STR))
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    r = await ctx.session.create_message(
        messages=[t.SamplingMessage(role="user", content=text(a["prompt"]))],
        max_tokens=100,
        related_request_id=ctx.request_id,
    )
    return done(text(f"LLM response: {said(r)}"))


async def elicit(ctx: Context, msg: object, schema: Schema) -> Result:
    r = await ctx.session.elicit_form(str(msg), schema, related_request_id=ctx.request_id)
    return done(text(f"action={r.action} content={json.dumps(r.content or {})}"))


@tool("test_elicitation", obj(["message"], message=STR))
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    return await elicit(ctx, a["message"], obj(["response"], response=STR))


@tool("test_elicitation_sep1034_defaults")
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    return await elicit(
        ctx,
        "Please review the defaults",
        obj(
            name={**STR, "default": "John Doe"},
            age={"type": "integer", "default": 30},
            score={"type": "number", "default": 95.5},
            status={**STR, "enum": ["active", "inactive", "pending"], "default": "active"},
            verified={**BOOL, "default": True},
        ),
    )


@tool("test_elicitation_sep1330_enums")
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    def titled(*names: str) -> list[dict[str, str]]:
        return [{"const": n, "title": n.title()} for n in names]

    return await elicit(
        ctx,
        "Pick values",
        obj(
            untitledSingle={**STR, "enum": ["option1", "option2", "option3"]},
            titledSingle={**STR, "oneOf": titled("value1", "value2", "value3")},
            legacyEnum={
                **STR,
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["One", "Two", "Three"],
            },
            untitledMulti={
                "type": "array",
                "items": {**STR, "enum": ["option1", "option2", "option3"]},
            },
            titledMulti={"type": "array", "items": {"anyOf": titled("value1", "value2", "value3")}},
        ),
    )


@tool("test_reconnection")
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    if ctx.close_sse_stream:  # only set on resumable legacy streams
        await anyio.sleep(0.1)  # the stream's first event would be lost with it
        await ctx.close_sse_stream()
    await anyio.sleep(0.2)
    return done(text("Reconnection test completed"))


@tool(
    "json_schema_2020_12_tool",
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": STR, "city": STR},
            }
        },
        "properties": {
            "name": STR,
            "address": {"$ref": "#/$defs/address"},
            "phone": STR,
            "email": STR,
            "contactMethod": {**STR, "enum": ["phone", "email"]},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": False,
    },
)
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    return done(text(json.dumps(a)))


@tool("test_x_mcp_header", obj(region={**STR, "x-mcp-header": "Region"}))
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    return done(text(f"region={a.get('region')}"))


@tool("test_missing_capability")
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    if caps_of(ctx).sampling is None:
        raise MCPError(
            code=t.MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="client must declare sampling",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return done(text("ok"))


# What comes and goes: the suite says "mutate", and a list that is as before is no news.
COMING: dict[str, set[str]] = {"tools": set(), "prompts": set()}
# Who listed in a legacy session, to be told on the session's own stream.
LEGACY_SESSIONS: dict[Connection, ServerSession] = {}


def note_session(ctx: Context) -> None:
    if ctx.protocol_version < MODERN:
        LEGACY_SESSIONS[ctx.session._connection] = ctx.session


async def change(kind: str, event: ServerEvent, notification: t.ServerNotification) -> Result:
    COMING[kind] ^= {f"test_coming_{kind}"}
    await bus.publish(event)
    for session in list(LEGACY_SESSIONS.values()):
        await session.send_notification(notification)
    return done(text("published"))


@tool("test_trigger_tool_change")
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    return await change("tools", ToolsListChanged(), t.ToolListChangedNotification())


@tool("test_trigger_prompt_change")
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    return await change("prompts", PromptsListChanged(), t.PromptListChangedNotification())


# ---- multi round-trip (2026-07-28) ----
def mrtr(
    name: str,
    first: Callable[[Context], Result],
    keys: Collection[str],
    finish: Callable[[Answers], str],
) -> None:
    @tool(name)
    async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
        got = p.input_responses or {}
        return done(text(finish(got))) if set(keys) <= set(got) else first(ctx)


mrtr(
    "test_input_required_result_elicitation",
    lambda c: need(user_name=ask("What is your name?", name=STR)),
    ["user_name"],
    lambda g: f"Hello, {content(g['user_name']).get('name')}!",
)
mrtr(
    "test_streaming_elicitation",
    lambda c: need(user_name=ask("What is your name?", name=STR)),
    ["user_name"],
    lambda g: "ok",
)
mrtr(
    "test_input_required_result_sampling",
    lambda c: need(capital_question=sample("Capital of France?")),
    ["capital_question"],
    lambda g: said(g["capital_question"]),
)
mrtr(
    "test_input_required_result_list_roots",
    lambda c: need(client_roots=t.ListRootsRequest()),
    ["client_roots"],
    lambda g: g["client_roots"].model_dump_json(),
)
mrtr(
    "test_input_required_result_multiple_inputs",
    lambda c: need(
        "multi",
        user_name=ask("Name?", name=STR),
        greeting=sample("Say hi"),
        client_roots=t.ListRootsRequest(),
    ),
    ["user_name", "greeting", "client_roots"],
    lambda g: "all inputs received",
)


@tool("test_input_required_result_capabilities")
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    c = caps_of(ctx)
    want: dict[str, t.InputRequest] = {}
    if c.sampling is not None:
        want["s"] = sample("hello")
    if c.elicitation is not None:
        want["e"] = ask("Name?", name=STR)
    return need("caps", **want)


@tool("test_input_required_result_request_state")
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    if "confirm" in (p.input_responses or {}) and p.request_state == "nonce":
        return done(text("state-ok"))
    return need("nonce", confirm=ask("Confirm?", ok=BOOL))


@tool("test_input_required_result_tampered_state")
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    return (
        done(text("state-ok"))
        if p.request_state
        else need("sealed", confirm=ask("Confirm?", ok=BOOL))
    )


@tool("test_input_required_result_multi_round")
async def _(ctx: Context, p: t.CallToolRequestParams, a: Arguments) -> Result:
    got, rnd = p.input_responses or {}, (p.request_state or "0")
    if rnd == "1" and "step1" in got:
        return need("2", step2=ask("Favourite colour?", color=STR))
    if rnd == "2" and "step2" in got:
        return done(text(f"colour {content(got['step2']).get('color')}"))
    return need("1", step1=ask("Name?", name=STR))
