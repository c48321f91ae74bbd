"""How a link opens: era, revision, session, and what is said to whom."""

import asyncio

import pytest

from mcpgate.config.model import Revision
from mcpgate.errors import LinkFault, RemoteError
from mcpgate.links.open import open_http, open_link
from mcpgate.model import Era
from tests.support.http_server import (
    Answer,
    HttpServer,
    Request,
    Script,
    speak_legacy,
    speak_modern,
)
from tests.support.link_world import (
    Sent,
    a_setup,
    call_tool,
    expect_fault,
    finish,
    http_server,
    until,
)

OK = {"text": "ok"}


async def plain(request: Request, answer: Answer) -> None:
    await answer.result(OK)


def methods(server: HttpServer) -> list[str]:
    return [one.method for one in server.requests if one.verb == "POST"]


@pytest.mark.requirement("R-ERA")
async def test_a_modern_server_is_asked_once_and_gets_its_headers() -> None:
    async with HttpServer(speak_modern(plain)) as server, a_setup() as setup:
        link, peer = await open_link(http_server(server.url), setup)
        assert (peer.era, peer.revision, peer.name) == ("modern", "2026-07-28", "scripted")
        upstream_id = setup.gate.issue_id()
        message = {"jsonrpc": "2.0", "id": upstream_id, "method": "tools/call", "params": {}}
        head = b"mcp-method: tools/call\r\nmcp-name: x\r\n"
        call = link.call(Sent(message, head), upstream_id, setup.clock.now() + 10**10)
        assert "result" in await finish(call)
        await link.request("tools/list", b"", 5)
        discover, called, listed = server.requests
        assert discover.fields["mcp-method"] == "server/discover"
        assert called.fields["mcp-name"] == "x"
        assert listed.fields["mcp-method"] == "tools/list"
        assert "_meta" in str(listed.message["params"])
        for one in server.requests:
            assert one.fields["mcp-protocol-version"] == "2026-07-28"
            assert "mcp-session-id" not in one.fields
        await link.close()
        assert methods(server) == ["server/discover", "tools/call", "tools/list"]


@pytest.mark.requirement("R-CANCEL")
async def test_a_modern_server_sees_a_cancel_as_a_closed_stream() -> None:
    closed = asyncio.Event()

    async def held(request: Request, answer: Answer) -> None:
        await answer.stream()
        await answer.hold()
        closed.set()

    async with HttpServer(speak_modern(held)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        call, _ = call_tool(setup, link, "x")
        await server.wait(lambda: bool(server.named("tools/call")))
        call.cancel(b"")
        async with asyncio.timeout(5):
            await closed.wait()
        call.close()
        await link.close()


def refusing(status: int, body: bytes, kind: str = "application/json") -> Script:
    legacy = speak_legacy(plain)

    async def script(request: Request, answer: Answer) -> None:
        if request.method == "server/discover":
            await answer.send(status, body, kind)
        else:
            await legacy(request, answer)

    return script


@pytest.mark.requirement("R-ERA")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b""),
        (400, b"Missing session"),
        (404, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"x"}}'),
        (405, b""),
        (200, b"not json"),
        (200, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"x"}}'),
        (500, b"oops"),
    ],
)
async def test_who_does_not_answer_as_a_modern_server_is_greeted(status: int, body: bytes) -> None:
    async with HttpServer(refusing(status, body)) as server, a_setup() as setup:
        link, peer = await open_http(http_server(server.url), setup)
        assert peer.era == "legacy"
        assert methods(server) == ["server/discover", "initialize", "notifications/initialized"]
        greeting, initialized = server.requests[1:]
        assert "mcp-protocol-version" not in greeting.fields
        assert initialized.fields["mcp-protocol-version"] == "2025-11-25"
        assert initialized.fields["mcp-session-id"] == "s-1"
        await link.close()


@pytest.mark.requirement("R-ERA")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b""),
        (502, b""),
        (401, b""),
        (429, b""),
        (400, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32022,"message":"x"}}'),
        (400, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32020,"message":"x"}}'),
    ],
)
async def test_trouble_and_modern_errors_never_make_a_server_legacy(
    status: int, body: bytes
) -> None:
    async with HttpServer(refusing(status, body)) as server, a_setup() as setup:
        with pytest.raises(LinkFault, match=str(status)):
            await open_http(http_server(server.url), setup)
        assert methods(server) == ["server/discover"]
        await server.wait(lambda: server.open == 0)


@pytest.mark.requirement("R-ERA")
async def test_a_modern_error_with_our_id_is_no_sign_of_a_legacy_server() -> None:
    async def script(request: Request, answer: Answer) -> None:
        await answer.error(-32022, 400)

    async with HttpServer(script) as server, a_setup() as setup:
        with pytest.raises(RemoteError) as caught:
            await open_http(http_server(server.url), setup)
        assert caught.value.code == -32022
        assert methods(server) == ["server/discover"]


@pytest.mark.requirement("R-ERA")
@pytest.mark.parametrize("times", [1, 2])
async def test_who_refuses_our_revision_and_offers_it_is_asked_once_more(times: int) -> None:
    modern = speak_modern(plain)

    async def script(request: Request, answer: Answer) -> None:
        if len(server.named("server/discover")) > times:
            await modern(request, answer)
        else:
            error = {"code": -32022, "message": "x", "data": {"supported": ["2026-07-28"]}}
            await answer.json({"jsonrpc": "2.0", "id": request.id, "error": error}, 400)

    async with HttpServer(script) as server, a_setup() as setup:
        if times == 1:
            link, peer = await open_http(http_server(server.url), setup)
            assert peer.era == "modern"
            await link.close()
        else:
            with pytest.raises(RemoteError):
                await open_http(http_server(server.url), setup)
        assert methods(server) == ["server/discover"] * 2


@pytest.mark.requirement("R-ERA")
async def test_a_silent_server_and_a_closed_port_are_no_legacy_servers() -> None:
    async def silent(request: Request, answer: Answer) -> None:
        await answer.hold()

    async with HttpServer(silent) as server, a_setup(probe_s=0.2) as setup:
        with pytest.raises(LinkFault) as caught:
            await open_http(http_server(server.url), setup)
        assert caught.value.reason == "deadline"
        assert methods(server) == ["server/discover"]
    async with a_setup() as setup:
        with pytest.raises(LinkFault, match="cannot be reached") as caught:
            await open_http(http_server(server.url), setup)
        assert caught.value.reason == "unavailable"


@pytest.mark.requirement("R-ERA")
@pytest.mark.parametrize(
    ("revision", "hint", "first"),
    [
        ("auto", "legacy", "initialize"),
        ("2025-03-26", None, "initialize"),
        ("auto", "modern", "server/discover"),
        ("2026-07-28", None, "server/discover"),
    ],
)
async def test_a_known_era_is_not_asked_again(
    revision: Revision, hint: Era | None, first: str
) -> None:
    speak = speak_legacy if first == "initialize" else speak_modern
    async with HttpServer(speak(plain)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url, revision), setup, hint)
        assert methods(server)[0] == first
        if revision == "2025-03-26":
            params = server.requests[0].message["params"]
            assert isinstance(params, dict)
            assert params["protocolVersion"] == "2025-03-26"
        await link.close()


@pytest.mark.requirement("R-ERA")
async def test_a_pinned_modern_server_is_never_greeted() -> None:
    async with HttpServer(speak_legacy(plain)) as server, a_setup() as setup:
        with pytest.raises(RemoteError):
            await open_http(http_server(server.url, "2026-07-28"), setup)
        assert methods(server) == ["server/discover"]


@pytest.mark.requirement("R-ERA")
async def test_a_greeting_may_come_as_a_stream_and_without_a_session() -> None:
    legacy = speak_legacy(plain, session="", revision="2024-11-05")

    async def script(request: Request, answer: Answer) -> None:
        if request.method == "initialize":
            await answer.stream()
            await answer.chunk(b"id: 1\ndata:\n\n")
            result = {"protocolVersion": "2024-11-05", "capabilities": {}}
            await answer.event({"jsonrpc": "2.0", "id": request.id, "result": result}, id="2")
            await answer.end()
        else:
            await legacy(request, answer)

    async with HttpServer(script) as server, a_setup() as setup:
        link, peer = await open_http(http_server(server.url), setup)
        assert peer.revision == "2024-11-05"
        await link.close()
        assert "DELETE" not in [one.verb for one in server.requests]


@pytest.mark.requirement("R-SESSION")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b""),
        (404, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Session not found"}}'),
        (400, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"No valid session"}}'),
        (400, b"Bad Request: Server not initialized"),
    ],
)
async def test_a_forgotten_session_loses_the_link_and_surely_ran_nothing(
    status: int, body: bytes
) -> None:
    async def forgetful(request: Request, answer: Answer) -> None:
        await answer.send(status, body, "application/json")

    async with HttpServer(speak_legacy(forgetful)) as server, a_setup() as setup:
        link, _ = await open_http(http_server(server.url), setup)
        call, _ = call_tool(setup, link, "x")
        await expect_fault(call, "unavailable")
        async with asyncio.timeout(5):
            assert "session" in await link.wait_lost()
        await link.close()
        assert "DELETE" not in [one.verb for one in server.requests]


@pytest.mark.requirement("R-ERRORS")
async def test_a_server_that_cannot_be_dialled_three_times_loses_the_link() -> None:
    async with a_setup() as setup:
        async with HttpServer(speak_legacy(plain, session="")) as server:
            link, _ = await open_http(http_server(server.url), setup)
        await until(lambda: link.connections == 0, setup.wheel)
        for _ in range(3):
            call, _ = call_tool(setup, link, "x")
            await expect_fault(call, "unavailable")
        async with asyncio.timeout(5):
            assert "cannot be reached" in await link.wait_lost()
        await link.close()
