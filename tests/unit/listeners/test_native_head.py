"""Heads are read strictly, and what passes says what it said."""

import pytest

from mcpgate.listeners.native_head import Head, HeadFault, find_bare_line_end, read_head


def read(*lines: str, line: str = "POST /mcp HTTP/1.1", host: str = "host: h") -> Head:
    found = [line, *([host] if host else []), *lines, "", ""]
    return read_head("\r\n".join(found).encode("latin-1"))


@pytest.mark.requirement("R-HEADERS")
def test_fields_are_seen_as_they_came() -> None:
    head = read("X-A: 1", "x-a:\t2 \t", "Accept:", "x-b: caf\xe9")
    assert (head.method, head.path, head.authority) == ("POST", "/mcp", None)
    fields = head.headers
    assert (fields.get("x-a"), fields.get("accept"), fields.get("none")) == ("1", "", None)
    assert fields.get("none", "x") == "x"
    assert fields.get_all("x-a") == ["1", "2"]
    assert fields.get_all("none") == []
    assert "x-b" in fields
    assert "X-B" not in fields
    assert sorted(fields.keys()) == ["accept", "host", "x-a", "x-b"]
    assert [name for name, _ in fields.items()] == ["host", "x-a", "x-a", "accept", "x-b"]
    assert fields.get("x-b") == "caf\xe9"


@pytest.mark.requirement("R-FRONT")
@pytest.mark.parametrize(
    ("target", "path"),
    [("/", "/"), ("/a?b=/c", "/a"), ("/%6dcp", "/mcp"), ("//mcp", "//mcp"), ("/a%3Fb", "/a?b")],
)
def test_path(target: str, path: str) -> None:
    assert read(line=f"GET {target} HTTP/1.1").path == path


@pytest.mark.requirement("R-STRICT")
@pytest.mark.parametrize(
    ("lines", "version", "framing"),
    [
        ((), "1.1", (0, False, True, False)),
        ((), "1.0", (0, False, False, False)),
        (("connection: keep-alive",), "1.0", (0, False, False, False)),
        (("connection: x, Close",), "1.1", (0, False, False, False)),
        (("content-length: 007",), "1.1", (7, False, True, False)),
        (("transfer-encoding: Chunked",), "1.1", (0, True, True, False)),
        (("content-length: 1", "expect: 100-Continue"), "1.1", (1, False, True, True)),
        (("content-length: 1", "expect: 100-continue"), "1.0", (1, False, False, False)),
        (("expect: 100-continue",), "1.1", (0, False, True, False)),
        (("connection: upgrade", "upgrade: h2c"), "1.1", (0, False, True, False)),
    ],
)
def test_framing(
    lines: tuple[str, ...], version: str, framing: tuple[int, bool, bool, bool]
) -> None:
    head = read(*lines, line=f"POST / HTTP/{version}")
    assert (head.length, head.chunked, head.keep, head.expects) == framing


@pytest.mark.requirement("R-STRICT")
@pytest.mark.parametrize("count", [98, 99, 100])
def test_number_of_fields(count: int) -> None:
    lines = [f"x-{number}: a" for number in range(count)]
    if count < 100:
        assert len(read(*lines).headers.items()) == count + 1
    else:
        with pytest.raises(HeadFault) as fault:
            read(*lines)
        assert fault.value.status == 431


@pytest.mark.requirement("R-STRICT")
@pytest.mark.parametrize(
    ("lines", "line", "host", "status"),
    [
        ((), "POST http://h/mcp HTTP/1.1", "host: h", 400),
        ((), "CONNECT /a HTTP/1.1", "host: h", 400),
        ((), "POST /mcp#a HTTP/1.1", "host: h", 400),
        (("transfer-encoding: gzip, chunked",), "POST /mcp HTTP/1.1", "host: h", 400),
        (("transfer-encoding: chunked",), "POST /mcp HTTP/1.0", "host: h", 400),
        (("expect: x",), "POST /mcp HTTP/1.1", "host: h", 417),
        (("expect: 100-continue", "expect: 100-continue"), "POST / HTTP/1.1", "host: h", 417),
    ],
)
def test_refused(lines: tuple[str, ...], line: str, host: str, status: int) -> None:
    with pytest.raises(HeadFault) as fault:
        read(*lines, line=line, host=host)
    assert fault.value.status == status


@pytest.mark.requirement("R-STRICT")
@pytest.mark.parametrize(
    ("piece", "bare"),
    [
        (b"", False),
        (b"a: b\r\nc", False),
        (b"a: b\r", False),
        (b"\r\n\r\n", False),
        (b"a\nb", True),
        (b"\n", True),
        (b"a\rb", True),
        (b"a\r\r\n", True),
        (b"\r\n\n", True),
    ],
)
def test_bare_line_ends(piece: bytes, bare: bool) -> None:
    assert find_bare_line_end(piece) is bare
