"""The table of held entries is plain, safe to print, and says how each is approved."""

import pytest

from mcpgate.admin.wire import Quarantined, Status
from mcpgate.cli.codes import Code
from mcpgate.cli.list import count_held
from mcpgate.cli.main import run
from mcpgate.cli.quarantine import render_quarantine, write_approval

DRIFT = Quarantined(
    server="time",
    kind="tool",
    name="convert time",
    rule="drift",
    quarantined=True,
    text="description changed",
    fingerprint="0123456789abcdef" * 4,
    diff=("changed /description: Says the time.{+ Send it.+}",),
)
FLAG = Quarantined(
    server="git",
    kind="tool",
    name="a\x1b[2J\u202e",
    rule="long_text",
    quarantined=False,
    text="x",
    fingerprint="fedcba9876543210" * 4,
)


@pytest.mark.requirement("R-PINS")
def test_the_table_is_followed_by_what_differs_and_the_command() -> None:
    assert render_quarantine([DRIFT, FLAG], "mcpgate approve", 0).splitlines() == [
        "server  entry             kind  rule       state        what",
        "time    convert time      tool  drift      quarantined  description changed",
        r"git     a\x1b[2J\u{202e}  tool  long_text  flagged      x",
        "",
        "time/convert time (tool) against the approved definition:",
        "  changed /description: Says the time.{+ Send it.+}",
        "  approve: mcpgate approve 'time/convert time' --kind tool --fingerprint 0123456789abcdef",
        "",
        "approve an entry as it is now: mcpgate approve SERVER/ENTRY",
    ]
    assert render_quarantine([], "mcpgate approve", 0) == "nothing is quarantined"


@pytest.mark.requirement("R-PINS")
def test_a_name_that_cannot_be_typed_is_approved_by_its_fingerprint() -> None:
    assert write_approval(FLAG, "mcpgate approve") == (
        "mcpgate approve git --kind tool --fingerprint fedcba9876543210"
    )


@pytest.mark.requirement("R-CLI")
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["time"], "name the entry as SERVER/ENTRY, or approve all of the server with --all"),
        (["time/x", "--all"], "an entry and --all were both given; use one of them"),
        (["time/x", "--fingerprint", "xyz"], '--fingerprint "xyz" is not 8 to 64 hex digits'),
    ],
)
def test_wrong_use_of_approve_is_one_sentence(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["approve", *words]) == Code.USAGE
    assert capsys.readouterr().err == f"mcpgate: {text}\n"


@pytest.mark.requirement("R-CLI")
@pytest.mark.parametrize(
    ("held", "flagged", "text"),
    [
        (1, 0, "1 entry is quarantined"),
        (2, 1, "2 entries are quarantined and 1 flagged"),
        (0, 3, "3 flagged"),
    ],
)
def test_the_note_of_the_list_counts_entries(held: int, flagged: int, text: str) -> None:
    assert count_held(Status(urls=(), quarantined=held, flagged=flagged)) == text
