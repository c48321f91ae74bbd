"""The error tree: whose fault it is decides code, status, log level and breaker.

The table from reason to JSON-RPC code and HTTP status is the gate's (`mcpgate.gate.REASONS`);
an error here only carries the reason.
"""

from typing import ClassVar, final


class GateError(Exception):
    """A fault with a closed reason and a text that is safe to show."""

    side: ClassVar[str] = "gateway"

    def __init__(self, reason: str, text: str = "") -> None:
        """Name the reason and say what happened."""
        super().__init__(text or reason)
        self.reason = reason


class ClientFault(GateError):
    """The caller did something wrong."""

    side: ClassVar[str] = "client"


class UpstreamFault(GateError):
    """A server did something wrong or cannot be reached."""

    side: ClassVar[str] = "upstream"


class GatewayFault(GateError):
    """We did something wrong."""

    side: ClassVar[str] = "gateway"


@final
class LinkFault(UpstreamFault):
    """A link could not carry an exchange to its end.

    `reason` is one of `unavailable` (surely not run), `lost` (may have run), `deadline`,
    `unreadable`, `reply_too_large`.
    """


@final
class RemoteError(UpstreamFault):
    """A server answered one of the gateway's own requests with a JSON-RPC error."""

    def __init__(self, code: int, text: str, data: bytes = b"") -> None:
        """Keep the server's code, text and raw data."""
        super().__init__("unavailable", text)
        self.code = code
        self.data = data


@final
class ConfigError(GateError):
    """A configuration that cannot be used, with every problem in it."""

    def __init__(self, problems: list[str]) -> None:
        """Take all problems, each one line with file, line, path and what to do."""
        super().__init__("config", "\n".join(problems))
        self.problems = problems
