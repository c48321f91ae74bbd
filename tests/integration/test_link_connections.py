"""Connections to http servers: checked, kept warm, closed in time, never leaked."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault
from mcpgate.links.open import open_http
from tests.support.http_server import Answer, HttpServer, Request, speak_legacy
from tests.support.link_world import a_setup, call_tool, expect_fault, finish, http_server, until


async def plain(request: Request, answer: Answer) -> None:
    await answer.result({})


def make_certificate(folder: Path) -> ssl.SSLContext:
    """Write a throw-away certificate for 127.0.0.1 and return a context that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


def secure_server(url: str, ca_file: str | None) -> Server:
    return Server(name="s", transport="http", url=url, ca_file=ca_file)


@pytest.mark.requirement("R-LINK-HTTP")
async def test_https_is_checked_by_the_configured_authority(tmp_path: Path) -> None:
    serving = HttpServer(speak_legacy(plain), tls=make_certificate(tmp_path))
    async with serving as server, a_setup() as setup:
        link, _ = await open_http(secure_server(server.url, str(tmp_path / "ca.pem")), setup)
        for _ in range(3):
            call, upstream_id = call_tool(setup, link, "x")
            assert (await finish(call))["id"] == upstream_id
        assert server.connections == 1
        await link.close()


@pytest.mark.requirement("R-LINK-HTTP")
async def test_an_unknown_authority_or_another_name_is_refused(tmp_path: Path) -> None:
    serving = HttpServer(speak_legacy(plain), tls=make_certificate(tmp_path))
    async with serving as server, a_setup() as setup:
        with pytest.raises(LinkFault, match=r"(?i)certificate.*ca_file$") as caught:
            await open_http(secure_server(server.url, None), setup)
        assert caught.value.reason == "unavailable"
        other = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(LinkFault, match=r"(?i)certificate(?!.*ca_file)"):
            await open_http(secure_server(other, str(tmp_path / "ca.pem")), setup)
        with pytest.raises(LinkFault, match="ca_file"):
            await open_http(secure_server(server.url, str(tmp_path / "none.pem")), setup)
        assert server.requests == []


@pytest.mark.requirement("R-LINK-HTTP")
async def test_ipv6_addresses_are_dialled() -> None:
    async with HttpServer(speak_legacy(plain), host="::1") as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        assert server.requests[0].fields["host"] == f"[::1]:{server.port}"
        await link.close()


@pytest.mark.requirement("R-LINK-HTTP")
async def test_idle_connections_are_closed_before_the_server_would() -> None:
    async def brief(request: Request, answer: Answer) -> None:
        await answer.result({}, keep_alive="timeout=2")

    async with HttpServer(speak_legacy(brief)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        started = asyncio.get_running_loop().time()
        call, _ = call_tool(setup, link, "x")
        await finish(call)
        await server.wait(lambda: server.open == 0)
        assert 0.9 < asyncio.get_running_loop().time() - started < 2
        again, _ = call_tool(setup, link, "x")
        assert "result" in await finish(again)
        assert server.connections == 2
        await link.close()


@pytest.mark.requirement("R-LEAK")
async def test_a_stream_that_goes_on_after_its_reply_is_cut_off() -> None:
    async def endless(request: Request, answer: Answer) -> None:
        await answer.stream()
        await answer.event({"jsonrpc": "2.0", "id": request.id, "result": {}})
        await answer.hold()

    async with HttpServer(speak_legacy(endless)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        call, _ = call_tool(setup, link, "x")
        assert "result" in await finish(call)
        async with asyncio.timeout(3):
            await server.wait(lambda: server.open == 0)
        await link.close()


@pytest.mark.requirement("R-ERRORS")
async def test_a_connection_closed_while_idle_is_replaced_unseen() -> None:
    async def closing(request: Request, answer: Answer) -> None:
        await answer.result({})
        answer.close()

    async with HttpServer(speak_legacy(closing)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        for turn in range(3):
            call, _ = call_tool(setup, link, "x")
            assert "result" in await finish(call)
            await until(lambda: link.connections == 0, setup.wheel)
            assert server.connections == turn + 1
        await link.close()


@pytest.mark.requirement("R-ERRORS")
async def test_a_request_on_a_stale_connection_is_never_sent_twice() -> None:
    async def once(request: Request, answer: Answer) -> None:
        if request.tool == "dies":
            answer.close()
        else:
            await answer.result({})

    async with HttpServer(speak_legacy(once)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        for _ in range(20):
            good, _ = call_tool(setup, link, "good")
            await finish(good)
            bad, _ = call_tool(setup, link, "dies")
            await expect_fault(bad, "lost")
        assert len([one for one in server.requests if one.tool == "dies"]) == 20
        await link.close()


def count_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.requirement("R-LEAK")
async def test_nothing_is_left_of_calls_however_they_end() -> None:
    async def mixed(request: Request, answer: Answer) -> None:
        if request.tool == "hold":
            await answer.hold()
        elif request.tool == "dies":
            answer.close()
        else:
            await answer.result({})

    async with HttpServer(speak_legacy(mixed)) as server, a_setup() as setup:
        before = count_descriptors()
        link, _ = await open_http(http_server(server.url), setup)
        for _ in range(30):
            calls = [call_tool(setup, link, tool)[0] for tool in ("hold", "dies", "good") * 5]
            for call in calls[2::3]:
                await call.receive()
            for call in calls:
                call.close()
        await link.close()
        await server.wait(lambda: server.open == 0)
        await until(lambda: count_descriptors() <= before, setup.wheel)
        assert link.connections == 0
