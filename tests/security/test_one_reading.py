"""What a client sends is read in one way only, by either kind of listener and in either era."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

import pytest

from tests.support.gateways import (
    META,
    Answer,
    Client,
    http_server,
    legacy,
    modern,
    modern_headers,
    notification,
    running,
    wait_for_entries,
)
from tests.support.hostile import VALUES, spoil
from tests.support.recording_server import TOOLS, RecordingServer

pytestmark = [pytest.mark.usefixtures("either_listener"), pytest.mark.requirement("R-READING")]

STAMP: Final = json.dumps(META).encode()
PARSE: Final = (400, -32700, "parse")
INVALID: Final = (400, -32600, "invalid_request")
MISMATCH: Final = (400, -32020, "header_mismatch")


@dataclass
class Scene:
    """A gateway with one server, and a client of one era."""

    client: Client
    server: RecordingServer
    modern: bool

    async def post(self, body: bytes, *headers: tuple[str, str], tool: str = "s__echo") -> Answer:
        own = modern_headers("tools/call", tool) if self.modern else []
        return await self.client.post(body, *own, *headers)

    def call(
        self, arguments: bytes = b"{}", name: bytes = b'"s__echo"', ident: bytes = b"1"
    ) -> bytes:
        return (
            b'{"jsonrpc":"2.0","id":%b,"method":"tools/call","params":{"name":%b,"arguments":%b,'
            b'"_meta":%b}}' % (ident, name, arguments, STAMP if self.modern else b"{}")
        )


@pytest.fixture(params=[False, True], ids=["legacy", "modern"])
async def scene(
    free_port: Callable[[], int], request: pytest.FixtureRequest
) -> AsyncIterator[Scene]:
    async with RecordingServer(modern=True) as server:
        port = free_port()
        async with running(
            port, [http_server("s", server.url, firewall={"arguments": "off"})]
        ) as gateway:
            await wait_for_entries(gateway, len(TOOLS))
            client = Client(port)
            if not request.param:
                await client.open_session()
            yield Scene(client, server, request.param)


def seen(answer: Answer) -> tuple[int, object, str]:
    """Check the answer's form; return status, code and reason."""
    data = answer.error["data"]
    assert isinstance(data, dict)
    assert data["eventId"]
    assert data["retryable"] is False
    return answer.status, answer.error["code"], answer.reason


async def test_values_that_readers_disagree_on(scene: Scene) -> None:
    for name, value in VALUES.items():
        answer = await scene.post(scene.call(b'{"a":%b}' % value))
        assert seen(answer) == PARSE, name
        assert answer.message["id"] is None, name
    assert scene.server.find("tools/call") == []


async def test_messages_that_are_not_one_value(scene: Scene) -> None:
    for name, body in spoil(scene.call()).items():
        assert seen(await scene.post(body)) == PARSE, name
    assert seen(await scene.post(b"")) == PARSE
    assert scene.server.find("tools/call") == []


async def test_keys_that_decide_come_once_and_in_one_spelling(scene: Scene) -> None:
    good = scene.call()
    for name, old, new in [
        ("second method", b'"method":', b'"method":"ping","method":'),
        ("second id", b'"id":1', b'"id":1,"id":2'),
        ("second name", b'"name":', b'"name":"s__die","name":'),
        ("second params", b'"params":', b'"params":{},"params":'),
    ]:
        assert seen(await scene.post(good.replace(old, new, 1))) == PARSE, name
    for name, old, new in [
        ("escaped method", b'"method"', rb'"m\u0065thod"'),
        ("escaped name", b'"name"', rb'"n\u0061me"'),
        ("method in another case", b'"method":', b'"Method":"ping","method":'),
        ("id in another case", b'"id":1', b'"ID":2,"id":1'),
        ("name in another case", b'"name":', b'"Name":"s__die","name":'),
        ("arguments in another case", b'"arguments":', b'"ARGUMENTS":{},"arguments":'),
        ("folded key", b'"params":', '"param\u017f":{},"params":'.encode()),
        ("result beside method", b'"id":1', b'"id":1,"result":{}'),
        ("error beside method", b'"id":1', b'"id":1,"error":{}'),
        ("other jsonrpc", b'"2.0"', b'"2.1"'),
        ("jsonrpc as number", b'"2.0"', b"2.0"),
        ("no jsonrpc", b'"jsonrpc":"2.0",', b""),
        ("method as number", b'"tools/call"', b"7"),
    ]:
        assert seen(await scene.post(good.replace(old, new, 1))) == INVALID, name
    assert scene.server.find("tools/call") == []


async def test_ids_are_texts_or_integers(scene: Scene) -> None:
    for ident in (b"null", b"1.0", b"1e2", b"true", b"[]", b"{}", b'"%b"' % (b"x" * 255)):
        answer = await scene.post(scene.call(ident=ident))
        assert seen(answer) == INVALID, ident
        assert answer.message["id"] is None
    for ident in (b"9007199254740993", b"-7", b'""', rb'"\u0061 \ud83d\ude00"', b"9" * 64):
        answer = await scene.post(scene.call(ident=ident))
        assert answer.status == 200, ident
        assert b'"id":' + ident in answer.body.replace(b'"id": ', b'"id":')


async def test_what_is_no_object_or_a_batch(scene: Scene) -> None:
    batch = b"[%b]" % scene.call()
    for body in (batch, b"[]", b"[1]"):
        assert seen(await scene.post(body)) == (400, -32600, "batch")
    for body in (b"1", b'"tools/call"', b"null"):
        assert seen(await scene.post(body)) == INVALID
    listed = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}'
    assert seen(await scene.post(listed)) == INVALID


async def test_what_every_reader_reads_alike_passes_byte_for_byte(scene: Scene) -> None:
    arguments = (
        rb'{ "n":[9007199254740993,12345678901234567890123,-0,1.50,1E+2,0e9], "\u0061":"\/\ud83d'
        rb'\ude00", "A":1, "":{} ,"deep":' + b"[" * 60 + b"]" * 60 + b"}"
    )
    answer = await scene.post(scene.call(arguments))
    assert "result" in answer.message
    assert arguments in scene.server.find("tools/call")[-1].body


async def test_headers_that_say_another_thing_than_the_body(scene: Scene) -> None:
    body = scene.call()
    without = {"mcp-method": "ping", "mcp-name": "s__die"}
    for name, value in without.items():
        kept = [each for each in modern_headers("tools/call", "s__echo") if each[0] != name]
        if not scene.modern:
            kept = []
        answer = await scene.client.post(body, *kept, (name, value))
        assert seen(answer) == MISMATCH, name
        assert answer.message["id"] == 1
    for name in ("mcp-method", "mcp-name"):
        value = dict(modern_headers("tools/call", "s__echo"))[name]
        answer = await scene.post(body, (name, value), (name, value))
        assert seen(answer) == MISMATCH, name
    broken = [("mcp-method", "tools/call"), ("mcp-name", "=?base64?%?=")]
    kept = [("mcp-protocol-version", "2026-07-28")] if scene.modern else []
    assert seen(await scene.client.post(body, *kept, *broken)) == MISMATCH
    assert scene.server.find("tools/call") == []
    agreeing = [("mcp-method", "tools/call"), ("mcp-name", "s__echo")]
    assert (await scene.client.post(body, *kept, *agreeing)).status == 200


async def test_headers_of_what_has_no_reply(scene: Scene) -> None:
    version = [("mcp-protocol-version", "2026-07-28")] if scene.modern else []
    body = notification("notifications/cancelled", {"requestId": 1, "_meta": META})
    answer = await scene.client.post(body, *version, ("mcp-method", "tools/call"))
    assert seen(answer) == MISMATCH
    good = await scene.client.post(body, *version, ("mcp-method", "notifications/cancelled"))
    assert good.status == 202


async def test_a_list_is_not_taken_for_a_call(scene: Scene) -> None:
    if scene.modern:
        answer = await scene.post(modern("tools/list"))
    else:
        answer = await scene.client.post(legacy("tools/list"), ("mcp-method", "tools/call"))
    assert seen(answer) == MISMATCH
