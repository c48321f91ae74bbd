"""The log on stderr: a dotted event name and fields, as JSON lines or as text on a terminal.

Use: `logging.getLogger("mcpgate.links").info("link.opened", extra={"server": "a"})`; what stands in
`extra` becomes a field. Rules: no content of messages, no token, no argument is ever a field.
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Final, TextIO, final

import msgspec

from mcpgate.config.model import Log, LogFormat

ROOT: Final = "mcpgate"
_PLAIN: Final = frozenset(
    logging.LogRecord("", 0, "", 0, "", None, None).__dict__.keys()
    | {"message", "asctime", "taskName"}
)
_CONTROL: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_encoder = msgspec.json.Encoder(enc_hook=str)


def open_log(settings: Log, stream: TextIO | None = None) -> logging.Handler:
    """Send every logger of the gateway to stderr, at the level and in the form configured."""
    target = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(target)
    handler.setFormatter(_choose(settings.format, target))
    logger = logging.getLogger(ROOT)
    for old in list(logger.handlers):
        logger.removeHandler(old)
    logger.addHandler(handler)
    logger.setLevel(settings.level.upper())
    logger.propagate = False
    return handler


def _choose(wanted: LogFormat, target: TextIO) -> logging.Formatter:
    if wanted == "text" or (wanted == "auto" and target.isatty()):
        return TextForm()
    return JsonForm()


def escape(text: str) -> str:
    """Show control characters instead of sending them to a terminal."""
    return text.translate(_CONTROL)


def read_fields(record: logging.LogRecord) -> dict[str, object]:
    """Return what was given as `extra`."""
    return {name: value for name, value in record.__dict__.items() if name not in _PLAIN}


def _write_time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@final
class JsonForm(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, room, event and fields."""
        line: dict[str, object] = {
            "at": _write_time(record),
            "level": record.levelname.lower(),
            "room": record.name,
            "event": record.getMessage(),
        }
        for name, value in read_fields(record).items():
            line.setdefault(name, value)
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return _encoder.encode(line).decode()


@final
class TextForm(logging.Formatter):
    """One line for a person; control characters are shown, not sent to the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, event and fields."""
        fields = "".join(f" {name}={value}" for name, value in read_fields(record).items())
        text = f"{_write_time(record)[11:23]} {record.levelname.lower():<7} {record.getMessage()}"
        line = escape(f"{text}{fields}")
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line
