"""How each feature of the matrix is exercised: one function for each, in the order of the table."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, final

from tests.support.matrix_client import Broken, MatrixClient, Message, Refused
from tests.support.matrix_entries import TOOLS, watched
from tests.support.matrix_rules import a_list, an_object
from tests.support.matrix_server import MatrixServer
from tests.support.matrix_table import FOURTH, MODERN, THIRD

CURSOR_FAULT: Final = -32602


@final
@dataclass(frozen=True)
class Cell:
    """One client and one server, and what they do."""

    client: MatrixClient
    server: MatrixServer
    name: str

    @property
    def prefix(self) -> str:
        """What goes before names behind a gateway; nothing where there is none."""
        return "s__" if self.client.port != self.server.port else ""

    async def call(self, tool: str, text: str = "", task: Message | None = None) -> Message:
        arguments = {"cell": self.name, "text": text}
        params: Message = {"name": f"{self.prefix}{tool}", "arguments": arguments}
        if task is not None:
            params["task"] = task
        return await self.client.ask("tools/call", params)

    async def call_with(self, tool: str, token: object) -> Message:
        params: Message = {"name": f"{self.prefix}{tool}", "arguments": {"cell": self.name}}
        return await self.client.ask("tools/call", params, progressToken=token)


def need(what: object, there: object) -> None:
    if not there:
        raise Broken(f"not as it should be: {what}")


def text_of(result: Message) -> str:
    (content,) = a_list(result["content"])
    return str(content["text"])


def params(message: Message) -> Message:
    return an_object(message["params"])


async def hello(cell: Cell) -> None:
    found = await cell.client.open()
    offered = an_object(found["capabilities"])
    need(found, {"tools", "prompts", "resources", "logging"} <= offered.keys())
    if cell.client.modern:
        need(found, MODERN in str(found["supportedVersions"]))
    else:
        need(found, found["protocolVersion"] == cell.client.revision)
        need("ping", await cell.client.ask("ping", {}) == {})


async def walk(client: MatrixClient, method: str, key: str) -> tuple[list[Message], int]:
    """Walk one list; begin again where it changed in between, as any client has to."""
    while True:
        found: list[Message] = []
        try:
            result = await client.ask(method, {})
            pages = 1
            found += a_list(result[key])
            while "nextCursor" in result:
                result = await client.ask(method, {"cursor": result["nextCursor"]})
                pages += 1
                found += a_list(result[key])
        except Refused as refused:
            if refused.code != CURSOR_FAULT:
                raise
        else:
            return found, pages


async def lists(cell: Cell) -> None:
    s = cell.prefix
    for method, key, field, wanted in (
        ("tools/list", "tools", "name", [f"{s}{name}" for name in TOOLS]),
        ("prompts/list", "prompts", "name", [f"{s}greet", f"{s}second", f"{s}fifth"]),
        ("resources/list", "resources", "uri", ["test://static", watched(cell.client.revision)]),
        (
            "resources/templates/list",
            "resourceTemplates",
            "uriTemplate",
            ["test://item/{id}", "test://fourth/{id}"],
        ),
    ):
        found, pages = await walk(cell.client, method, key)
        names = [str(each[field]) for each in found]
        need((method, names), set(wanted) <= set(names) and len(set(names)) == len(names))
        need((method, pages), pages > 1)


async def call(cell: Cell) -> None:
    need("text", text_of(await cell.call("plain", "grüß \U0001f600")) == "plain grüß \U0001f600")


async def structured(cell: Cell) -> None:
    result = await cell.call("structured")
    need(result, text_of(result) == '{"n":7}')
    if cell.client.revision >= THIRD:
        need(result, result["structuredContent"] == {"n": 7})


async def structured_anyhow(cell: Cell) -> None:
    objects = not cell.client.modern
    found, _ = await walk(cell.client, "tools/list", "tools")
    (tool,) = [each for each in found if each["name"] == f"{cell.prefix}any"]
    schema = an_object(tool.get("outputSchema", {"type": "object"}))
    need(tool, schema["type"] == ("object" if objects else "array"))
    result = await cell.call("any")
    need(result, text_of(result) == "[7]")
    if objects:
        need(result, isinstance(result.get("structuredContent", {}), dict))
    else:
        need(result, result["structuredContent"] == [7])


async def error_result(cell: Cell) -> None:
    result = await cell.call("fails", "so")
    need(result, result["isError"] is True and text_of(result) == "failed so")


async def read(cell: Cell, uri: str) -> str:
    result = await cell.client.ask("resources/read", {"uri": uri})
    (content,) = a_list(result["contents"])
    need(content, content["uri"] == uri)
    return str(content["text"])


async def resources(cell: Cell) -> None:
    need("read", await read(cell, "test://static") == "text of test://static")
    need("template", await read(cell, "test://item/7") == "item 7")
    try:
        await read(cell, "test://item/missing")
    except Refused as refused:
        need(refused.error, refused.code == (-32602 if cell.client.modern else -32002))
    else:
        raise Broken("a missing resource was read")


async def prompt(cell: Cell) -> None:
    asked: Message = {"name": f"{cell.prefix}greet", "arguments": {"name": "Ada"}}
    (message,) = a_list((await cell.client.ask("prompts/get", asked))["messages"])
    need(message, an_object(message["content"])["text"] == "Greet Ada.")


async def completion(cell: Cell) -> None:
    for reference, begun, wanted in (
        ({"type": "ref/prompt", "name": f"{cell.prefix}greet"}, "A", ["Ada", "Alan"]),
        ({"type": "ref/resource", "uri": "test://item/{id}"}, "7", ["7", "70"]),
    ):
        argument = {"name": "name" if "name" in reference else "id", "value": begun}
        asked: Message = {"ref": reference, "argument": argument}
        result = await cell.client.ask("completion/complete", asked)
        found = an_object(result["completion"])
        need((reference, found), found["values"] == wanted)


async def progress(cell: Cell) -> None:
    token: object = 7 if cell.server.modern else "seven"
    result = await cell.call_with("progress", token)
    need(result, text_of(result) == f"done {cell.name}")
    told = [params(each) for each in cell.client.heard]
    steps = [(each["progressToken"], each["progress"]) for each in told]
    need(steps, steps == [(token, 1), (token, 2)])


async def cancel(cell: Cell) -> None:
    asked: Message = {"name": f"{cell.prefix}hang", "arguments": {"cell": cell.name}}
    client = cell.client
    async with client.asking("tools/call", asked, progressToken="t") as answers:
        need("progress", "progress" in str(await anext(answers)))
        if not client.modern:
            ident = client.last_id
            await client.tell("notifications/cancelled", {"requestId": ident, "reason": "enough"})
            need("no reply to a cancelled call", [each async for each in answers] == [])
    await cell.server.wait_cancelled(cell.name)


async def logging(cell: Cell) -> None:
    if cell.client.modern:
        cell.client.level = "info"
    else:
        need("set", await cell.client.ask("logging/setLevel", {"level": "info"}) == {})
    need("log", text_of(await cell.call("log")) == f"done {cell.name}")
    told = [params(each) for each in cell.client.heard]
    need(told, [each["level"] for each in told] == ["info", "error"])
    need(told, {each["data"] for each in told} == {cell.name})


async def list_changed(cell: Cell) -> None:
    new = f"new_{cell.client.revision}"
    async with cell.client.listening(toolsListChanged=True) as news:
        await cell.call("change", new)
        async for message in news:
            need(message, message["method"] == "notifications/tools/list_changed")
            found, _ = await walk(cell.client, "tools/list", "tools")
            if f"{cell.prefix}{new}" in {each["name"] for each in found}:
                return
    raise Broken("the stream ended")


async def subscription(cell: Cell) -> None:
    uri = watched(cell.client.revision)
    async with cell.client.listening(resourceSubscriptions=[uri]) as news:
        if not cell.client.modern:
            need("watch", await cell.client.ask("resources/subscribe", {"uri": uri}) == {})
        await cell.server.wait_watched(uri)
        await cell.call("touch", uri)
        async for message in news:
            if message["method"] == "notifications/resources/updated":
                need(message, params(message)["uri"] == uri)
                return
    raise Broken("the stream ended")


async def elicitation(cell: Cell) -> None:
    need("answer", "Ada" in text_of(await cell.call("ask_elicitation")))


async def sampling(cell: Cell) -> None:
    need("answer", "Paris" in text_of(await cell.call("ask_sampling")))


async def roots(cell: Cell) -> None:
    need("answer", "file:///work" in text_of(await cell.call("ask_roots")))


async def undeclared(cell: Cell) -> None:
    client = cell.client
    client.declared, client.session = {}, ""
    await client.open()
    result = await cell.call("ask_sampling")
    raise Broken(f"asked all the same: {result}")


async def tasks(cell: Cell) -> None:
    task: Message | None = {"ttl": 60_000} if cell.client.revision == FOURTH else None
    result = await cell.call("as_task", task=task)
    raise Broken(f"a task came through: {result}")


PLAYS: Final[dict[str, Callable[[Cell], Awaitable[None]]]] = {
    "initialize or discover": hello,
    "lists with pages": lists,
    "call": call,
    "structured result": structured,
    "structured result of any kind": structured_anyhow,
    "error result": error_result,
    "resources and templates": resources,
    "prompt": prompt,
    "completion": completion,
    "progress": progress,
    "cancel": cancel,
    "logging": logging,
    "list_changed": list_changed,
    "resource subscription": subscription,
    "elicitation": elicitation,
    "sampling": sampling,
    "roots": roots,
    "input that was not declared": undeclared,
    "tasks": tasks,
}
