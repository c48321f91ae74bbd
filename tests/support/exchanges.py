"""A real gate with known entries, and links that do what a test says."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from mcpgate.errors import LinkFault
from mcpgate.gate import Caller, Gate, Head
from mcpgate.model import Call, Forward, Link, Taker
from tests.support.wished import Wished

GOLDEN = Path(__file__).resolve().parents[1] / "golden/snapshot.json"
MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


class ManualClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = 1_000_000_000

    def now(self) -> int:
        return self.at

    def wall(self) -> int:
        return 1_700_000_000_000_000_000 + self.at

    def random(self, size_bytes: int) -> bytes:
        return b"\1" * size_bytes


class ScriptedCall:
    """One call whose messages a test puts in."""

    def __init__(self, forward: Forward, upstream_id: int, deadline_ns: int) -> None:
        self.sent = json.loads(forward.body)
        self.upstream_id = upstream_id
        self.deadline_ns = deadline_ns
        self.taker: Taker | None = None
        self.cancelled: list[bytes] = []
        self.closed = 0
        self.slow: Callable[[], None] | None = None

    def attach(self, taker: Taker) -> None:
        self.taker = taker

    def put(self, message: bytes) -> None:
        """Bring a message, unless nobody takes any more."""
        if self.taker is not None:
            self.taker.take(message)

    def cancel(self, body: bytes) -> None:
        self.cancelled.append(body)

    def close(self) -> None:
        self.closed += 1
        self.taker = self.slow = None

    def fail(self, reason: str) -> None:
        if self.taker is not None:
            self.taker.fail(LinkFault(reason))

    def answer(self, result: object, **more: object) -> None:
        message = {"jsonrpc": "2.0", "id": self.upstream_id, "result": result, **more}
        self.put(json.dumps(message).encode())

    def progress(self, amount: int) -> None:
        token = self.sent["params"]["_meta"]["progressToken"]
        params = {"progressToken": token, "progress": amount}
        message = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
        self.put(json.dumps(message).encode())


class ScriptedLink(Wished):
    """A link whose calls a test answers."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[ScriptedCall] = []
        self.called = asyncio.Event()
        self.told: list[bytes] = []
        self.usable = True

    def call(self, forward: Forward, upstream_id: int, deadline_ns: int) -> Call:
        self.calls.append(ScriptedCall(forward, upstream_id, deadline_ns))
        self.called.set()
        return self.calls[-1]

    @property
    def open_calls(self) -> int:
        return sum(not call.closed for call in self.calls)

    def tell(self, body: bytes) -> None:
        self.told.append(body)

    async def request(self, method: str, params: bytes, timeout_s: float) -> bytes:
        raise AssertionError("no test asks for this")

    def listen(
        self, notice: Callable[[int], None], updated: Callable[[str], None] | None = None
    ) -> None:
        raise AssertionError("no test asks for this")

    async def wait_lost(self) -> str:
        raise AssertionError("no test asks for this")

    async def close(self) -> None:
        raise AssertionError("no test asks for this")


class ScriptedLinks:
    """Links by server; who asks for healing waits until a test brings a link or None."""

    def __init__(self) -> None:
        self.links: dict[str, Link] = {}
        self.healing: list[tuple[str, Link, Callable[[Link | None], None]]] = []
        self.heals_at_once = True
        self.left: list[str] = []

    def find(self, server: str, capabilities: int = 0, owner: str = "") -> Link | None:
        return self.links.get(server)

    def heal(
        self,
        server: str,
        capabilities: int,
        owner: str,
        lost: Link,
        then: Callable[[Link | None], None],
    ) -> None:
        self.healing.append((server, lost, then))
        if self.heals_at_once:
            found = self.links.get(server)
            then(None if found is lost else found)

    def leave(self, owner: str) -> None:
        self.left.append(owner)


class KeptSink:
    """Keep what a client would get."""

    def __init__(self, room: int = 1000) -> None:
        self.room = room
        self.sent: list[tuple[int, bytes, str]] = []
        self.messages: list[bytes] = []
        self.ended = self.started = self.rested = 0
        self.gone: Callable[[], None] | None = None

    def send(self, status: int, body: bytes, session: str = "") -> None:
        self.sent.append((status, body, session))

    def write(self, message: bytes) -> bool:
        if len(self.messages) >= self.room:
            return False
        self.messages.append(message)
        return True

    def end(self) -> None:
        self.ended += 1

    def start(self) -> None:
        self.started += 1

    def rest(self) -> None:
        self.rested += 1

    def watch(self, gone: Callable[[], None]) -> None:
        self.gone = gone

    def unwatch(self) -> None:
        self.gone = None

    def read(self) -> dict[str, object]:
        assert len(self.sent) == 1
        found: dict[str, object] = json.loads(self.sent[0][1])
        return found


def make_gate(clock: ManualClock) -> Gate:
    gate = Gate(b"k" * 32, None, b"s" * 32, "node")
    gate.align(clock.wall(), clock.now())
    gate.swap(GOLDEN.read_bytes())
    return gate


def encode(method: str, params: dict[str, object], request_id: object = 1) -> bytes:
    message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    return json.dumps(message).encode()


def encode_call(name: str, request_id: object = 1, **meta: object) -> bytes:
    params: dict[str, object] = {"name": name, "arguments": {}}
    return encode("tools/call", {**params, "_meta": meta} if meta else params, request_id)


def encode_modern(method: str, request_id: object = 1, **params: object) -> bytes:
    return encode(method, {**params, "_meta": MODERN_META}, request_id)


def modern_head(method: str, name: str | None = None) -> Head:
    return Head("2026-07-28", method, name, None, False)


def open_session(
    gate: Gate,
    clock: ManualClock,
    revision: str = "2025-11-25",
    capabilities: Mapping[str, object] = MappingProxyType({}),
) -> Caller:
    """Do the handshake of a legacy client."""
    params: dict[str, object] = {
        "protocolVersion": revision,
        "capabilities": dict(capabilities),
        "clientInfo": {"name": "test", "version": "1"},
    }
    hello = encode("initialize", params)
    verdict = gate.inspect(hello, gate.new_caller("anonymous", modern=False), None, clock.now())
    caller = gate.find_caller(verdict.session, "anonymous", clock.now())
    assert caller is not None
    return caller


def read_events(lines: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.splitlines()]
