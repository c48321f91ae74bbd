"""Definitions of servers that nobody here wrote: the rules have to let them live."""

from pathlib import Path
from typing import Final

import pytest

from mcpgate.model import Mark
from tests.conftest import need_part
from tests.support.real_servers import Listed, list_servers, make_homes, missing_parts
from tests.support.screening import screen

pytestmark = [pytest.mark.requirement("R-SCREEN"), pytest.mark.timeout(900)]

SERVERS_AT_LEAST: Final = 15
FLAGGED_AT_MOST: Final = 0.01
# Every definition is given to the gate as a tool's; a prompt or a resource has no schema.
OF_TOOLS: Final = ("schema_missing", "definition_unreadable")


def report(listed: list[Listed], found: list[tuple[str, object, list[Mark]]]) -> str:
    lines = [f"{len(listed)} servers, {sum(len(each.entries) for each in listed)} entries"]
    lines += [f"{each.name}: {len(each.entries)} entries" for each in listed]
    for server, name, marks in found:
        lines += [f"{server} {name}: {mark.rule} {mark.quarantined} {mark.text}" for mark in marks]
    return "\n".join(lines)


async def test_real_definitions_live(tmp_path: Path) -> None:
    for path in missing_parts():
        need_part(path, "a part with real servers (make .parts/.peers)")
    listed = await list_servers(make_homes(tmp_path))
    rows = [(each.name, kind, entry) for each in listed for kind, entry in each.entries]
    marks = screen([entry for _, _, entry in rows])
    found = [
        (server, entry.get("name"), judged)
        for (server, kind, entry), all_marks in zip(rows, marks, strict=True)
        if (judged := [mark for mark in all_marks if kind == "tools" or mark.rule not in OF_TOOLS])
    ]
    text = report(listed, found)
    print(text)
    assert len([each for each in listed if each.entries]) >= SERVERS_AT_LEAST, text
    quarantined = [row for row in found if any(mark.quarantined for mark in row[2])]
    assert not quarantined, text
    assert len(found) <= FLAGGED_AT_MOST * len(rows), text
    told = [each.instructions for each in listed if each.instructions]
    assert not [each for each in screen(told) if each], text
