"""Files of editors are taken as they are."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.config.export import write_servers
from mcpgate.config.imported import Imported, name_servers, read_imported
from mcpgate.config.load import ConfigSource, load
from mcpgate.errors import ConfigError
from mcpgate.model import TransportName

ALIKE = st.text("abAB _-.é1", max_size=24)


def read(folder: Path, text: str) -> Imported:
    path = folder / "editor.json"
    path.write_text(text)
    return read_imported(str(path))


@pytest.mark.requirement("R-IMPORT")
@given(st.lists(st.text(max_size=30) | ALIKE, unique=True, max_size=12))
def test_names_are_ours_and_never_fall_together(names: list[str]) -> None:
    given_names = name_servers(names)
    assert list(given_names) == names
    assert len(set(given_names.values())) == len(names)
    for old, new in given_names.items():
        assert re.fullmatch("[a-z0-9-]{1,20}", new)
        assert new == old or not re.fullmatch("[a-z0-9-]{1,20}", old)


@pytest.mark.requirement("R-IMPORT")
@given(st.lists(ALIKE, unique=True, max_size=8), st.randoms(use_true_random=False))
def test_names_do_not_depend_on_the_order(names: list[str], random: object) -> None:
    assert name_servers(names) == name_servers(reversed(names))


@pytest.mark.requirement("R-IMPORT")
def test_a_plain_difference_in_letters_keeps_the_name_readable() -> None:
    assert name_servers(["My Server", "time"]) == {"My Server": "my-server", "time": "time"}
    alike = name_servers(["My Server", "my_server", "my-server"])
    assert alike["my-server"] == "my-server"
    assert all(name.startswith("my-server") for name in alike.values())


@pytest.mark.requirement("R-IMPORT")
def test_claude_and_cursor(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """{"theme": "dark", "mcpServers": {
          "time": {"command": "uvx", "args": ["mcp-server-time"], "env": {"TZ": "UTC", "N": 5}},
          "web": {"type": "http", "url": "https://x/mcp", "headers": {"Authorization": "Bearer s"}},
          "bare": {"url": "http://127.0.0.1:1/mcp", "disabled": true, "autoApprove": []}}}""",
    )
    time, web, bare = found.servers
    assert (time.transport, time.command) == ("stdio", ("uvx", "mcp-server-time"))
    assert time.env == {"TZ": "UTC", "N": "5"}
    assert (web.transport, web.headers) == ("http", {"Authorization": "Bearer s"})
    assert (bare.enabled, web.enabled) == (False, True)
    assert found.notes == ("mcpServers.bare.autoApprove: is not used here",)


@pytest.mark.requirement("R-IMPORT")
def test_servers_of_single_projects_are_named(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """{"mcpServers": {}, "projects": {"/a": {"mcpServers": {"x": {"command": "x"}}},
            "/b": {"mcpServers": {}}, "/c": {"history": []}}}""",
    )
    assert found.servers == ()
    assert found.notes == ('projects["/a"].mcpServers: servers of a single project are not taken',)


@pytest.mark.requirement("R-IMPORT")
def test_vs_code_with_comments_and_last_commas(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """{ // what we use
          "inputs": [{"id": "t", "type": "promptString"}],
          "servers": {
            "a": {"type": "stdio", "command": "x", "args": ["//no comment", "a,]"], },
            /* two
               lines */
            "b": {"type": "http", "url": "https://x/mcp"},
          },
        }""",
    )
    assert found.servers[0].command == ("x", "//no comment", "a,]")
    assert found.notes == ()


@pytest.mark.requirement("R-IMPORT")
def test_variables_become_references_or_stay_as_written(tmp_path: Path) -> None:
    text = json.dumps(
        {
            "servers": {
                "a": {
                    "url": "https://x",
                    "headers": {"A": "Bearer ${env:TOK}", "B": "${B}", "C": "x${C}"},
                }
            }
        }
    )
    found = read(tmp_path, text)
    assert found.servers[0].headers == {"A": "Bearer env:TOK", "B": "env:B", "C": "x${C}"}
    assert found.notes == ("servers.a.headers.C: holds ${...}; write out what it stands for",)


@pytest.mark.requirement("R-IMPORT")
def test_what_an_editor_asks_a_person_for_is_a_variable(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """{"inputs": [{"id": "api-key"}],
            "servers": {"a": {"command": "x", "env": {"K": "${input:api-key}"}}}}""",
    )
    assert found.servers[0].env == {"K": "env:API_KEY"}
    assert found.notes == (
        "servers.a.env.K: the editor asks a person for it; here it is the variable API_KEY",
    )


@pytest.mark.requirement("R-IMPORT")
def test_the_place_in_the_editors_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text(
        """{ // ours
          "mcpServers": {
            "old": {"type": "sse", "url": "https://x/sse"},
            "My One": {"url": "https://x/mcp",
                       "headers": {"A": "${NOT_SET_HERE}"}},
            "two": {"command": "no-such-program-here"}}}"""
    )
    with pytest.raises(ConfigError) as caught:
        ConfigSource(str(path), imported=True, state_dir=str(tmp_path)).check()
    assert caught.value.problems == [
        (
            f'{path}:5:36: mcpServers["My One"].headers.A: '
            "variable NOT_SET_HERE is not set; set it before the gateway starts"
        ),
        (
            f"{path}:6:21: mcpServers.two.command: "
            "program no-such-program-here is not found; install it or give its full path"
        ),
    ]


@pytest.mark.requirement("R-IMPORT")
def test_a_file_without_lines_still_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, r'{"x": "\ud83d\ude00", "mcpServers": {"a": {}}}')
    assert caught.value.problems == [
        f"{tmp_path}/editor.json: mcpServers.a: has neither command nor url"
    ]


@pytest.mark.requirement("R-IMPORT")
def test_everything_that_cannot_be_taken_is_said(tmp_path: Path) -> None:
    entries = {
        "none": {},
        "word": "x",
        "args": {"command": "x", "args": "y"},
        "type": {"command": "x", "type": "http"},
        "url": {"url": "ftp://x/"},
        "header": {"url": "https://x/", "headers": {"A": "b\n"}},
    }
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, json.dumps({"mcpServers": entries}))
    assert [problem.split(": ")[1] for problem in caught.value.problems] == [
        "mcpServers.none",
        "mcpServers.word",
        "mcpServers.args.args",
        "mcpServers.type.type",
        "mcpServers.url.url",
        "mcpServers.header.headers.A",
    ]


@pytest.mark.requirement("R-IMPORT")
@pytest.mark.parametrize(
    ("entry", "transport"),
    [
        ({"type": "sse", "url": "https://x/sse"}, "sse"),
        ({"type": "ws", "url": "wss://x/ws"}, "websocket"),
        ({"type": "websocket", "url": "ws://x/ws"}, "websocket"),
        ({"url": "ws://x/ws"}, "websocket"),
        ({"type": "streamable-http", "url": "https://x/"}, "http"),
        ({"url": "https://x/"}, "http"),
        ({"command": "x"}, "stdio"),
    ],
)
def test_each_type_is_a_transport(
    tmp_path: Path, entry: dict[str, str], transport: TransportName
) -> None:
    found = read(tmp_path, json.dumps({"mcpServers": {"a": entry}}))
    assert [server.transport for server in found.servers] == [transport]
    assert found.notes == ()


@pytest.mark.requirement("R-IMPORT")
@pytest.mark.parametrize(
    "entry",
    [
        {"type": "stdio", "url": "https://x/"},
        {"type": "sse", "command": "x"},
        {"type": "sse", "url": "wss://x/"},
        {"type": "ws", "url": "https://x/"},
        {"type": 5, "url": "https://x/"},
    ],
)
def test_a_type_must_fit(tmp_path: Path, entry: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"unknown for it|is not (ws|http) or"):
        read(tmp_path, json.dumps({"mcpServers": {"a": entry}}))


@pytest.mark.requirement("R-IMPORT")
def test_a_header_of_the_gateways_own_is_left_out_with_a_note(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """{"mcpServers": {"h": {"url": "https://x/", "headers": {"Accept": "x"}}}}""",
    )
    assert found.servers[0].headers == {}
    assert len(found.notes) == 1


@pytest.mark.requirement("R-IMPORT")
@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"mcpServers": 5}', '{"other": {}}', "[" * 99999]
)
def test_files_without_servers_are_explained(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"not readable as JSON|no servers"):
        read(tmp_path, text)


@pytest.mark.requirement("R-SECRET")
def test_the_yaml_of_an_editors_file_loads_and_holds_no_secret(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """{"mcpServers": {
          "a": {"command": "x", "args": ["on", "5"], "env": {"API_KEY": "hidden1", "B": "no"}},
          "b": {"url": "https://x/", "headers": {"Authorization": "Bearer hidden2"},
                "disabled": true}}}""",
    )
    text, variables = write_servers(found.servers)
    assert "hidden" not in text
    assert variables == ("A_API_KEY", "B_AUTHORIZATION")
    own = tmp_path / "mcpgate.yaml"
    own.write_text(text)
    first, second = load(str(own)).servers
    assert first.command == ("x", "on", "5")
    assert first.env == {"API_KEY": "env:A_API_KEY", "B": "no"}
    assert second.headers == {"Authorization": "Bearer env:B_AUTHORIZATION"}
    assert not second.enabled


@pytest.mark.requirement("R-IMPORT")
def test_a_source_can_be_an_editors_file(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text('{"mcpServers": {"Web One": {"url": "https://x/mcp"}}}')
    source = ConfigSource(str(path), imported=True, state_dir=str(tmp_path))
    assert [server.name for server in source.load().servers] == ["web-one"]
    assert source.notes == ('mcpServers["Web One"]: is called "web-one" here',)
