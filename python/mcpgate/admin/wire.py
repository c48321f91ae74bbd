"""What goes over the control socket: one JSON line asked, one JSON line answered.

do          asked besides        result
status      -                    Status
servers     -                    list of mcpgate.model.ServerStatus
catalog     -                    list of Entry
call        name, arguments      the JSON-RPC reply as the exchange delivered it
reload      -                    Status of the new configuration
quarantine  -                    list of Quarantined
approve     server, kind, name,  Approval
            fingerprint
"""

from typing import Final, final

import msgspec

LINE_LIMIT_BYTES: Final = 32 << 20


@final
class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator asks: `do` names the handler, which reads the other keys itself."""

    do: str


@final
class CallRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A call by hand, of an entry as clients see it."""

    do: str = "call"
    name: str
    arguments: msgspec.Raw


@final
class ApproveRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Approve an entry by its own name, or without a name all of a server.

    With `fingerprint`, a definition is approved only if its own begins so.
    """

    do: str
    server: str
    name: str | None = None
    kind: str | None = None
    fingerprint: str = ""


@final
class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was not done; `event` names the event that recorded it."""

    reason: str
    text: str
    event: str = ""


@final
class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer: a result, or an error."""

    ok: bool
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: Fault | None = None


@final
class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator sees of the gateway as a whole."""

    urls: tuple[str, ...]
    version: str = ""
    pid: int = 0
    config: str = ""
    generation: int = 0
    problems: tuple[str, ...] = ()
    quarantined: int = 0
    flagged: int = 0


@final
class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One tool, prompt, resource or template of the catalog, as `gate.catalog` writes it."""

    kind: str
    name: str
    server: str
    own: str = ""
    title: str | None = None
    description: str | None = None


@final
class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """One finding on an entry; `quarantined` is false where clients see it all the same.

    `fingerprint` is that of the definition listed now, empty if it cannot be read. `diff` says
    what differs from the approved definition, ready to be printed.
    """

    server: str
    kind: str
    name: str
    rule: str
    quarantined: bool
    text: str
    fingerprint: str = ""
    diff: tuple[str, ...] = ()


@final
class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """An entry whose definition was approved."""

    server: str
    kind: str
    name: str
    fingerprint: str


@final
class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """What was approved, and what speaks against these entries all the same."""

    approved: tuple[Approved, ...]
    remaining: tuple[Quarantined, ...]
