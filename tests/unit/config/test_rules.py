"""What a configuration must obey besides its shape."""

import pytest

from mcpgate.config.model import ClientTransport, Listener, Server, Tls, build_url, split_address
from mcpgate.config.rules import check_listener, check_secrets, check_server
from mcpgate.model import TransportName

URLS = {
    "https://x/mcp": "",
    "http://127.0.0.1:8080/mcp?a=b": "",
    "https://[::1]:1/": "",
    "ftp://x/": "not http or https",
    "https:///mcp": "the host is missing",
    "https://user@x/": "holds a user or password",
    "https://x/#a": "#fragment",
    "https://x/a b": "percent-encoded",
    "https://x/ä": "percent-encoded",
    "https://x:99999/": "not a URL",
    "https://x:0/": "not http",
    "http://169.254.169.254/latest": "never called",
    "http://[fe80::1]/": "never called",
    "http://metadata.google.internal/": "never called",
}


def http(url: str | None = "https://x/mcp", **headers: str) -> Server:
    return Server(name="a", transport="http", url=url, headers=headers)


def texts(server: Server) -> list[str]:
    return [problem.text for problem in check_server(server)]


@pytest.mark.requirement("R-CONFIG")
@pytest.mark.parametrize(("url", "text"), URLS.items())
def test_urls(url: str, text: str) -> None:
    found = texts(http(url))
    assert len(found) == bool(text)
    assert text in "".join(found)


@pytest.mark.requirement("R-CONFIG")
def test_a_transport_has_what_it_needs_and_nothing_else() -> None:
    assert texts(http(None)) == ["http needs url, such as https://host/mcp"]
    stdio = Server(name="a", transport="stdio", url="https://x", ca_file="c", headers={"a": "b"})
    assert texts(stdio) == [
        *["only for transport http, sse or websocket; this server is stdio"] * 3,
        'stdio needs command, such as ["npx", "-y", "package"]',
    ]
    mixed = Server(name="a", transport="http", url="https://x", command=("x",), env={"a": "b"})
    assert texts(mixed) == ["only for transport stdio; this server is http"] * 2


@pytest.mark.requirement("R-CONFIG")
@pytest.mark.parametrize(
    ("transport", "url", "found"),
    [
        ("sse", "https://x/sse", []),
        ("sse", None, ["sse needs url, such as https://host/sse"]),
        ("sse", "wss://x/", ['"wss" is not http or https, or the host is missing']),
        ("websocket", "ws://x/ws", []),
        ("websocket", None, ["websocket needs url, such as wss://host/ws"]),
        ("websocket", "https://x/", ['"https" is not ws or wss, or the host is missing']),
        (
            "websocket",
            "ws://169.254.169.254/",
            ["169.254.169.254 is a link-local or metadata address, never called"],
        ),
    ],
)
def test_each_transport_has_its_addresses(
    transport: TransportName, url: str | None, found: list[str]
) -> None:
    assert texts(Server(name="a", transport=transport, url=url)) == found
    mixed = Server(name="a", transport=transport, url=url, cwd="/")
    assert texts(mixed) == [f"only for transport stdio; this server is {transport}", *found]


@pytest.mark.requirement("R-CONFIG")
def test_the_modern_revision_is_not_spoken_over_sse() -> None:
    server = Server(name="a", transport="sse", url="https://x/sse", revision="2026-07-28")
    assert texts(server) == ["2026-07-28 is not spoken over sse; name an older one, or auto"]


@pytest.mark.requirement("R-CONFIG")
@pytest.mark.parametrize(
    ("name", "value", "sound"),
    [
        ("X-Region", "eu west", True),
        ("X-Empty", "", True),
        ("X Region", "eu", False),
        ("X-Region", "eu\r\nHost: x", False),
        ("X-Region", " eu", False),
        ("X-Region", "eu\x00", False),
        ("Host", "x", False),
        ("mcp-session-id", "x", False),
        ("Mcp-Param-Region", "x", False),
        ("Sec-WebSocket-Protocol", "x", False),
    ],
)
def test_headers(name: str, value: str, sound: bool) -> None:
    assert (not texts(http(**{name: value}))) == sound


@pytest.mark.requirement("R-CONFIG")
def test_a_header_stands_once_whatever_its_case() -> None:
    assert texts(http(**{"X-A": "1", "x-a": "2"})) == [
        "stands twice, in upper and lower case; keep one"
    ]


@pytest.mark.requirement("R-SECRET")
@pytest.mark.parametrize("name", ["Authorization", "X-API-Key", "cookie", "MY_TOKEN", "A_SECRET"])
def test_secrets_come_by_reference(name: str) -> None:
    for value, sound in {
        "abc": False,
        "Bearer abc": False,
        "env:A": True,
        "Bearer env:A": True,
        "file:/run/a": True,
        "": True,
    }.items():
        web = http(**{name: value})
        child = Server(name="a", transport="stdio", command=("x",), env={name: value})
        assert (not list(check_secrets(web))) == sound
        assert (not list(check_secrets(child))) == sound


@pytest.mark.requirement("R-CONFIG")
@pytest.mark.parametrize(
    ("address", "sound"),
    [
        ("127.0.0.1:7332", True),
        ("127.1.2.3:1", True),
        ("[::1]:65535", True),
        ("localhost:80", True),
        ("localhost", False),
        ("localhost:0", False),
        ("localhost:65536", False),
        ("::1:80", False),
        ("0.0.0.0:80", False),
        ("[::]:80", False),
        ("192.168.1.1:80", False),
        ("example.org:80", False),
    ],
)
def test_addresses(address: str, sound: bool) -> None:
    assert (not list(check_listener(Listener(address=address)))) == sound


@pytest.mark.requirement("R-CONFIG")
def test_origins_and_hosts() -> None:
    sound = Listener(origins=("https://a:1", "vscode-webview://x"), hosts=("a.test:1",))
    assert not list(check_listener(sound))
    wrong = Listener(origins=("a.test", "https://a/b"), hosts=("https://a",))
    assert [problem.path for problem in check_listener(wrong)] == [
        ("origins", 0),
        ("origins", 1),
        ("hosts", 0),
    ]


@pytest.mark.requirement("R-CONFIG")
def test_an_address_is_split() -> None:
    assert split_address("[::1]:80") == ("::1", 80)
    assert split_address("localhost:7332") == ("localhost", 7332)


TAKEN = (
    "/a/sse is where clients of HTTP+SSE come; choose another path, or list transports without sse"
)


@pytest.mark.requirement("R-CONFIG")
@pytest.mark.parametrize(
    ("listener", "found"),
    [
        (Listener(), []),
        (Listener(kind="native", transports=("websocket", "http")), []),
        (Listener(transports=("http", "sse")), []),
        (
            Listener(transports=("http", "websocket")),
            ["websocket needs kind: native; this listener is granian"],
        ),
        (
            Listener(transports=("http", "http")),
            ["http is listed above; keep one of them"],
        ),
        (Listener(path="/sse", transports=("http",)), []),
        (
            Listener(path="/a/sse"),
            [TAKEN],
        ),
    ],
)
def test_transports_of_a_listener(listener: Listener, found: list[str]) -> None:
    assert [problem.text for problem in check_listener(listener)] == found


@pytest.mark.requirement("R-CONFIG")
@pytest.mark.parametrize(
    ("listed", "url"),
    [
        (None, "http://127.0.0.1:7332/a/mcp"),
        (("sse", "http"), "http://127.0.0.1:7332/a/mcp"),
        (("websocket", "sse"), "http://127.0.0.1:7332/a/sse"),
        (("websocket",), "ws://127.0.0.1:7332/a/mcp"),
    ],
)
def test_the_address_is_of_the_first_transport(
    listed: tuple[ClientTransport, ...] | None, url: str
) -> None:
    listener = Listener(path="/a/mcp", kind="native", transports=listed)
    assert build_url(listener) == url
    tls = Tls(certificate="c", key="k")
    secure = Listener(path="/a/mcp", kind="native", transports=listed, tls=tls)
    assert build_url(secure) == url.replace(":", "s:", 1)
