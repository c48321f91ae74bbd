"""The log says an event and its fields, for programs and for people."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from mcpgate.config.model import Log
from mcpgate.telemetry.log import ROOT, JsonForm, TextForm, open_log


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    logger = logging.getLogger(ROOT)
    before = (list(logger.handlers), logger.level, logger.propagate)
    yield
    logger.handlers, logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("mcpgate.links", logging.WARNING, "", 0, message, None, None)
    made.created = 1_795_374_000.5
    made.__dict__.update(fields)
    return made


@pytest.mark.requirement("R-ERRORS")
def test_json_lines_hold_event_and_fields() -> None:
    line = JsonForm().format(record("link.lost", server="a", code=1, level="ours stays"))
    assert json.loads(line) == {
        "at": "2026-11-22T19:00:00.500Z",
        "level": "warning",
        "room": "mcpgate.links",
        "event": "link.lost",
        "server": "a",
        "code": 1,
    }


@pytest.mark.requirement("R-ERRORS")
def test_text_shows_control_characters_instead_of_sending_them() -> None:
    line = TextForm().format(record("link.lost", detail="a\x1b[2J\nb\x9bc"))
    assert line == r"19:00:00.500 warning link.lost detail=a\x1b[2J\x0ab\x9bc"


@pytest.mark.requirement("R-ERRORS")
def test_a_trace_is_kept() -> None:
    made = record("link.broken")
    try:
        raise ValueError("here")
    except ValueError:
        made.exc_info = sys.exc_info()
    assert "ValueError: here" in json.loads(JsonForm().format(made))["trace"]
    assert TextForm().format(made).endswith("ValueError: here")


@pytest.mark.requirement("R-CONFIG")
def test_level_and_form_are_configured() -> None:
    stream = io.StringIO()
    open_log(Log(level="warning", format="text"), stream)
    handler = open_log(Log(level="warning"), stream)
    assert isinstance(handler.formatter, JsonForm)
    logging.getLogger("mcpgate.x").info("quiet.event")
    logging.getLogger("mcpgate.x").warning("loud.event", extra={"server": "a"})
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["event"] == "loud.event"
