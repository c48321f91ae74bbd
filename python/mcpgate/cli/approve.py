"""`mcpgate approve`: let clients see what was quarantined, exactly as it is now."""

import re
from typing import TypedDict, Unpack

import click
import msgspec
from click.shell_completion import CompletionItem

from mcpgate.admin.wire import Approval, ApproveRequest
from mcpgate.cli.codes import Code, CommandFault
from mcpgate.cli.control import Client
from mcpgate.cli.options import ask_quietly, json_option, open_places, place_options
from mcpgate.registry.difference import show

KINDS = ("tool", "prompt", "resource", "template")


class ApproveOptions(TypedDict):
    """The options of `mcpgate approve`."""

    kind: str | None
    everything: bool
    fingerprint: str
    config: str | None
    state: str
    as_json: bool


def complete_entry(ctx: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem]:
    """List the held entries that begin with what was typed."""
    found = ask_quietly(ctx, Client.list_quarantined)
    names = {f"{each.server}/{each.name}": each.rule for each in found if each.name}
    return [
        CompletionItem(show(name), help=show(rule))
        for name, rule in names.items()
        if name.startswith(typed)
    ]


@click.command("approve")
@click.argument("entry", metavar="SERVER[/ENTRY]", shell_complete=complete_entry)
@click.option("--kind", type=click.Choice(KINDS), help="Only entries of this kind.")
@click.option("--all", "everything", is_flag=True, help="All that is quarantined of the server.")
@click.option(
    "--fingerprint", metavar="HEX", default="",
    help="Only the definition whose fingerprint begins so, as `mcpgate quarantine` shows it.",
)  # fmt: skip
@place_options
@json_option
@click.pass_context
def command(ctx: click.Context, /, entry: str, **given: Unpack[ApproveOptions]) -> None:
    """Approve entries that are quarantined, as they are now.

    The definition that the server lists now becomes the approved one, and findings of the screen
    count no more for it. ENTRY is the server's own name or URI. Ends with 1 if nothing was
    quarantined under that name, or if something else keeps the entry from clients.

    \b
    mcpgate approve time/convert_time
    mcpgate approve time/convert_time --fingerprint 3f9ab0c41d22e870
    mcpgate approve time --all
    """
    server, slash, name = entry.partition("/")
    _check_use(bool(slash), given)
    client = Client(open_places(given["config"], given["state"]).state_dir)
    request = ApproveRequest(
        do="approve",
        server=server,
        name=name if slash else None,
        kind=given["kind"],
        fingerprint=given["fingerprint"],
    )
    raw = client.ask(request)
    approval = msgspec.json.decode(raw, type=Approval)
    if given["as_json"]:
        click.echo(raw)
    else:
        _report(approval)
    if approval.remaining:
        raise CommandFault(Code.FAILED, _explain_rest(approval))
    if not approval.approved:
        text = f"{show(entry)} is not quarantined; there is nothing to approve"
        if not given["everything"]:
            raise CommandFault(Code.FAILED, text)
        click.echo(f"note: {text}", err=True)
    ctx.exit(Code.OK)


def _check_use(named: bool, given: ApproveOptions) -> None:
    if named and given["everything"]:
        raise CommandFault(Code.USAGE, "an entry and --all were both given; use one of them")
    if not (named or given["everything"] or given["fingerprint"]):
        text = "name the entry as SERVER/ENTRY, or approve all of the server with --all"
        raise CommandFault(Code.USAGE, text)
    if given["fingerprint"] and not re.fullmatch("[0-9a-f]{8,64}", given["fingerprint"]):
        text = f'--fingerprint "{show(given["fingerprint"])}" is not 8 to 64 hex digits'
        raise CommandFault(Code.USAGE, text)


def _report(approval: Approval) -> None:
    for each in approval.approved:
        click.echo(f"approved {each.kind} {each.server}/{show(each.name)} {each.fingerprint[:16]}")


def _explain_rest(approval: Approval) -> str:
    """Say what approval does not change."""
    lines = [
        f"{each.server}/{show(each.name)} stays quarantined ({show(each.rule)}): {show(each.text)}"
        for each in approval.remaining
    ]
    return "\n".join(["approval does not help everywhere:", *lines])
