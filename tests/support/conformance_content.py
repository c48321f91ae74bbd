"""What the tools and prompts of the conformance server say and ask."""

from collections.abc import Collection, Mapping
from typing import Final

import mcp_types as t

Schema = dict[str, object]

PNG: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADU"
    "lEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WAV: Final = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA="


def text(s: object) -> t.TextContent:
    return t.TextContent(type="text", text=str(s))


def image() -> t.ImageContent:
    return t.ImageContent(type="image", data=PNG, mime_type="image/png")


def audio() -> t.AudioContent:
    return t.AudioContent(type="audio", data=WAV, mime_type="audio/wav")


def embed(uri: str, body: str, mime: str = "text/plain") -> t.EmbeddedResource:
    return t.EmbeddedResource(
        type="resource", resource=t.TextResourceContents(uri=uri, mime_type=mime, text=body)
    )


def done(*parts: t.ContentBlock, is_error: bool = False) -> t.CallToolResult:
    return t.CallToolResult(content=list(parts), is_error=is_error)


def obj(required: Collection[str] = (), **props: object) -> Schema:
    return {
        "type": "object",
        "properties": props,
        **({"required": list(required)} if required else {}),
    }


STR: Final[Schema] = {"type": "string"}
BOOL: Final[Schema] = {"type": "boolean"}


def ask(msg: object, **props: object) -> t.ElicitRequest:
    return t.ElicitRequest(
        params=t.ElicitRequestFormParams(
            message=str(msg), requested_schema=obj(props.keys(), **props)
        )
    )


def sample(prompt: object) -> t.CreateMessageRequest:
    return t.CreateMessageRequest(
        params=t.CreateMessageRequestParams(
            messages=[t.SamplingMessage(role="user", content=text(prompt))], max_tokens=64
        )
    )


def need(state: str | None = None, **requests: t.InputRequest) -> t.InputRequiredResult:
    return t.InputRequiredResult(input_requests=requests or None, request_state=state)


def content(r: t.InputResponse) -> Mapping[str, object]:
    return (r.content or {}) if isinstance(r, t.ElicitResult) else {}


def said(r: t.InputResponse) -> str:
    spoken = r.content if isinstance(r, t.CreateMessageResult) else None
    return spoken.text if isinstance(spoken, t.TextContent) else "?"
