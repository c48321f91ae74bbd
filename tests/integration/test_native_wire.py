"""Smuggling and worse, raw on the wire of a native listener: one answer, and nothing behind it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from mcpgate.app import Gateway
from tests.support.gateways import (
    ACCEPT,
    Client,
    legacy_call,
)
from tests.support.native import a_native_gateway, exchange_bytes
from tests.support.recording_server import RecordingServer

CALL = legacy_call("s__echo", b"{}", 1)
N = b"%d" % len(CALL)
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(CALL), CALL)
HIDDEN = b"POST /mcp HTTP/1.1\r\nhost: HOST\r\nBASE\r\ncontent-length: %b\r\n\r\n%b" % (N, CALL)
TE = b"transfer-encoding: chunked"
CL = b"content-length: " + N


@dataclass
class Scene:
    """A native listener, the session of its client, and the server behind."""

    port: int
    base: bytes
    server: RecordingServer
    gateway: Gateway

    def fill(self, text: bytes) -> bytes:
        return text.replace(b"HOST", b"127.0.0.1:%d" % self.port).replace(b"BASE", self.base)

    async def count(self) -> int:
        """Count the calls behind, after one more that surely came."""
        client = Client(self.port, session=self.base.rsplit(b" ", 1)[1].decode())
        assert (await client.call("s__fault", b"{}", "mark")).status == 200
        return len(self.server.find("tools/call", "echo"))


@pytest.fixture
async def scene(free_port: Callable[[], int]) -> AsyncIterator[Scene]:
    port = free_port()
    async with a_native_gateway(port, free_port()) as (gateway, server, client):
        base = (
            f"content-type: application/json\r\naccept: {ACCEPT}\r\n"
            f"mcp-session-id: {client.session}"
        )
        yield Scene(port, base.encode(), server, gateway)


def head(*lines: bytes, line: bytes = b"POST /mcp HTTP/1.1", host: bytes = b"host: HOST") -> bytes:
    named = [host] if host else []
    return b"\r\n".join([line, *named, b"BASE", *lines, b"", b""])


REFUSED = {
    "both lengths": head(CL, TE) + CHUNKED,
    "both lengths, other order": head(TE, CL) + CHUNKED,
    "both lengths, zero": head(b"content-length: 0", TE) + CHUNKED,
    "two lengths": head(CL, b"content-length: 5") + CALL,
    "two equal lengths": head(CL, CL) + CALL,
    "a list of lengths": head(CL + b", " + N) + CALL,
    "a signed length": head(b"content-length: +" + N) + CALL,
    "a negative length": head(b"content-length: -1") + CALL,
    "a hexadecimal length": head(b"content-length: 0x10") + CALL,
    "an empty length": head(b"content-length:") + CALL,
    "a length with a space": head(b"content-length: 1 0") + CALL,
    "a length out of range": head(b"content-length: 99999999999999999999999") + CALL,
    "space before the colon": head(b"content-length : " + N) + CALL,
    "space before the colon of te": head(b"transfer-encoding : chunked", CL) + CHUNKED,
    "an unknown coding": head(b"transfer-encoding: xchunked") + CHUNKED,
    "identity": head(b"transfer-encoding: identity", CL) + CALL,
    "gzip before chunked": head(b"transfer-encoding: gzip, chunked") + CHUNKED,
    "chunked before identity": head(b"transfer-encoding: chunked, identity") + CHUNKED,
    "chunked twice": head(TE, TE) + CHUNKED,
    "chunked twice in a list": head(b"transfer-encoding: chunked, chunked") + CHUNKED,
    "a tab of another kind": head(b"transfer-encoding: \x0bchunked") + CHUNKED,
    "chunked in HTTP/1.0": head(TE, line=b"POST /mcp HTTP/1.0") + CHUNKED,
    "a folded field": head(b"x-a: b\r\n " + TE, CL) + CALL,
    "a folded length": head(b"content-length:\r\n " + N) + CALL,
    "a fold first": b"POST /mcp HTTP/1.1\r\n host: HOST\r\n\r\n",
    "a bare LF": head(b"x-a: b\n" + TE, CL) + CALL,
    "bare LFs throughout": head(CL).replace(b"\r\n", b"\n") + CALL,
    "a bare LF at the end": head(CL)[:-3] + b"\n" + CALL,
    "a bare LF after the line": head(CL).replace(b"1.1\r\n", b"1.1\n") + CALL,
    "a bare CR": head(b"x-a: b\r" + TE, CL) + CALL,
    "an empty line first": b"\r\n" + head(CL) + CALL,
    "a NUL": head(b"x-a: b\0c", CL) + CALL,
    "a control character": head(b"x-a: b\x01c", CL) + CALL,
    "a delete character": head(b"x-a: b\x7fc", CL) + CALL,
    "a name beyond ASCII": head(b"x-\xe9: b", CL) + CALL,
    "a name with a space": head(b"x a: b", CL) + CALL,
    "a name that is empty": head(b": b", CL) + CALL,
    "a field without a colon": head(b"xyz", CL) + CALL,
    "an absolute target": head(CL, line=b"POST http://HOST/mcp HTTP/1.1") + CALL,
    "an authority": head(CL, line=b"CONNECT HOST HTTP/1.1") + CALL,
    "an asterisk": head(CL, line=b"OPTIONS * HTTP/1.1") + CALL,
    "a fragment": head(CL, line=b"POST /mcp#a HTTP/1.1") + CALL,
    "a target beyond ASCII": head(CL, line=b"POST /mcp\xe9 HTTP/1.1") + CALL,
    "two spaces": head(CL, line=b"POST  /mcp HTTP/1.1") + CALL,
    "a tab": head(CL, line=b"POST\t/mcp HTTP/1.1") + CALL,
    "a space at the end": head(CL, line=b"POST /mcp HTTP/1.1 ") + CALL,
    "no version": head(CL, line=b"POST /mcp") + CALL,
    "HTTP/0.9": head(CL, line=b"POST /mcp HTTP/0.9") + CALL,
    "HTTP/1.2": head(CL, line=b"POST /mcp HTTP/1.2") + CALL,
    "HTTP/2.0": head(CL, line=b"POST /mcp HTTP/2.0") + CALL,
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another protocol": head(CL, line=b"POST /mcp RTSP/1.0") + CALL,
    "a method in lower case": head(CL, line=b"post /mcp HTTP/1.1") + CALL,
    "an unknown method": head(CL, line=b"SMUGGLE /mcp HTTP/1.1") + CALL,
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a chunk size with 0x": head(TE) + b"0x" + CHUNKED,
    "a signed chunk size": head(TE) + b"+" + CHUNKED,
    "a space before a chunk size": head(TE) + b" " + CHUNKED,
    "a space after a chunk size": head(TE) + CHUNKED.replace(b"\r\n", b" \r\n", 1),
    "a chunk size out of range": head(TE) + b"fffffffffffffffff\r\n" + CALL,
    "a chunk size that is none": head(TE) + b"zz\r\n" + CALL,
    "a chunk longer than said": head(TE) + b"2\r\n" + CALL + b"\r\n0\r\n\r\n",
    "a bare LF after a chunk size": head(TE) + CHUNKED.replace(b"\r\n", b"\n", 1),
    "a bare LF after a chunk": head(TE) + CHUNKED.replace(b"}\r\n", b"}\n"),
    "a bare LF in an extension": head(TE) + CHUNKED.replace(b"\r\n", b";a\nb\r\n", 1),
    "a bare LF at the chunks' end": head(TE) + CHUNKED[:-2] + b"\n",
    "chunks that carry nothing": head(TE) + b"1;" + b"a" * 70_000 + b"\r\nx\r\n",
}
TOO_LARGE = {
    "a large field": head(b"x-a: " + b"b" * 70_000, CL) + CALL,
    "a large target": head(CL, line=b"POST /mcp?" + b"a" * 70_000 + b" HTTP/1.1") + CALL,
    "an endless head": b"POST /mcp HTTP/1.1\r\n" + b"x-a: b\r\n" * 9000,
    "many fields": head(*[b"x-%d: b" % n for n in range(100)], CL) + CALL,
}
CASES = [
    *((text, 400, name) for name, text in REFUSED.items()),
    *((text, 431, name) for name, text in TOO_LARGE.items()),
    (head(b"expect: 200-ok", CL) + CALL, 417, "another expectation"),
]


@pytest.mark.requirement("R-STRICT")
@pytest.mark.parametrize(
    ("text", "status"),
    [case[:2] for case in CASES],
    ids=[case[2].replace(" ", "-") for case in CASES],
)
async def test_refused_once_and_nothing_is_read_behind(
    scene: Scene, text: bytes, status: int
) -> None:
    raw = scene.fill(text + HIDDEN)
    answer = await exchange_bytes(scene.port, raw)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer
    assert await scene.count() == 0


@pytest.mark.requirement("R-STRICT")
@pytest.mark.parametrize(
    "name", ["both lengths", "a bare LF at the end", "a chunk longer than said"]
)
async def test_refused_also_byte_by_byte(scene: Scene, name: str) -> None:
    raw = scene.fill(REFUSED[name] + HIDDEN)
    answer = await exchange_bytes(scene.port, *(raw[at : at + 1] for at in range(len(raw))))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert await scene.count() == 0


UNDERSTOOD = {
    "a length": (head(CL) + CALL, 1),
    "chunks": (head(TE) + CHUNKED, 1),
    "chunks, written otherwise": (head(b"Transfer-Encoding:\tCHUNKED ") + CHUNKED, 1),
    "an extension and a trailer": (
        head(TE) + CHUNKED.replace(b"\r\n", b";a=b\r\n", 1)[:-2] + b"x-t: u\r\n\r\n",
        1,
    ),
    "an offer to upgrade": (
        head(b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", CL) + CALL,
        1,
    ),
    "an encoded path": (head(CL, line=b"POST /%6dcp HTTP/1.1") + CALL, 1),
    "two in a row": (head(CL) + CALL + head(CL) + CALL, 2),
    "ten in a row": ((head(CL) + CALL) * 10, 10),
    "a zero length hides nothing": (head(b"content-length: 0") + head(CL) + CALL, 1),
}


@pytest.mark.requirement("R-STRICT")
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "byte-by-byte"])
@pytest.mark.parametrize("name", UNDERSTOOD)
async def test_understood_exactly(scene: Scene, name: str, whole: bool) -> None:
    text, calls = UNDERSTOOD[name]
    raw = scene.fill(text) + scene.fill(b"GET /healthz HTTP/1.1\r\nhost: HOST\r\nconnection: close")
    raw += b"\r\n\r\n"
    pieces = [raw] if whole else [raw[at : at + 1] for at in range(len(raw))]
    answer = await exchange_bytes(scene.port, *pieces)
    assert answer.count(b'"alpha":{"b":1') == calls
    assert await scene.count() == calls


@pytest.mark.requirement("R-STRICT")
async def test_what_follows_chunks_in_one_piece_is_not_read(scene: Scene) -> None:
    answer = await exchange_bytes(scene.port, scene.fill(head(TE) + CHUNKED + HIDDEN))
    assert answer.count(b"HTTP/1.1 200") == 1
    assert b"connection: close" in answer
    assert await scene.count() == 1


@pytest.mark.requirement("R-STRICT")
async def test_nothing_is_read_after_connection_close(scene: Scene) -> None:
    raw = scene.fill(head(CL, b"connection: close") + CALL + HIDDEN)
    answer = await exchange_bytes(scene.port, raw)
    assert answer.count(b"HTTP/1.1 200") == 1
    assert await scene.count() == 1
