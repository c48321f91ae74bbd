"""What the listeners of one gateway share."""

from collections.abc import Callable
from typing import Final, final

import msgspec

from mcpgate.exchange import Exchange
from mcpgate.gate import Gate
from mcpgate.listeners.body import BodyReader
from mcpgate.listeners.session_sink import SessionSinks
from mcpgate.listeners.sink import HttpSink
from mcpgate.sessions.streams import Streams

ANONYMOUS: Final = "anonymous"


@final
class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the front of every listener shares."""

    gate: Gate
    exchange: Exchange
    streams: Streams
    bodies: BodyReader
    live: set[HttpSink]
    sessions: SessionSinks
    now: Callable[[], int]
    record: Callable[[], bool]
    ready: Callable[[], tuple[bool, bytes]]
