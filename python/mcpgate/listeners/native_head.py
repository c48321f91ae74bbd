"""The head of one HTTP/1.1 request, read strictly (pure).

Strategy: llhttp reads each head with a parser of its own, which never sees a second request; what
it would let pass and another reader might understand otherwise is refused here.
Rules: an origin-form target, one length or exactly `chunked`, HTTP/1.1 or HTTP/1.0. Who
may come, how large and what are the front's to judge, not these lines'. What an Upgrade asks
for is not taken up here.
"""

import re
from typing import Final, final
from urllib.parse import unquote

import httptools

HEAD_BYTES: Final = 64 << 10
HEADERS: Final = 100
_LINE: Final = re.compile(rb"([A-Z-]+) (/[!-\"$-~]*) HTTP/1\.([01])\r\n")


@final
class HeadFault(Exception):
    """A head that is refused, and the connection with it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@final
class Fields:
    """The header fields of one request; names are in lower case."""

    __slots__ = ("_all", "_first", "_values")

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        """Take every field in its order."""
        self._all = fields
        self._values: dict[str, list[str]] = {}
        for name, value in fields:
            self._values.setdefault(name, []).append(value)
        self._first = {name: values[0] for name, values in self._values.items()}

    def __contains__(self, key: str) -> bool:
        return key in self._first

    def get(self, key: str, default: str | None = None) -> str | None:
        """Return the first value."""
        return self._first.get(key, default)

    def get_all(self, key: str) -> list[str]:
        """Return every value of a name."""
        found = self._values.get(key)
        return found[:] if found else []

    def keys(self) -> list[str]:
        """Return the names, each once."""
        return list(self._first)

    def items(self) -> list[tuple[str, str]]:
        """Return every name with its value, repeated names too."""
        return list(self._all)


@final
class Head:
    """What a head says; it is also the scope that the front is given."""

    __slots__ = (
        "authority",
        "chunked",
        "expects",
        "headers",
        "keep",
        "length",
        "method",
        "old",
        "path",
        "query_string",
    )

    def __init__(self, method: str, target: str, fields: Fields) -> None:
        """Take the request line and the fields; framing and the rest are set by `read_head`."""
        path, _, self.query_string = target.partition("?")
        self.method = method
        self.path = unquote(path) if "%" in path else path
        self.authority: str | None = None
        self.headers = fields
        self.length = 0
        self.chunked = False
        self.keep = False
        self.old = False
        self.expects = False


@final
class _Collector:
    """What llhttp calls."""

    __slots__ = ("complete", "fields", "keep", "parser")

    def __init__(self) -> None:
        self.fields: list[tuple[str, str]] = []
        self.complete = self.keep = False
        self.parser = httptools.HttpRequestParser(self)

    def on_header(self, name: bytes, value: bytes | None) -> None:
        text = (value or b"").strip(b" \t").decode("latin-1")
        self.fields.append((name.lower().decode("latin-1"), text))

    def on_headers_complete(self) -> None:
        self.complete = True
        self.keep = self.parser.should_keep_alive()  # no longer known after the end


def read_head(head: bytes) -> Head:
    """Read a head with its final empty line; raise HeadFault if it is refused."""
    line = _LINE.match(head)
    if line is None:
        raise HeadFault(400, "the request line")
    collector = _Collector()
    try:
        collector.parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # answered as if nothing but HTTP/1.1 was offered
    except httptools.HttpParserError as fault:
        raise HeadFault(400, f"a header field: {fault}") from fault
    finally:
        del collector.parser  # it holds the collector
    if not collector.complete or line[1] == b"CONNECT":
        raise HeadFault(400, "the method or the head's end")
    if len(collector.fields) > HEADERS:
        raise HeadFault(431, "the number of header fields")
    fields = Fields(collector.fields)
    read = Head(line[1].decode(), line[2].decode(), fields)
    read.old = line[3] == b"0"
    read.keep = collector.keep and not read.old
    _read_framing(read, fields)
    return read


def find_bare_line_end(piece: bytes) -> bool:
    """Say whether a line ends otherwise than by CR LF; the last byte may be the CR of one."""
    ends = piece.count(b"\r\n")
    return piece.count(b"\n") != ends or piece.count(b"\r", 0, -1) > ends


def _read_framing(head: Head, fields: Fields) -> None:
    length = fields.get("content-length")
    coding = fields.get_all("transfer-encoding")
    if coding:
        if length is not None or head.old or [each.lower() for each in coding] != ["chunked"]:
            raise HeadFault(400, "the framing of the body")
        head.chunked = True
    elif length is not None:
        if not (length.isascii() and length.isdigit() and len(length) < 19):
            raise HeadFault(400, "the length of the body")
        head.length = int(length)
    expected = fields.get_all("expect")
    if expected and [each.lower() for each in expected] != ["100-continue"]:
        raise HeadFault(417, "the expectation")
    head.expects = bool(expected) and not head.old and (head.chunked or head.length > 0)
