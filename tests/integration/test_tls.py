"""https with our certificate, renewed while clients talk, and loopback over IPv6."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mcpgate.app import Gateway
from mcpgate.errors import GatewayFault
from mcpgate.gate import TOOLS
from mcpgate.listeners.server import HttpServer
from tests.support.certificates import look, replace, write_certificate
from tests.support.gateways import Client, legacy, running, wait_until


def trust(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def trust_anyone() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def secure(port: int, folder: Path, host: str = "127.0.0.1") -> dict[str, object]:
    tls = {"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem")}
    return {"address": f"{host}:{port}", "tls": tls}


@pytest.fixture
async def gateway(
    free_port: Callable[[], int], tmp_path: Path
) -> AsyncIterator[tuple[Gateway, Client]]:
    write_certificate(tmp_path, "first")
    port = free_port()
    async with running(port, listeners=[secure(port, tmp_path)]) as made:
        yield made, Client(port, tls=trust_anyone())


def find_listener(gateway: Gateway) -> HttpServer:
    listener = gateway.listeners[0]
    assert isinstance(listener, HttpServer)
    return listener


@pytest.mark.requirement("R-TLS")
async def test_https_is_verified(gateway: tuple[Gateway, Client], tmp_path: Path) -> None:
    made, client = gateway
    client.tls = trust(tmp_path / "cert.pem")
    await client.open_session()
    assert (await client.post(legacy("ping"))).status == 200
    assert find_listener(made).url.startswith("https://")
    client.tls = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        await client.connect()


@pytest.mark.requirement("R-TLS")
async def test_plain_http_is_not_answered(gateway: tuple[Gateway, Client]) -> None:
    client = Client(gateway[1].port)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await client.post(legacy("ping"))


@pytest.mark.timeout(90)  # each renewal starts a process, beside clients that take all there is
@pytest.mark.requirement("R-TLS")
async def test_renewal_fails_no_request(gateway: tuple[Gateway, Client], tmp_path: Path) -> None:
    made, client = gateway
    await client.open_session()
    stop = asyncio.Event()
    talk = [
        asyncio.create_task(talk_on(client, stop, keep=bool(number % 2))) for number in range(6)
    ]
    stream = await client.open_stream()
    await stream.read_chunk()
    for name in ("second", "third"):
        write_certificate(tmp_path, name)
        await find_listener(made).renew()
        assert await look(client) == name
        await until_told_to_stop(find_listener(made))
        assert {await look(client) for _ in range(10)} == {name}
    stop.set()
    assert sum(await asyncio.gather(*talk)) > 50
    assert made.core is not None
    made.core.streams.announce(TOOLS)
    event = await stream.read_event()
    assert event is not None
    assert b"tools/list_changed" in event
    await stream.close()


async def talk_on(client: Client, stop: asyncio.Event, *, keep: bool) -> int:
    """Ask again and again; any failure rises. Return how many answers came."""
    answers, wire = 0, await client.connect()
    while not stop.is_set():
        wire.send("POST /mcp", client.headers(), legacy("ping"))
        answer = await wire.read()
        assert answer.status == 200
        answers += 1
        if not keep or answer.headers.get("connection") == "close":
            await wire.close()
            wire = await client.connect()
    await wire.close()
    return answers


async def until_told_to_stop(listener: HttpServer) -> None:
    """Wait until the older server was told to stop."""
    async with asyncio.timeout(10):
        await asyncio.gather(*listener._retiring)


@pytest.mark.requirement("R-TLS")
async def test_broken_certificate_keeps_the_old_one(
    gateway: tuple[Gateway, Client], tmp_path: Path
) -> None:
    made, client = gateway
    replace(tmp_path / "cert.pem", b"no certificate")
    await find_listener(made).renew()
    assert await look(client) == "first"
    write_certificate(tmp_path, "granian cannot", ec.SECP521R1())
    await find_listener(made).renew()
    assert {await look(client) for _ in range(10)} == {"first"}
    write_certificate(tmp_path, "mended")
    await find_listener(made).renew()
    assert await look(client) == "mended"


@pytest.mark.requirement("R-TLS")
async def test_unchanged_certificate_changes_nothing(gateway: tuple[Gateway, Client]) -> None:
    listener = find_listener(gateway[0])
    before = listener._current
    await listener.renew()
    assert listener._current is before


@pytest.mark.requirement("R-TLS")
async def test_change_on_disk_is_noticed(gateway: tuple[Gateway, Client], tmp_path: Path) -> None:
    made, client = gateway
    listener = find_listener(made)
    before = listener._current
    write_certificate(tmp_path, "noticed")
    await wait_until(made, lambda _: listener._current is not before)
    assert await look(client) == "noticed"


@pytest.mark.requirement("R-TLS")
@pytest.mark.parametrize("curve", [None, ec.SECP521R1()], ids=["missing", "unknown to granian"])
async def test_unusable_certificate_is_a_start_fault(
    free_port: Callable[[], int], tmp_path: Path, curve: ec.EllipticCurve | None
) -> None:
    port = free_port()
    if curve:
        write_certificate(tmp_path, "granian cannot", curve)
    with pytest.raises(GatewayFault, match="main"):
        async with running(port, listeners=[secure(port, tmp_path)]):
            pass


@pytest.mark.requirement("R-FRONT")
@pytest.mark.parametrize("tls", [False, True])
async def test_ipv6(free_port: Callable[[], int], tmp_path: Path, tls: bool) -> None:
    port = free_port()
    write_certificate(tmp_path, "six")
    listener = secure(port, tmp_path, "[::1]")
    if not tls:
        del listener["tls"]
    async with running(port, listeners=[listener]):
        client = Client(port, "::1", trust(tmp_path / "cert.pem") if tls else None)
        await client.open_session()
        assert (await client.post(legacy("ping"))).status == 200


@pytest.mark.requirement("R-FRONT")
async def test_several_listeners(free_port: Callable[[], int], tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    listeners = [
        {"name": f"l{index}", "address": f"127.0.0.1:{port}", "path": f"/m{index}"}
        for index, port in enumerate(ports)
    ]
    async with running(ports[0], listeners=listeners):
        for index, port in enumerate(ports):
            client = Client(port, path=f"/m{index}")
            await client.open_session()
            assert (await client.post(legacy("ping"))).status == 200


@pytest.mark.requirement("R-FRONT")
async def test_port_is_ours_alone(free_port: Callable[[], int]) -> None:
    port = free_port()
    async with running(port):
        with pytest.raises(GatewayFault, match="choose another address"):
            async with running(port):
                pass
