"""Header rules: what each value means, and that nothing else passes."""

import pytest

from mcpgate.listeners import heads

HOSTS = heads.list_hosts("127.0.0.1", 7332, secure=False, extra=("gate.example", "other:9"))


class FakeHeaders:
    """Granian's header view over a list of pairs."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self.pairs = list(pairs)

    def __contains__(self, key: str) -> bool:
        return any(name == key for name, _ in self.pairs)

    def get(self, key: str, default: str | None = None) -> str | None:
        return next((value for name, value in self.pairs if name == key), default)

    def get_all(self, key: str) -> list[str]:
        return [value for name, value in self.pairs if name == key]

    def keys(self) -> list[str]:
        return list(dict(self.pairs))

    def items(self) -> list[tuple[str, str]]:
        return self.pairs


class HidingHeaders(FakeHeaders):
    """Names without values, as granian shows what is not visible ASCII."""

    def get_all(self, key: str) -> list[str]:
        return []


@pytest.mark.requirement("R-HOST")
@pytest.mark.parametrize(
    ("host", "authority", "reason"),
    [
        ("127.0.0.1:7332", None, ""),
        ("localhost:7332", None, ""),
        ("LOCALHOST:7332", None, ""),
        ("[::1]:7332", None, ""),
        ("gate.example", None, ""),
        ("gate.example:7332", None, ""),
        ("other:9", None, ""),
        ("other:7332", None, "host"),
        ("localhost", None, "host"),
        ("localhost:80", None, "host"),
        ("evil.example:7332", None, "host"),
        ("127.0.0.1.evil.example:7332", None, "host"),
        ("", None, "host"),
        (None, None, "host"),
        ("localhost:7332", "localhost:7332", ""),
        ("localhost:7332", "evil.example", "host"),
        ("localhost:7332", "127.0.0.1:7332", "host"),
    ],
)
def test_host_is_one_of_ours(host: str | None, authority: str | None, reason: str) -> None:
    rules = heads.PeerRules(HOSTS, ())
    assert rules.check(host, authority, None) == reason
    assert rules.check(host, authority, None) == reason  # what passed before passes again


@pytest.mark.requirement("R-HOST")
@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        (None, ""),
        ("http://localhost", ""),
        ("http://localhost:6274", ""),
        ("https://127.0.0.1:3000", ""),
        ("http://[::1]:3000", ""),
        ("https://ui.example", ""),
        ("https://UI.example", ""),
        ("http://ui.example", "origin"),
        ("https://ui.example:8443", "origin"),
        ("https://ui.example.evil.example", "origin"),
        ("http://localhost.evil.example", "origin"),
        ("http://localhost:6274/", "origin"),
        ("http://127.0.0.1@evil.example", "origin"),
        ("null", "origin"),
        ("", "origin"),
    ],
)
def test_origin_is_loopback_or_configured(origin: str | None, reason: str) -> None:
    rules = heads.PeerRules(HOSTS, ("https://ui.example",))
    assert rules.check("localhost:7332", None, origin) == reason


@pytest.mark.requirement("R-HOST")
def test_host_without_port_means_the_port_of_the_scheme() -> None:
    assert "localhost" in heads.list_hosts("127.0.0.1", 443, secure=True, extra=())
    assert "localhost" not in heads.list_hosts("127.0.0.1", 443, secure=False, extra=())
    assert "[fe80::1]:80" in heads.list_hosts("fe80::1", 80, secure=False, extra=())


@pytest.mark.requirement("R-HOST")
def test_memory_of_passed_peers_is_bounded() -> None:
    rules = heads.PeerRules(HOSTS, ())
    for port in range(2000):
        assert rules.check("localhost:7332", None, f"http://localhost:{port}") == ""
    assert rules.check("localhost:7332", None, "http://evil.example") == "origin"


@pytest.mark.requirement("R-HEADERS")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("Application/JSON ;x=y", True),
        ("application/json-rpc", False),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        ("", False),
        (None, False),
    ],
)
def test_content_type_is_json(value: str | None, expected: bool) -> None:
    assert heads.is_json(value) is expected


@pytest.mark.requirement("R-HEADERS")
@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/json, text/event-stream", ""),
        ("text/event-stream,application/json", ""),
        ("APPLICATION/json;q=0.5, Text/Event-Stream; q=1", ""),
        ("*/*", ""),
        ("application/*, text/*", ""),
        ("application/json", "not_acceptable"),
        ("text/event-stream", "not_acceptable"),
        ("application/json, text/event-stream;q=0", "not_acceptable"),
        ("application/json, text/event-stream;q=0.000", "not_acceptable"),
        ("application/json, text/html", "not_acceptable"),
        ("", "not_acceptable"),
        (None, "not_acceptable"),
    ],
)
def test_post_must_take_both_forms_of_a_reply(accept: str | None, expected: str) -> None:
    rules = heads.MediaRules()
    assert rules.check("application/json", accept) == expected
    assert rules.check("application/json", accept) == expected
    assert rules.check("text/plain", accept) == "media_type"


@pytest.mark.requirement("R-HEADERS")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, -1),
        ("0", 0),
        ("42", 42),
        ("-1", -2),
        ("+5", -2),
        ("1_0", -2),
        ("٣", -2),
        ("", -2),
        ("9" * 40, -2),
        ("0x10", -2),
    ],
)
def test_length_is_digits(value: str | None, expected: int) -> None:
    assert heads.read_length(value) == expected


@pytest.mark.requirement("R-FRONT")
@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (None, False),
        ("2024-11-05", False),
        ("2025-03-26", False),
        ("2025-06-18", False),
        ("2025-11-25", False),
        ("2026-07-28", True),
        ("1999-01-01", True),
        ("", True),
    ],
)
def test_era_by_header(version: str | None, expected: bool) -> None:
    assert heads.is_modern(version) is expected


@pytest.mark.requirement("R-HEADERS")
def test_params_are_lines() -> None:
    headers = FakeHeaders(
        ("host", "a"), ("mcp-param-region", "eu"), ("mcp-param-zone", "1"), ("x-mcp-param-q", "no")
    )
    assert heads.read_params(headers) == ("region: eu\nzone: 1", False)


@pytest.mark.requirement("R-HEADERS")
def test_repeated_params_are_noticed() -> None:
    headers = FakeHeaders(("mcp-param-region", "eu"), ("mcp-param-region", "us"))
    assert heads.read_params(headers)[1]


@pytest.mark.requirement("R-HEADERS")
def test_no_params() -> None:
    assert heads.read_params(FakeHeaders(("host", "a"))) == (None, False)
    assert heads.read_params(FakeHeaders(("x-mcp-param-a", "1"))) == (None, False)


@pytest.mark.requirement("R-HOST")
def test_value_that_may_come_once() -> None:
    assert heads.read_single(FakeHeaders(), "origin") is None
    assert heads.read_single(FakeHeaders(("origin", "a")), "origin") == "a"
    assert heads.read_single(FakeHeaders(("origin", "a"), ("origin", "a")), "origin") == ""
    assert heads.read_single(HidingHeaders(("origin", "caf\xe9")), "origin") == ""
