"""`mcpgate call`: one tool call through the running gateway."""

import difflib
import sys
from typing import Final, TypedDict, Unpack, final

import click
import msgspec
from click.shell_completion import CompletionItem

from mcpgate.admin.wire import CallRequest
from mcpgate.cli.codes import Code, CommandFault
from mcpgate.cli.control import Client, choose_code
from mcpgate.cli.options import ask_quietly, json_option, open_places, place_options, write_command
from mcpgate.cli.table import first_line
from mcpgate.telemetry.log import escape

CALL_TIMEOUT_S: Final = 120.0


@final
class ErrorData(msgspec.Struct, frozen=True, rename="camel"):
    """What the gateway says of its own refusals."""

    reason: str = ""
    event_id: str = ""


@final
class RpcError(msgspec.Struct, frozen=True):
    """A JSON-RPC error."""

    code: int
    message: str
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


@final
class RpcReply(msgspec.Struct, frozen=True):
    """A JSON-RPC reply."""

    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: RpcError | None = None


@final
class ToolResult(msgspec.Struct, frozen=True, rename="camel"):
    """What is read of a tool's result; the rest is shown as it is."""

    is_error: bool = False
    content: list[dict[str, msgspec.Raw]] = []


class CallOptions(TypedDict):
    """The options of `mcpgate call`."""

    arguments: str | None
    timeout: float
    config: str | None
    state: str
    as_json: bool


def complete_name(ctx: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem]:
    """List the tools of the running gateway that begin with what was typed."""
    return [
        CompletionItem(entry.name, help=first_line(entry.description))
        for entry in ask_quietly(ctx, Client.list_entries)
        if entry.kind == "tool" and entry.name.startswith(typed)
    ]


@click.command("call")
@click.argument("name", shell_complete=complete_name)
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--arguments", metavar="JSON", help="All arguments as one JSON object; - reads stdin."
)
@click.option(
    "--timeout", type=click.FloatRange(0.1, 86_400), default=CALL_TIMEOUT_S, show_default=True,
    metavar="SECONDS", help="How long to wait for the answer.",
)  # fmt: skip
@place_options
@json_option
@click.pass_context
def command(
    ctx: click.Context, /, name: str, pairs: tuple[str, ...], **given: Unpack[CallOptions]
) -> None:
    """Call a tool through the running gateway.

    A VALUE that reads as JSON (5, true, null, [1,2], {"a":1}) is sent as that, anything else as
    text; write '"5"' to send the text 5. The call is judged and recorded as any other one.

    \b
    mcpgate call time__get_current_time timezone=Europe/Berlin
    mcpgate call git__git_log repo_path=. max_count=3
    mcpgate call everything__echo --arguments '{"message": "hello"}'
    """
    raw = _choose_arguments(pairs, given["arguments"])
    places = open_places(given["config"], given["state"])
    explain = write_command("explain", given["config"], given["state"])
    client = Client(places.state_dir, given["timeout"], explain)
    reply = msgspec.json.decode(
        client.ask(CallRequest(name=name, arguments=msgspec.Raw(raw))), type=RpcReply
    )
    if reply.error is not None:
        raise explain_error(reply.error, name, client)
    if not isinstance(reply.result, msgspec.Raw):
        raise CommandFault(Code.FAILED, "the gateway answered without a result")
    failed = show_result(bytes(reply.result), as_json=given["as_json"])
    ctx.exit(Code.TOOL if failed else Code.OK)


def read_pairs(pairs: tuple[str, ...]) -> bytes:
    """Make the arguments object of KEY=VALUE words."""
    built: dict[str, msgspec.Raw] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise CommandFault(Code.USAGE, f'"{pair}" is not KEY=VALUE')
        if key in built:
            raise CommandFault(Code.USAGE, f'"{key}" was given twice; give it once')
        built[key] = _read_value(value)
    return msgspec.json.encode(built)


def explain_error(error: RpcError, name: str, client: Client) -> CommandFault:
    """Say what an error reply means: refused, not reached, or the server's own."""
    data = _read_data(error.data)
    if not data.reason:
        return CommandFault(
            Code.TOOL, f"the server answered: {escape(error.message)} ({error.code})"
        )
    near = _find_near(name, client) if data.reason == "unknown_tool" else ""
    event = client.point_to(data.event_id)
    text = f"{escape(error.message)} ({data.reason}){near}{event}"
    return CommandFault(choose_code(data.reason), text)


def _find_near(name: str, client: Client) -> str:
    """Name the tool that was perhaps meant."""
    try:
        names = [entry.name for entry in client.list_entries() if entry.kind == "tool"]
    except (CommandFault, msgspec.DecodeError):
        return ""
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.8)
    return f'; did you mean "{escape(found[0])}"?' if found else ""


def show_result(raw: bytes, *, as_json: bool) -> bool:
    """Print a tool's result; return whether the tool said that it failed."""
    result = msgspec.json.decode(raw, type=ToolResult)
    if as_json:
        click.echo(raw)
    else:
        for item in result.content:
            click.echo(_render_content(item), err=result.is_error)
        if not result.content:
            click.echo(escape_lines(msgspec.json.format(raw, indent=2).decode()))
    return result.is_error


def escape_lines(text: str) -> str:
    """Escape control characters, but keep lines and tabs."""
    return "\n".join("\t".join(map(escape, line.split("\t"))) for line in text.split("\n"))


def _choose_arguments(pairs: tuple[str, ...], arguments: str | None) -> bytes:
    if arguments is None:
        return read_pairs(pairs)
    if pairs:
        raise CommandFault(Code.USAGE, "KEY=VALUE and --arguments were both given; use one of them")
    raw = sys.stdin.read() if arguments == "-" else arguments
    try:
        msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeError) as fault:
        raise CommandFault(Code.USAGE, f"--arguments is not a JSON object: {fault}") from fault
    return raw.encode()


def _read_value(value: str) -> msgspec.Raw:
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError):
        return msgspec.Raw(msgspec.json.encode(value))
    return msgspec.Raw(value.strip())


def _read_data(data: msgspec.Raw | msgspec.UnsetType) -> ErrorData:
    try:
        return msgspec.json.decode(data, type=ErrorData) if data else ErrorData()
    except msgspec.DecodeError:
        return ErrorData()


def _render_content(item: dict[str, msgspec.Raw]) -> str:
    if "text" in item:
        return escape_lines(str(msgspec.json.decode(item["text"])))
    kind = str(msgspec.json.decode(item["type"])) if "type" in item else "content"
    shown = {key: bytes(value) for key, value in item.items() if key not in ("type", "data")}
    rest = ", ".join(f"{key}={value.decode()}" for key, value in shown.items())
    size = f"{len(bytes(item['data'])) - 2} characters of data" if "data" in item else ""
    return escape(f"[{kind}] {rest} {size}".rstrip())
