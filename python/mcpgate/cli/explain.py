"""`mcpgate explain`: what the trail holds of one event."""

from typing import Final

import click

from mcpgate.audit.reader import EventLine, find_event, read_text
from mcpgate.cli.codes import Code, CommandFault
from mcpgate.cli.options import json_option, open_places, place_options
from mcpgate.telemetry.log import escape

_FIRST: Final = ("v", "kind", "event", "at")


@click.command("explain")
@click.argument("event")
@place_options
@json_option
def command(event: str, config: str | None, state: str, as_json: bool) -> None:
    """Show what happened in an event.

    EVENT is the eventId of an error. The files are read directly: no gateway needs to run.
    With --json each line is printed as it was recorded.
    """
    folder = open_places(config, state).events
    lines = find_event(folder, event)
    if not lines:
        text = (
            f"event {event} is in no file of {folder}; it may be older than audit.keep holds, or "
            "of another gateway (-c FILE, --state DIR)"
        )
        raise CommandFault(Code.FAILED, text)
    if as_json:
        click.echo(b"\n".join(line.raw for line in lines))
    else:
        click.echo(f"event {event}\n\n{render_event(lines)}")


def render_event(lines: list[EventLine]) -> str:
    """Write the lines of an event one field under the other."""
    return "\n\n".join(_render(line) for line in lines)


def _render(line: EventLine) -> str:
    rows = [escape(f"{line.kind}  {line.at}")]
    shown = {name: raw for name, raw in line.fields.items() if name not in _FIRST}
    width = max(map(len, shown), default=0)
    rows += [f"  {escape(name):<{width}}  {escape(read_text(raw))}" for name, raw in shown.items()]
    return "\n".join(rows)
