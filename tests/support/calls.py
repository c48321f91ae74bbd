"""One call for each server of the quickstart, and what the answer must hold."""

from dataclasses import dataclass
from typing import Final

from tests.support.quickstart import ROOT


@dataclass(frozen=True)
class KnownCall:
    """A tool, its arguments and a text that its answer holds."""

    tool: str
    arguments: dict[str, str]
    answer: str


CALLS: Final = (
    KnownCall("everything-http__echo", {"message": "over http"}, "Echo: over http"),
    KnownCall("everything__echo", {"message": "over stdio"}, "Echo: over stdio"),
    KnownCall("time__get_current_time", {"timezone": "UTC"}, '"timezone": "UTC"'),
    KnownCall("git__git_status", {"repo_path": str(ROOT)}, "Repository status"),
)

# Calls that a model got wrong: a name, and a value for a tool with an output schema.
WRONG: Final = (
    KnownCall("everything__echo", {"mesage": "x"}, "did you mean message?"),
    KnownCall("everything-http__get-structured-content", {"location": "Atlantis"}, "/location"),
)

# How many tools each server of the quickstart has at least.
TOOLS: Final = {"everything-http": 10, "everything": 10, "time": 2, "git": 12}


def missing_tools(names: list[str]) -> dict[str, int]:
    """Say which servers show fewer tools than they have."""
    shown = {server: sum(name.startswith(f"{server}__") for name in names) for server in TOOLS}
    return {server: count for server, count in shown.items() if count < TOOLS[server]}
