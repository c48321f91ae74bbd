"""What works between a client of each revision and a server of each: the one table of it."""

from enum import StrEnum
from typing import Final, final

import msgspec

FIRST: Final = "2024-11-05"
SECOND: Final = "2025-03-26"
THIRD: Final = "2025-06-18"
FOURTH: Final = "2025-11-25"
MODERN: Final = "2026-07-28"
ALL: Final = (FIRST, SECOND, THIRD, FOURTH, MODERN)
LEGACY: Final = ALL[:-1]
SINCE_SECOND: Final = ALL[1:]
SINCE_THIRD: Final = ALL[2:]
SINCE_FOURTH: Final = ALL[3:]


Revisions = tuple[str, ...]


@final
class Outcome(StrEnum):
    """How a cell ends."""

    WORKS = "works"
    LACKS = "-32021"
    UNBRIDGED = "-31008"
    ABSENT = "not in revision"


@final
class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """Cells that cannot work, how they end and why."""

    clients: Revisions
    servers: Revisions
    outcome: Outcome
    why: str

    def covers(self, client: str, server: str) -> bool:
        return client in self.clients and server in self.servers


@final
class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """Cells that do not come out as they should yet."""

    clients: Revisions = ALL
    servers: Revisions = ALL
    why: str

    def covers(self, client: str, server: str) -> bool:
        return client in self.clients and server in self.servers


@final
class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that clients and servers do with each other."""

    name: str
    how: str
    """What a test does to see it."""
    clients: Revisions = ALL
    """The revisions of clients that can take part in it."""
    servers: Revisions = ALL
    """The revisions of servers that have it."""
    endings: tuple[Ending, ...] = ()
    pending: tuple[Pending, ...] = ()

    def expect(self, client: str, server: str) -> Outcome:
        """Say how a cell should end."""
        for ending in self.endings:
            if ending.covers(client, server):
                return ending.outcome
        there = client in self.clients and server in self.servers
        return Outcome.WORKS if there else Outcome.ABSENT

    def is_pending(self, client: str, server: str) -> bool:
        """Say whether a cell is known not to end so yet."""
        there = self.expect(client, server) is not Outcome.ABSENT
        return there and any(pending.covers(client, server) for pending in self.pending)


FEATURES: Final = (
    Feature(
        name="initialize or discover",
        how="The handshake of the client's own revision names that revision and what is offered.",
    ),
    Feature(
        name="lists with pages",
        how="All four lists are walked page by page; the server's own pages are smaller.",
    ),
    Feature(name="call", how="A tool gets its arguments and its text comes back."),
    Feature(
        name="structured result",
        how="`structuredContent` comes back; a client of an older revision reads the same as text.",
        servers=SINCE_THIRD,
    ),
    Feature(
        name="structured result of any kind",
        how="It is a list; a client whose revision has objects only reads it as text.",
        servers=(MODERN,),
    ),
    Feature(name="error result", how="A result with `isError` comes back as a result."),
    Feature(
        name="resources and templates",
        how=(
            "A listed resource and one of a template are read; a missing one is refused with the "
            "code of the client's revision."
        ),
    ),
    Feature(name="prompt", how="A prompt gets its argument and its message comes back."),
    Feature(
        name="completion",
        how="An argument of a prompt and a variable of a template are completed.",
    ),
    Feature(
        name="progress",
        how="Both steps of a call reach its client, under its own token and before the result.",
    ),
    Feature(
        name="cancel",
        how=(
            "A call is given up as the client's revision has it, and its server hears of it as its "
            "own has it."
        ),
    ),
    Feature(
        name="logging",
        how="The client asks for `info` and gets what a call logs from `info` on, and no `debug`.",
    ),
    Feature(
        name="list_changed",
        how="A tool appears while the client listens; it is told, lists again and finds the tool.",
    ),
    Feature(
        name="resource subscription",
        how="The client watches a resource, it changes, and the client hears of that resource.",
    ),
    Feature(
        name="elicitation",
        how="A tool asks for a form to be filled in and answers with what was filled in.",
        clients=SINCE_THIRD,
        servers=SINCE_THIRD,
        endings=(
            Ending(
                clients=(FIRST, SECOND),
                servers=SINCE_THIRD,
                outcome=Outcome.UNBRIDGED,
                why="A client of this revision has no way to be asked.",
            ),
        ),
    ),
    Feature(
        name="sampling",
        how="A tool asks for text of a model and answers with that text.",
    ),
    Feature(
        name="roots",
        how="A tool asks for the client's roots and answers with them.",
    ),
    Feature(
        name="input that was not declared",
        how="A tool asks for text of a model; the client's revision has that, this client has not.",
        endings=(
            Ending(
                clients=LEGACY,
                servers=ALL,
                outcome=Outcome.UNBRIDGED,
                why="A client is asked only for what it declared when its session began.",
            ),
            Ending(
                clients=(MODERN,),
                servers=ALL,
                outcome=Outcome.LACKS,
                why="A client is asked only for what it declares with the request.",
            ),
        ),
    ),
    Feature(
        name="tasks",
        how="A tool that runs as a task only is called: as a task where the client knows them.",
        clients=SINCE_FOURTH,
        servers=SINCE_FOURTH,
        endings=(
            Ending(
                clients=LEGACY,
                servers=SINCE_FOURTH,
                outcome=Outcome.UNBRIDGED,
                why="The gateway offers no tasks; the tasks of the two revisions are not alike.",
            ),
            Ending(
                clients=(MODERN,),
                servers=SINCE_FOURTH,
                outcome=Outcome.LACKS,
                why="The gateway does not declare the extension, so its servers make no tasks.",
            ),
        ),
    ),
)
"""Every feature; nothing else says what is expected."""
