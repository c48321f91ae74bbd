"""WebSocket and HTTP+SSE over TLS, and through the renewal of a certificate."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.integration.test_tls import secure, trust_anyone
from tests.support.certificates import look, write_certificate
from tests.support.gateways import Client, hello, legacy, running
from tests.support.talks import SocketWay, Talk, open_stream

pytestmark = pytest.mark.requirement("R-TLS")
OPEN = legacy("initialize", hello("2025-11-25"), 0)


@pytest.mark.requirement("R-LISTEN-WS")
async def test_a_websocket_over_tls(free_port: Callable[[], int], tmp_path: Path) -> None:
    write_certificate(tmp_path, "first")
    port = free_port()
    async with running(port, listeners=[{**secure(port, tmp_path), "kind": "native"}]) as gateway:
        url, offered = f"wss://127.0.0.1:{port}/mcp", [Subprotocol("mcp")]
        async with connect(url, ssl=trust_anyone(), subprotocols=offered) as socket:
            talk = Talk(SocketWay(socket))
            assert "result" in await talk.open_session()
            write_certificate(tmp_path, "second")
            await gateway.listeners[0].renew()
            assert await look(Client(port, tls=trust_anyone())) == "second"
            assert "result" in await talk.ask(legacy("ping", {"pad": "x" * 100_000}))
            gateway.stop()
            with pytest.raises(ConnectionClosed) as caught:
                await asyncio.wait_for(socket.recv(), 10)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1001


@pytest.mark.timeout(90)  # the renewal starts a process
@pytest.mark.requirement("R-LISTEN-SSE")
@pytest.mark.parametrize("kind", ["granian", "native"])
async def test_a_stream_outlives_the_certificate(
    free_port: Callable[[], int], tmp_path: Path, kind: str
) -> None:
    write_certificate(tmp_path, "first")
    port = free_port()
    async with running(port, listeners=[{**secure(port, tmp_path), "kind": kind}]) as gateway:
        client = Client(port, tls=trust_anyone())
        way = await open_stream(client)
        assert await way.put(OPEN)
        assert json.loads(await way.get())["id"] == 0
        write_certificate(tmp_path, "second")
        await gateway.listeners[0].renew()
        assert await look(client) == "second"
        assert await way.put(legacy("ping", {}, 1))
        assert json.loads(await way.get())["id"] == 1
        gateway.stop()
        assert await way.get() == b""
        await way.stream.close()
