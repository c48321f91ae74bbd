"""What the server of the matrix offers, in the words of each revision."""

from typing import Final

from tests.support.matrix_rules import an_object
from tests.support.matrix_table import FIRST, FOURTH, MODERN, SECOND, THIRD

Message = dict[str, object]

PAGE: Final = 3
CURSORS: Final = ("", "2", "three", "4", "5", "6", "7", "8", "9")
"""An empty cursor is a cursor like any."""
TASKS: Final = "io.modelcontextprotocol/tasks"
TEXT: Final = {"type": "string"}
TOOLS: Final = (
    "plain",
    "structured",
    "fails",
    "progress",
    "hang",
    "log",
    "change",
    "touch",
    "ask_elicitation",
    "ask_sampling",
    "ask_roots",
    "as_task",
)
ASKS: Final[dict[str, tuple[str, str, Message]]] = {
    "ask_elicitation": (
        "elicitation",
        "elicitation/create",
        {
            "message": "Who?",
            "requestedSchema": {
                "type": "object",
                "properties": {"name": TEXT},
                "required": ["name"],
            },
        },
    ),
    "ask_sampling": (
        "sampling",
        "sampling/createMessage",
        {
            "messages": [{"role": "user", "content": {"type": "text", "text": "Capital?"}}],
            "maxTokens": 5,
        },
    ),
    "ask_roots": ("roots", "roots/list", {}),
}
"""What a tool asks of the client: the capability, the method and its params."""
LEVELS: Final = ("debug", "info", "notice", "warning", "error")


def describe_tool(name: str, revision: str) -> Message:
    """Write a tool's definition."""
    described: Message = {
        "name": name,
        "description": f"Do {name}.",
        "inputSchema": {"type": "object", "properties": {"cell": TEXT, "text": TEXT}},
    }
    if revision >= SECOND:
        described["annotations"] = {"readOnlyHint": True}
    if revision >= THIRD and name == "structured":
        answers = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
        described["outputSchema"] = answers
    if name == "any":
        described["outputSchema"] = {"type": "array", "items": {"type": "integer"}}
    if revision == FOURTH and name == "as_task":
        described["execution"] = {"taskSupport": "required"}
    return described


def describe_prompt(name: str) -> Message:
    arguments = [{"name": "name", "required": True}]
    return {"name": name, "description": "Greet.", "arguments": arguments}


def watched(cell: str) -> str:
    """Name the resource that a cell watches."""
    return f"test://watched/{cell}"


def list_names(tools: list[str], cells: tuple[str, ...], revision: str) -> dict[str, list[Message]]:
    """Write all four lists by method."""
    resources = ["test://static", *(watched(cell) for cell in cells)]
    templates = ["item", "other", "third", "fourth"]
    return {
        "tools/list": [describe_tool(name, revision) for name in tools],
        "prompts/list": [
            describe_prompt(name) for name in ("greet", "second", "third", "fourth", "fifth")
        ],
        "resources/list": [
            {"uri": uri, "name": uri, "mimeType": "text/plain"} for uri in resources
        ],
        "resources/templates/list": [
            {"uriTemplate": f"test://{name}/{{id}}", "name": name} for name in templates
        ],
    }


KEYS: Final = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}


def cut_page(method: str, entries: list[Message], cursor: object) -> Message | None:
    """Cut a page out of a list; None for a cursor that is nobody's."""
    if cursor is not None and cursor not in CURSORS:
        return None
    number = 0 if cursor is None else CURSORS.index(str(cursor)) + 1
    start = number * PAGE
    page: Message = {KEYS[method]: entries[start : start + PAGE]}
    if start + PAGE < len(entries):
        page["nextCursor"] = CURSORS[number]
    return page


def say(text: str) -> Message:
    return {"content": [{"type": "text", "text": text}]}


def offer(revision: str) -> Message:
    """Write the capabilities."""
    offered: Message = {
        "tools": {"listChanged": True},
        "prompts": {"listChanged": True},
        "resources": {"subscribe": True, "listChanged": True},
        "logging": {},
    }
    if revision != FIRST:  # which knows completion without a capability for it
        offered["completions"] = {}
    if revision == FOURTH:
        offered["tasks"] = {"requests": {"tools": {"call": {}}}}
    if revision == MODERN:
        offered["extensions"] = {TASKS: {}}
    return offered


def read_resource(uri: str) -> str | None:
    """Return the text of a resource."""
    if uri == "test://static" or uri.startswith("test://watched/"):
        return f"text of {uri}"
    if uri.startswith("test://item/") and not uri.endswith("missing"):
        return f"item {uri.removeprefix('test://item/')}"
    return None


def complete(params: Message) -> list[str]:
    """Return what an argument may be."""
    reference, argument = an_object(params["ref"]), an_object(params["argument"])
    if reference == {"type": "ref/prompt", "name": "greet"}:
        values = ["Ada", "Alan", "Grace"]
    elif reference == {"type": "ref/resource", "uri": "test://item/{id}"}:
        values = ["7", "70", "8"]
    else:
        values = []
    return [value for value in values if value.startswith(str(argument["value"]))]
