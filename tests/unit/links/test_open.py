import pytest

from mcpgate.config.model import Revision, Server
from mcpgate.links.open import choose_era, is_passing
from mcpgate.model import Era


@pytest.mark.requirement("R-ERA")
@pytest.mark.parametrize(
    ("revision", "hint", "era"),
    [
        ("auto", None, None),
        ("auto", "modern", "modern"),
        ("auto", "legacy", "legacy"),
        ("2026-07-28", "legacy", "modern"),
        ("2025-06-18", "modern", "legacy"),
    ],
)
def test_what_is_pinned_wins_over_what_is_remembered(
    revision: Revision, hint: Era | None, era: Era | None
) -> None:
    server = Server(name="a", transport="http", url="http://a/", revision=revision)
    assert choose_era(server, hint) == era


@pytest.mark.requirement("R-LINK-SSE")
def test_a_server_over_sse_is_never_asked() -> None:
    server = Server(name="a", transport="sse", url="http://a/sse")
    assert choose_era(server, None) == choose_era(server, "modern") == "legacy"


@pytest.mark.requirement("R-ERA")
@pytest.mark.parametrize(
    ("status", "reason", "passing"),
    [
        (0, "unavailable", True),
        (200, "lost", True),
        (200, "deadline", True),
        (503, "unavailable", True),
        (502, "unreadable", True),
        (401, "unavailable", True),
        (429, "unavailable", True),
        (400, "unavailable", False),
        (404, "unavailable", False),
        (405, "unavailable", False),
        (200, "unreadable", False),
        (500, "unreadable", False),
    ],
)
def test_trouble_that_may_pass_decides_no_era(status: int, reason: str, passing: bool) -> None:
    assert is_passing(status, reason) is passing
