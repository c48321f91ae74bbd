"""What goes over the control socket: one JSON line asked, one JSON line answered.

do          asked besides        result
status      -                    Status
servers     -                    list of mcpgate.model.ServerStatus
catalog     -                    list of Entry
call        name, arguments      the JSON-RPC reply as the exchange delivered it
reload      -                    Status of the new configuration
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


@final
class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One tool, prompt, resource or template of the catalog, as `gate.catalog` writes it."""

    kind: str
    name: str
    server: str
    own: str = ""
    title: str | None = None
    description: str | None = None
