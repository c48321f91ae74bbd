import pytest

from mcpgate.errors import LinkFault
from mcpgate.links.target import (
    ACCEPT_BOTH,
    check_headers,
    encode_value,
    mirror,
    read_session,
    read_target,
    render_head,
)


@pytest.mark.requirement("R-LINK-HTTP")
@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("http://a.example/mcp", "a.example", 80, "/mcp", "a.example"),
        ("http://a.example", "a.example", 80, "/", "a.example"),
        ("https://a.example:8443/x?y=1#z", "a.example", 8443, "/x?y=1", "a.example:8443"),
        ("https://a.example:443/", "a.example", 443, "/", "a.example"),
        ("http://[::1]:8080/mcp", "::1", 8080, "/mcp", "[::1]:8080"),
    ],
)
def test_urls_are_cut(url: str, host: str, port: int, path: str, authority: str) -> None:
    target = read_target(url)
    assert (target.host, target.port, target.path, target.authority) == (
        host,
        port,
        path,
        authority,
    )
    assert target.secure == url.startswith("https")


@pytest.mark.requirement("R-LINK-HTTP")
@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a/",
        "http:///x",
        "http://a:99999/",
        "http://me:secret@a/",
        "http://a/b c",
        "http://a/\u00e4",
        "http://[::1/",
    ],
)
def test_urls_that_cannot_be_dialled_are_refused(url: str) -> None:
    with pytest.raises(LinkFault) as caught:
        read_target(url)
    assert "secret" not in str(caught.value)


@pytest.mark.requirement("R-LINK-HTTP")
def test_a_head_holds_each_field_once_and_stays_open() -> None:
    target = read_target("http://a/mcp")
    head = render_head("POST", target, ACCEPT_BOTH, {"x-key": "v", "host": "other"})
    assert head == (
        b"POST /mcp HTTP/1.1\r\nhost: other\r\naccept-encoding: identity\r\n"
        b"content-type: application/json\r\naccept: application/json, text/event-stream\r\n"
        b"x-key: v\r\n"
    )


@pytest.mark.requirement("R-LINK-HTTP")
@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "5"},
        {"Mcp-Session-Id": "x"},
        {"a b": "c"},
        {"x": "a\r\ny: b"},
        {"x": "a\x00"},
        {"": "x"},
    ],
)
def test_configured_headers_cannot_change_the_framing(headers: dict[str, str]) -> None:
    with pytest.raises(LinkFault):
        check_headers(headers)


@pytest.mark.requirement("R-LINK-HTTP")
def test_session_ids_must_be_visible_ascii() -> None:
    assert read_session(b"") == ""
    assert read_session(b"abc-123") == "abc-123"
    for bad in (b"a b", b"a\r\nx: y", b"\xff", b"x" * 2000):
        with pytest.raises(LinkFault):
            read_session(bad)


@pytest.mark.requirement("R-HEADERS")
def test_mirrored_values_that_http_cannot_hold_are_encoded() -> None:
    assert encode_value("a b") == "a b"
    assert encode_value(" a") == "=?base64?IGE=?="
    assert encode_value("\u00e4") == "=?base64?w6Q=?="
    assert encode_value("=?base64?x?=").startswith("=?base64?PT9")
    assert mirror("tools/list", None) == b"mcp-method: tools/list\r\n"
    assert mirror("tools/call", "x") == b"mcp-method: tools/call\r\nmcp-name: x\r\n"
