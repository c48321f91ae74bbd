"""One event id finds its lines, whichever file they are in."""

from pathlib import Path

import pytest

from mcpgate.audit.reader import find_event
from mcpgate.errors import ClientFault


def line(kind: str, event: str, rest: str = "") -> str:
    return f'{{"v":1,"kind":"{kind}","event":"{event}","at":"2026-11-22T19:00:00Z"{rest}}}\n'


def write(folder: Path, number: int, text: str) -> None:
    (folder / f"events-2026112{number}T000000.000000Z.jsonl").write_text(text)


@pytest.mark.requirement("R-EXPLAIN")
def test_both_lines_of_an_event_are_found_across_files(tmp_path: Path) -> None:
    write(tmp_path, 1, line("verdict", "b") + line("verdict", "a"))
    write(tmp_path, 2, line("end", "b") + line("end", "a") + line("verdict", "c"))
    write(tmp_path, 3, "")
    assert [found.kind for found in find_event(str(tmp_path), "a")] == ["verdict", "end"]
    assert [found.kind for found in find_event(str(tmp_path), "c")] == ["verdict"]
    assert find_event(str(tmp_path), "d") == []
    assert find_event(str(tmp_path / "none"), "d") == []


@pytest.mark.requirement("R-EXPLAIN")
def test_torn_and_foreign_lines_are_passed_over(tmp_path: Path) -> None:
    inner = ',"other":{"event":"a"}'
    write(
        tmp_path,
        1,
        '{"v":1,"kind":"verdict","event":"a","at"\n'
        + line("verdict", "b", inner)
        + line("end", "a")
        + '{"v":1,"event":"a"',
    )
    (found,) = find_event(str(tmp_path), "a")
    assert (found.kind, found.raw) == ("end", line("end", "a").strip().encode())


@pytest.mark.requirement("R-EXPLAIN")
@pytest.mark.parametrize("event", ["", 'a"', "a b", "x" * 200])
def test_what_is_no_event_id_is_refused(tmp_path: Path, event: str) -> None:
    with pytest.raises(ClientFault, match="is not an event id; copy it from the error"):
        find_event(str(tmp_path), event)
