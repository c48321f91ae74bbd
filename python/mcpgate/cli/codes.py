"""Exit codes, and the fault that ends a command with one of them."""

from enum import IntEnum, unique
from typing import Final, final

from mcpgate.errors import GateError


@unique
class Code(IntEnum):
    """What a command's end says to a script."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    TOOL = 5


EXIT_CODES: Final[dict[Code, str]] = {
    Code.OK: "done",
    Code.FAILED: "failed; stderr says why",
    Code.USAGE: "wrong use of the command, or a configuration that cannot be used",
    Code.REFUSED: "the gateway refused; stderr names the reason and the event",
    Code.UNREACHABLE: "no gateway runs there, or the server behind it did not answer",
    Code.TOOL: "the tool answered that it failed",
}


@final
class CommandFault(GateError):
    """A sentence for stderr, and the exit code that goes with it."""

    def __init__(self, code: Code, text: str) -> None:
        """Take the code and say what, which value, what to do."""
        super().__init__("command", text)
        self.code = code
