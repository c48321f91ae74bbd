"""What a server sends is read by the same rules, over every transport; its faults are its own."""

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.support.gateways import Answer, Client, http_server, running, wait_for_entries
from tests.support.hostile import VALUES, spoil
from tests.support.hostile_child import answer as answer_as_told
from tests.support.http_server import Answer as Reply
from tests.support.http_server import HttpServer, Request, speak_legacy

pytestmark = [pytest.mark.usefixtures("either_listener"), pytest.mark.requirement("R-READING")]

CHILD: Final = Path(__file__).resolve().parents[1] / "support/hostile_child.py"
LIMIT: Final = 2 << 20
GOOD: Final = b'{"jsonrpc":"2.0","id":@@,"result":{"content":[]}}'
# What names no request of ours: over a shared pipe nobody can say whose it is.
NOBODYS: Final = {
    "another id": GOOD.replace(b"@@", b"987654321"),
    "id as text": GOOD.replace(b"@@", b'"@@"'),
    "id as fraction": GOOD.replace(b"@@", b"@@.0"),
    "id as power": GOOD.replace(b"@@", b"@@e0"),
    "id null": GOOD.replace(b"@@", b"null"),
    "no id": GOOD.replace(b'"id":@@,', b""),
    "batch": b"[%b]" % GOOD,
    "log line": b"server started",
}
BROKEN: Final = {
    "two ids": GOOD.replace(b'"id":@@', b'"id":@@,"id":@@'),
    "second id, escaped": GOOD.replace(b'"id":@@', rb'"id":@@,"\u0069d":@@'),
    "id in another case": GOOD.replace(b'"id":@@', b'"id":@@,"ID":@@'),
    "result and error": GOOD.replace(b'"result"', b'"error":{"code":1,"message":""},"result"'),
    "two results": GOOD.replace(b'"result"', b'"result":{},"result"'),
    "neither": b'{"jsonrpc":"2.0","id":@@}',
    "result is a list": GOOD.replace(b'{"content":[]}', b"[]"),
    "result is null": GOOD.replace(b'{"content":[]}', b"null"),
    "error without code": b'{"jsonrpc":"2.0","id":@@,"error":{"message":"x"}}',
    "error code as fraction": b'{"jsonrpc":"2.0","id":@@,"error":{"code":1.5,"message":"x"}}',
    "error is a text": b'{"jsonrpc":"2.0","id":@@,"error":"x"}',
    "other jsonrpc": GOOD.replace(b'"2.0"', b'"1.0"'),
}
SPOILED: Final = spoil(GOOD)


def as_events(body: bytes) -> bytes:
    return b"".join(b"data: %b\n" % line for line in body.split(b"\n")) + b"\n"


@dataclass
class Scene:
    """A gateway with one hostile server, and a client."""

    client: Client
    transport: str

    async def call(self, raw: bytes, ident: str = "mine") -> Answer:
        told = json.dumps({"raw": base64.b64encode(raw).decode()}).encode()
        return await self.client.call("h__raw", told, ident)

    async def reasons(self, replies: dict[str, bytes]) -> dict[str, tuple[object, str]]:
        """Let the server send each reply at the same time; give code and reason of each."""
        names = list(replies)
        answers = await asyncio.gather(*(self.call(replies[name], name) for name in names))
        for name, answer in zip(names, answers, strict=True):
            assert (answer.status, answer.message["id"]) == (200, name)
        assert "result" in (await self.call(GOOD)).message
        return {
            name: (answer.error["code"], answer.reason)
            for name, answer in zip(names, answers, strict=True)
        }


async def play(request: Request, answer: Reply, *, stream: bool) -> None:
    body = answer_as_told(request.message)
    if not stream or request.method != "tools/call":
        await answer.send(200, body, "application/json")
        return
    await answer.stream()
    await answer.chunk(as_events(body))
    await answer.end()


@pytest.fixture(params=["http", "stream", "stdio"])
async def scene(
    free_port: Callable[[], int], request: pytest.FixtureRequest
) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        if request.param == "stdio":
            command = [sys.executable, "-I", "-S", str(CHILD)]
            server: dict[str, object] = {"name": "h", "transport": "stdio", "command": command}
        else:
            streamed = request.param == "stream"
            script = speak_legacy(lambda asked, reply: play(asked, reply, stream=streamed))
            made = await stack.enter_async_context(HttpServer(script))
            server = http_server("h", made.url)
        port = free_port()
        limits = {"reply_bytes": LIMIT}
        servers = [{**server, "deadline_s": 3}]
        gateway = await stack.enter_async_context(running(port, servers, limits=limits))
        await wait_for_entries(gateway, 1)
        client = Client(port)
        await client.open_session()
        yield Scene(client, request.param)


async def test_values_that_readers_disagree_on(scene: Scene) -> None:
    replies = {name: GOOD.replace(b"[]", b'[],"a":' + value) for name, value in VALUES.items()}
    assert set((await scene.reasons(replies)).values()) == {(-31005, "unreadable")}


async def test_replies_that_are_broken(scene: Scene) -> None:
    found = await scene.reasons(BROKEN)
    if scene.transport == "stdio":
        assert found.pop("second id, escaped") == (-31006, "deadline")
    assert set(found.values()) == {(-31005, "unreadable")}


async def test_replies_that_are_not_one_value(scene: Scene) -> None:
    found = await scene.reasons(SPOILED)
    late = {name for name, seen in found.items() if seen == (-31006, "deadline")}
    found = {name: seen for name, seen in found.items() if name not in late}
    assert set(found.values()) == {(-31005, "unreadable")}
    hidden = {"byte order mark", "UTF-16", "UTF-32", "nothing but blanks"}
    assert late == (hidden if scene.transport == "stdio" else set())


async def test_replies_to_nobody(scene: Scene) -> None:
    found = await scene.reasons(NOBODYS)
    if scene.transport == "http":
        assert set(found.values()) == {(-31005, "unreadable")}
    elif scene.transport == "stream":
        assert set(found.values()) <= {(-31005, "unreadable"), (-31005, "lost")}
    else:
        assert set(found.values()) == {(-31006, "deadline")}


async def test_replies_beyond_the_limit(scene: Scene) -> None:
    filler = b'[],"x":"%b"' % (b"y" * LIMIT)
    found = await scene.reasons({"over": GOOD.replace(b"[]", filler)})
    assert found == {"over": (-31010, "reply_too_large")}


async def test_a_good_reply_passes_byte_for_byte(scene: Scene) -> None:
    result = (
        rb'{"content":[],"n":[9007199254740993,12345678901234567890123,1.50,1E+2],"\u0061":"\/",'
        rb'"A":{"a":1, "A":2}}'
    )
    answer = await scene.call(GOOD.replace(b'{"content":[]}', result))
    assert result in answer.body
