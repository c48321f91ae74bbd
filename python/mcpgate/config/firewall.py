"""Which checks hold for a server and for each of its tools: tool before server before gateway."""

from typing import Final, final

import msgspec

from mcpgate.config.model import (
    Arguments,
    Config,
    Firewall,
    NewEntries,
    PinMode,
    Results,
    Secrets,
    Server,
)


@final
class Checks(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting of a firewall, decided."""

    arguments: Arguments = "strict"
    results: Results = "observe"
    secrets: Secrets = "off"
    pins: PinMode = "enforce"
    new: NewEntries = "approve"


DEFAULTS: Final = Checks()


@final
class ServerChecks(msgspec.Struct, frozen=True):
    """The checks of a server, and of those of its tools that have settings of their own."""

    own: Checks
    tools: dict[str, Checks]

    def find(self, kind: str, name: str) -> Checks:
        """Return the checks of one entry."""
        return self.tools.get(name, self.own) if kind == "tool" else self.own


def decide(config: Config, server: Server) -> ServerChecks:
    """Decide the checks of a server and of its tools."""
    own = _lay_over(_lay_over(DEFAULTS, config.firewall), server.firewall)
    return ServerChecks(own, {tool.name: _lay_over(own, tool.firewall) for tool in server.tools})


def _lay_over(checks: Checks, firewall: Firewall) -> Checks:
    given = {
        field: value
        for field in firewall.__struct_fields__
        if (value := getattr(firewall, field)) is not None
    }
    return msgspec.structs.replace(checks, **given)
