"""A native listener from its socket to its end: streams, TLS, IPv6, leaving clients, drain."""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mcpgate.app import Gateway
from mcpgate.clock import SystemClock
from mcpgate.config.model import Listener, Tls
from mcpgate.errors import GatewayFault
from mcpgate.gate import TOOLS
from mcpgate.links.wheel import Wheel
from mcpgate.listeners.native import NativeServer
from mcpgate.listeners.native_chunks import Chunks
from mcpgate.listeners.native_connection import NativeConnection
from mcpgate.listeners.native_head import Fields, Head
from mcpgate.listeners.native_request import NativeRequest
from tests.support.certificates import look, replace, write_certificate
from tests.support.gateways import (
    Client,
    legacy,
    modern,
    modern_headers,
    running,
    wait_until,
)
from tests.support.native import (
    Recorder,
    a_native_gateway,
    exchange_bytes,
    native_beside,
    native_front,
)
from tests.support.recording_server import RecordingServer

Scene = tuple[Gateway, RecordingServer, Client]


@pytest.fixture
async def scene(free_port: Callable[[], int]) -> AsyncIterator[Scene]:
    async with a_native_gateway(free_port(), free_port()) as made:
        yield made


@pytest.mark.requirement("R-FRONT")
async def test_both_eras(scene: Scene) -> None:
    _, _, client = scene
    assert (await client.call("s__echo", b"{}", "id")).message["id"] == "id"
    assert (await client.call_modern("s__echo", 5)).message["id"] == 5
    wire = await client.connect()
    for number in range(50):
        wire.send("POST /mcp", client.headers(), legacy("ping", None, number))
        assert (await wire.read()).message["id"] == number
    await wire.close()


@pytest.mark.requirement("R-SSE")
async def test_streams_of_both_kinds(scene: Scene) -> None:
    gateway, server, client = scene
    core = gateway.core
    assert core is not None
    stream = await client.open_stream()
    core.streams.announce(TOOLS)
    event = await stream.read_event()
    assert event is not None
    assert b"tools/list_changed" in event
    core.streams.drain()
    assert await stream.read_event() is None
    await stream.close()
    wire = await client.connect()
    params = {"name": "s__progress", "_meta": {"progressToken": 1}}
    wire.send("POST /mcp", client.headers(), legacy("tools/call", params))
    assert (await wire.read_head()).headers["transfer-encoding"] == "chunked"
    first = await wire.read_event()
    assert first is not None
    assert b"notifications/progress" in first
    server.released.set()
    assert [await wire.read_event() is None for _ in range(3)] == [False, False, True]
    await wire.close()


@pytest.mark.requirement("R-CANCEL")
async def test_leaving_cancels_at_the_server(scene: Scene) -> None:
    gateway, server, client = scene
    body = modern("tools/call", {"name": "s__hang", "arguments": {}})
    wire = await client.connect()
    wire.send("POST /mcp", client.headers(*modern_headers("tools/call", "s__hang")), body)
    await server.wait_for("tools/call", "hang")
    await wire.close()
    await wait_until(gateway, lambda core: not len(core.exchange.open))


@pytest.mark.requirement("R-STATUS")
@pytest.mark.parametrize("framing", [("content-length", "500"), ("transfer-encoding", "chunked")])
async def test_client_that_leaves_in_its_body(scene: Scene, framing: tuple[str, str]) -> None:
    gateway, _, client = scene
    wire = await client.connect()
    wire.send("POST /mcp", client.headers(framing), None)
    wire.writer.write(b"2\r\n{}\r\n")
    await wire.writer.drain()
    await wire.close()
    assert (await client.post(legacy("ping"))).status == 200
    await wait_until(gateway, lambda core: not core.bodies._reading)


@pytest.mark.requirement("R-STATUS")
async def test_refusal_of_a_large_body_arrives(scene: Scene) -> None:
    _, _, client = scene
    for _ in range(10):
        answer = await client.post(b" " * (5 << 20))
        assert (answer.status, answer.reason) == (413, "too_large")
    chunked = client.headers(("transfer-encoding", "chunked"))
    piece = b"%x\r\n%b\r\n" % (1 << 20, b" " * (1 << 20))
    wire = await client.connect()
    wire.send("POST /mcp", chunked, None)
    wire.writer.write(piece * 5)
    assert (await wire.read()).status == 413
    await wire.close()


@pytest.mark.requirement("R-FRONT")
@pytest.mark.parametrize("size", [1000, 70_000, 3_000_000])
async def test_bodies_of_any_allowed_size(scene: Scene, size: int) -> None:
    _, _, client = scene
    body = legacy("ping", {"x": "y" * size})
    assert (await client.post(body)).status == 200
    expecting = client.headers(("expect", "100-continue"))
    wire = await client.connect()
    wire.send("POST /mcp", [*expecting, ("content-length", str(len(body)))], None)
    assert (await wire.read_head()).status == 100
    wire.writer.write(body)
    assert (await wire.read()).status == 200
    await wire.close()


@pytest.mark.requirement("R-LEAK")
async def test_client_that_does_not_read_is_cut(
    free_port: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    front, port = Recorder(), free_port()
    async with native_front(port, lambda: front):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /stream HTTP/1.1\r\nhost: h\r\n\r\n")
        async with asyncio.timeout(20):
            await front.left.wait()
        assert "stream.cut" in caplog.text
        writer.close()


@pytest.mark.requirement("R-CANCEL")
async def test_leaving_is_known_at_once(free_port: Callable[[], int]) -> None:
    front, port = Recorder(), free_port()
    async with native_front(port, lambda: front):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n")
        await front.entered.wait()
        writer.close()
        async with asyncio.timeout(1):
            await front.left.wait()
        front.released.set()


@pytest.mark.requirement("R-CANCEL")
async def test_half_closed_is_closed(free_port: Callable[[], int]) -> None:
    front, port = Recorder(), free_port()
    async with native_front(port, lambda: front):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n")
        await front.entered.wait()
        writer.write_eof()
        async with asyncio.timeout(5):
            await front.left.wait()
            assert await reader.read() == b""
        front.released.set()
        writer.close()


@pytest.mark.requirement("R-LEAK")
async def test_nothing_of_a_connection_outlives_it(free_port: Callable[[], int]) -> None:
    front, port = Recorder(), free_port()
    chunked = b"transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    ends = (b"\r\n", b"content-length: 2\r\n\r\nhi", chunked, b"host: twice\r\n\r\n")
    async with native_front(port, lambda: front) as server:
        gc.collect()
        gc.disable()  # what is left is what only the collector would find
        try:
            for end in ends * 10:
                head = b"POST /a HTTP/1.1\r\nhost: h\r\nconnection: close\r\n"
                await exchange_bytes(port, head + end)
            assert await server.stop(5)
            kinds = (NativeConnection, NativeRequest, Head, Fields, Chunks)
            assert not [each for each in gc.get_objects() if isinstance(each, kinds)]
        finally:
            gc.enable()


@pytest.mark.requirement("R-FRONT")
async def test_drain_lets_open_requests_end(free_port: Callable[[], int]) -> None:
    front, port = Recorder(), free_port()
    async with native_front(port, lambda: front) as server:
        _, idle = await asyncio.open_connection("127.0.0.1", port)
        asking = asyncio.create_task(
            exchange_bytes(port, b"POST /wait HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nhi")
        )
        await front.entered.wait()
        stopping = asyncio.create_task(server.stop(10))
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        front.released.set()
        answer = await asking
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in answer
        assert await stopping
        idle.close()


@pytest.mark.requirement("R-FRONT")
async def test_abandoning_ends_what_is_late(free_port: Callable[[], int]) -> None:
    front, port = Recorder(), free_port()
    async with native_front(port, lambda: front) as server:
        asking = asyncio.create_task(exchange_bytes(port, b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n"))
        await front.entered.wait()
        assert not await server.stop(0.05)
        assert not asking.done()
        assert not await server.stop(0.05)
        assert await asking == b""
        assert await server.stop(1)


@pytest.mark.requirement("R-FRONT")
async def test_port_is_ours_alone(free_port: Callable[[], int]) -> None:
    port = free_port()
    async with native_front(port, Recorder):
        with pytest.raises(GatewayFault, match="choose another address"):
            async with native_front(port, Recorder):
                pass


def trust_anyone() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def settle_tls(folder: Path) -> dict[str, str]:
    return {"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem")}


@pytest.mark.requirement("R-TLS")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_certificate_is_renewed_under_open_connections(
    free_port: Callable[[], int], tmp_path: Path, host: str
) -> None:
    write_certificate(tmp_path, "first")
    port = free_port()
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    async with (
        running(free_port()) as gateway,
        native_beside(gateway, port, address=address, tls=settle_tls(tmp_path)) as server,
    ):
        assert server.url == f"https://{address}/mcp"
        client = Client(port, host, trust_anyone())
        await client.open_session()
        stream = await client.open_stream()
        await stream.read_chunk()
        kept = await client.connect()
        for name in ("second", "third"):
            write_certificate(tmp_path, name, ec.SECP521R1())
            await server.renew()
            assert {await look(client) for _ in range(5)} == {name}
        replace(tmp_path / "cert.pem", b"no certificate")
        await server.renew()
        assert await look(client) == "third"
        kept.send("POST /mcp", client.headers(), legacy("ping"))
        assert (await kept.read()).status == 200
        core = gateway.core
        assert core is not None
        core.streams.announce(TOOLS)
        assert await stream.read_event() is not None
        await kept.close()
        await stream.close()


@pytest.mark.requirement("R-TLS")
async def test_plain_http_is_not_answered(free_port: Callable[[], int], tmp_path: Path) -> None:
    write_certificate(tmp_path, "first")
    port = free_port()
    async with (
        running(free_port()) as gateway,
        native_beside(gateway, port, tls=settle_tls(tmp_path)),
    ):
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await Client(port).post(legacy("ping"))


@pytest.mark.requirement("R-TLS")
async def test_unusable_certificate_is_a_start_fault(
    free_port: Callable[[], int], tmp_path: Path
) -> None:
    clock, wheel = SystemClock(), Wheel(SystemClock())
    listener = Listener(address=f"127.0.0.1:{free_port()}", tls=Tls(**settle_tls(tmp_path)))
    server = NativeServer(listener, Recorder, wheel, clock)
    with pytest.raises(GatewayFault, match="main"):
        await server.start()
    write_certificate(tmp_path, "works")
    await server.start()
    assert await server.stop(1)
