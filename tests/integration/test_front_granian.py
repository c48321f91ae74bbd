"""What granian does not do for us, or does to us: one test for each hazard that we meet."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol, cast, final

import pytest
from granian.constants import HTTPModes
from granian.server.embed import Server
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from mcpgate.app import Gateway
from mcpgate.listeners import server as listener_server
from mcpgate.listeners.rsgi import Scope
from mcpgate.model import Call, Forward
from tests.support.exchanges import ScriptedLink
from tests.support.gateways import (
    Client,
    http_server,
    legacy,
    modern,
    modern_headers,
    running,
    wait_for_entries,
    wait_until,
)
from tests.support.recording_server import TOOLS, RecordingServer


class BrokenLink(ScriptedLink):
    """A link with a fault of ours in it."""

    def call(self, forward: Forward, upstream_id: int, deadline_ns: int) -> Call:
        raise ZeroDivisionError("secret")


@pytest.fixture
async def gateway(free_port: Callable[[], int]) -> AsyncIterator[tuple[Gateway, Client]]:
    port = free_port()
    async with RecordingServer(modern=True) as server, running(port, [one(server)]) as made:
        await wait_for_entries(made, len(TOOLS))
        client = Client(port)
        await client.open_session()
        yield made, client


def one(server: RecordingServer) -> dict[str, object]:
    return http_server("s", server.url)


@pytest.mark.requirement("R-ERRORS")
async def test_fault_of_ours_is_answered_with_its_event(gateway: tuple[Gateway, Client]) -> None:
    made, client = gateway
    assert made.core is not None
    made.core.pool.put("s", BrokenLink())
    answer = await client.call("s__echo")
    assert (answer.status, answer.reason) == (500, "internal")
    assert b"secret" not in answer.body
    assert (await client.post(legacy("ping"))).status == 200


@pytest.mark.requirement("R-ERRORS")
async def test_fault_of_ours_in_a_stream_ends_it(gateway: tuple[Gateway, Client]) -> None:
    made, client = gateway
    core, link = made.core, ScriptedLink()
    assert core is not None
    core.pool.put("s", link)
    params = {"name": "s__echo", "arguments": {}, "_meta": {"progressToken": 1}}
    calling = asyncio.create_task(client.post(legacy("tools/call", params)))
    await link.called.wait()
    link.calls[0].progress(1)
    link.calls[0].put(cast("bytes", "no bytes"))
    first, last = (await calling).events
    assert b"notifications/progress" in first
    assert b'"reason":"internal"' in last
    assert not core.sessions.live
    assert len(core.exchange.open) == 0


@pytest.mark.requirement("R-HEADERS")
async def test_hidden_header_values_are_not_absent_ones(gateway: tuple[Gateway, Client]) -> None:
    _, client = gateway
    assert (await client.post(legacy("ping"), ("origin", "http://caf\xe9"))).status == 403
    assert (await client.post(legacy("ping"), ("host", "caf\xe9"))).status == 421
    body = modern("tools/call", {"name": "s__echo"})
    headers = [*modern_headers("tools/call"), ("mcp-name", "s__ech\xf6")]
    assert (await client.post(body, *headers)).error["code"] == -32020


@pytest.mark.requirement("R-HEADERS")
@pytest.mark.parametrize("name", ["mcp-method", "mcp-name", "mcp-protocol-version"])
async def test_repeated_routing_header_is_refused(
    gateway: tuple[Gateway, Client], name: str
) -> None:
    _, client = gateway
    headers = modern_headers("tools/call", "s__echo")
    again = [*headers, (name, dict(headers)[name])]
    body = modern("tools/call", {"name": "s__echo", "arguments": {}})
    answer = await client.post(body, *again)
    assert (answer.status, answer.error["code"]) == (400, -32020)


@pytest.mark.requirement("R-HOST")
@pytest.mark.parametrize(
    ("name", "status"), [("host", 421), ("origin", 403), ("mcp-session-id", 404)]
)
async def test_header_that_may_come_once(
    gateway: tuple[Gateway, Client], name: str, status: int
) -> None:
    _, client = gateway
    headers = [*client.headers(("origin", "http://localhost"))]
    assert (await client.ask("POST /mcp", headers, legacy("ping"))).status == 200
    headers.append((name, dict(headers)[name]))
    assert (await client.ask("POST /mcp", headers, legacy("ping"))).status == status


@pytest.mark.requirement("R-HEADERS")
async def test_two_lengths_are_refused(gateway: tuple[Gateway, Client]) -> None:
    _, client = gateway
    headers = client.headers(("content-length", "4"), ("transfer-encoding", "chunked"))
    answer = await client.ask("POST /mcp", headers, b"4\r\n{}{}\r\n0\r\n\r\n")
    assert answer.status == 400


@pytest.mark.requirement("R-HOST")
async def test_absolute_target_must_agree_with_host(gateway: tuple[Gateway, Client]) -> None:
    _, client = gateway
    own = f"http://127.0.0.1:{client.port}/mcp"
    assert (await client.ask(f"POST {own}", client.headers(), legacy("ping"))).status == 200
    for target in ("http://evil.example/mcp", f"http://localhost:{client.port}/mcp"):
        answer = await client.ask(f"POST {target}", client.headers(), legacy("ping"))
        assert (answer.status, answer.reason) == (421, "host")


@pytest.mark.requirement("R-FRONT")
async def test_idle_connections_keep_nobody_out(gateway: tuple[Gateway, Client]) -> None:
    _, client = gateway
    idle = await asyncio.gather(*(client.connect() for _ in range(300)))
    assert (await client.post(legacy("ping"))).status == 200
    for wire in idle:
        await wire.close()
    assert listener_server.CONNECTIONS == 20_000


@pytest.mark.requirement("R-FRONT")
async def test_connection_serves_many_requests(gateway: tuple[Gateway, Client]) -> None:
    _, client = gateway
    wire = await client.connect()
    for number in range(50):
        wire.send("POST /mcp", client.headers(), legacy("ping", None, number))
        assert (await wire.read()).message["id"] == number
    await wire.close()


@pytest.mark.requirement("R-FRONT")
@pytest.mark.parametrize("size", [1000, 60_000, 70_000, 3_000_000])
async def test_bodies_of_any_allowed_size(gateway: tuple[Gateway, Client], size: int) -> None:
    _, client = gateway
    body = legacy("ping", {"x": "y" * size})
    assert (await client.post(body)).status == 200
    pieces = [body[start : start + 50_000] for start in range(0, len(body), 50_000)]
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    wire = await client.connect()
    wire.send("POST /mcp", client.headers(("transfer-encoding", "chunked")), None)
    wire.writer.write(chunked + b"0\r\n\r\n")
    assert (await wire.read()).status == 200
    await wire.close()


@pytest.mark.requirement("R-FRONT")
async def test_chunked_body_over_the_limit_is_refused_while_it_comes(
    gateway: tuple[Gateway, Client],
) -> None:
    _, client = gateway
    wire = await client.connect()
    wire.send("POST /mcp", client.headers(("transfer-encoding", "chunked")), None)
    piece = b"x" * 65_536
    for _ in range(70):  # 4.4 MiB of 4 MiB allowed
        wire.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
    assert (await wire.read_head()).status == 413
    await wire.close()


@pytest.mark.requirement("R-FRONT")
async def test_client_that_leaves_in_its_body_disturbs_no_one(
    gateway: tuple[Gateway, Client],
) -> None:
    made, client = gateway
    for framing in (("content-length", "500"), ("transfer-encoding", "chunked")):
        wire = await client.connect()
        wire.send("POST /mcp", client.headers(framing), None)
        wire.writer.write(b"2\r\n{}\r\n")
        await wire.writer.drain()
        await wire.close()
    assert (await client.post(legacy("ping"))).status == 200
    await wait_until(made, lambda core: not core.bodies._reading)


class Socket(Protocol):
    """Granian's side of a WebSocket, before and after it is accepted."""

    async def accept(self) -> "Socket": ...

    async def receive(self) -> object: ...

    def close(self, status: int) -> None: ...


@final
class Acceptor:
    """Accept a WebSocket, and end it behind its first message with a code."""

    async def __rsgi__(self, scope: Scope, protocol: Socket) -> None:
        socket = await protocol.accept()
        await socket.receive()
        protocol.close(1009)


@pytest.mark.requirement("R-LISTEN-WS")
async def test_why_granian_has_no_websocket(free_port: Callable[[], int]) -> None:
    """When this fails, decision 14 can be looked at again."""
    port = free_port()
    server = Server(Acceptor(), port=port, http=HTTPModes.http1, log_enabled=False)
    serving = asyncio.create_task(server.serve())
    url, offered = f"ws://127.0.0.1:{port}", [Subprotocol("mcp")]
    try:
        socket = await dial(url, offered)
        assert socket.subprotocol is None, "it cannot select one"
        await socket.send(b"x" * (15 << 20))  # no limit of ours is asked for
        await socket.wait_closed()
        assert socket.close_code == 1005, "it cannot say why"
    finally:
        server.interrupt_signal = True
        server.main_loop_interrupt.set()
        await serving


async def dial(url: str, offered: list[Subprotocol]) -> ClientConnection:
    """Connect as soon as somebody listens."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await connect(url, subprotocols=offered, max_size=None)
            except OSError:
                await asyncio.sleep(0.01)  # granian does not say when it listens
