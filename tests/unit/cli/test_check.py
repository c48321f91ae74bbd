"""Notes of `mcpgate check` that need more than the file."""

import json
import sys
from pathlib import Path

import msgspec
import pytest

from mcpgate.cli.main import run
from mcpgate.config.model import Config, Server
from mcpgate.registry.document import Facts, build_document
from mcpgate.registry.last_good import LastGood
from tests.support.definitions import make_entries, make_tool


@pytest.mark.requirement("R-FIREWALL")
def test_a_tool_that_its_server_did_not_list_last_is_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.yaml"
    server = f'name: s, transport: stdio, command: ["{sys.executable}"]'
    path.write_text(
        f"state_dir: state\nservers: [{{{server}, tools: [{{name: known}}, {{name: gone}}]}}]\n"
    )
    assert run(["check", "-c", str(path)]) == 0
    assert capsys.readouterr().err == ""
    (tmp_path / "state").mkdir()
    known = Server(name="s", transport="stdio", command=("x",))
    facts = Facts(known=[("s", make_entries(make_tool("known")))])
    document = build_document(Config(servers=(known,)), facts, "0", 1)
    LastGood(str(tmp_path / "state")).save(json.dumps({}).encode())
    assert run(["check", "-c", str(path)]) == 0
    assert capsys.readouterr().err == ""
    LastGood(str(tmp_path / "state")).save(msgspec.json.encode(document))
    assert run(["check", "-c", str(path)]) == 0
    note = 'servers[0].tools[1].name: server s lists no tool "gone"; its settings are not used'
    assert capsys.readouterr().err == f"{path}: note: {note}\n"
    assert run(["check", "-c", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == [note]
