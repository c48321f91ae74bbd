"""A configuration is typed, and everything wrong with it is said at once."""

import sys
from pathlib import Path

import pytest

from mcpgate.config.load import ConfigSource, find_places, load, resolve
from mcpgate.config.model import Config
from mcpgate.errors import ConfigError
from tests.support.certificates import write_certificate

BROKEN = """\
listeners:
  - address: 0.0.0.0:80
servers:
  - name: Time
    transport: stdio
    command: uvx mcp-server-time
  - name: web
    transport: htp
    headrs: {a: b}
  - name: web2
    transport: http
    url: https://u:p@host/mcp
    headers:
      Authorization: Bearer abc
      Host: x
  - transport: stdio
    command: [x]
    deadline_s: soon
workers: many
lisetners: on
"""
NOT_LOOPBACK = (
    "0.0.0.0 can be reached from other machines; listen on 127.0.0.1, [::1] or localhost until "
    "clients can be authenticated"
)
NOT_A_LIST = 'a text where a list is expected; write ["one", "two"]'
TWO_LINES = "holds more than one line; keep only the secret"
A_SECRET = "looks like a secret; keep it out of the file: env:NAME or file:path"


def write(folder: Path, text: str, name: str = "mcpgate.yaml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def problems_of(path: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return [problem.removeprefix(path + ":") for problem in caught.value.problems]


@pytest.mark.requirement("R-CONFIG")
def test_every_problem_is_said_with_line_path_and_remedy(tmp_path: Path) -> None:
    assert problems_of(write(tmp_path, BROKEN)) == [
        f"2:5: listeners[0].address: {NOT_LOOPBACK}",
        '4:5: servers[0].name: "Time" does not match ^[a-z0-9-]{1,20}$',
        f"6:5: servers[0].command: {NOT_A_LIST}",
        '8:5: servers[1].transport: "htp" is not allowed; did you mean "http"?',
        '9:5: servers[1].headrs: unknown key; did you mean "headers"?',
        "12:5: servers[2].url: holds a user or password; send it as a header by reference",
        f"14:7: servers[2].headers.Authorization: {A_SECRET}",
        "15:7: servers[2].headers.Host: set by the gateway itself; leave it out",
        "16:5: servers[3]: name is missing; text like ^[a-z0-9-]{1,20}$",
        '18:5: servers[3].deadline_s: "soon" where a number is expected',
        '19:1: workers: "many" where a whole number is expected',
        '20:1: lisetners: unknown key; did you mean "listeners"?',
    ]


@pytest.mark.requirement("R-CONFIG")
def test_json_is_the_same(tmp_path: Path) -> None:
    text = '{"servers":[{"name":"a","transport":"stdio",\n\t"command":["x"]}],"prefix":"nevr"}'
    assert problems_of(write(tmp_path, text, "mcpgate.json")) == [
        '2:20: prefix: "nevr" is not allowed; did you mean "never"?'
    ]


@pytest.mark.requirement("R-CONFIG")
def test_an_empty_file_is_the_default_with_its_places_made_absolute(tmp_path: Path) -> None:
    config = load(write(tmp_path, "# nothing yet\n"))
    assert config.listeners == Config().listeners
    assert config.state_dir == str(Path("~/.local/state/mcpgate").expanduser())


@pytest.mark.requirement("R-CONFIG")
def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    text = """
state_dir: state
audit: {path: ../events}
listeners: [{tls: {certificate: c.pem, key: /k.pem}}]
servers:
  - {name: a, transport: stdio, command: [./run, ./x], cwd: sub, env: {T: "file:t", U: "env:U"}}
"""
    config = load(write(tmp_path, text))
    server, tls = config.servers[0], config.listeners[0].tls
    assert config.state_dir == str(tmp_path / "state")
    assert config.audit.path == str(tmp_path.parent / "events")
    assert tls is not None
    assert (tls.certificate, tls.key) == (str(tmp_path / "c.pem"), "/k.pem")
    assert server.command == (str(tmp_path / "run"), "./x")
    assert server.cwd == str(tmp_path / "sub")
    assert server.env == {"T": f"file:{tmp_path}/t", "U": "env:U"}


@pytest.mark.requirement("R-CONFIG")
def test_what_shows_only_together_is_said(tmp_path: Path) -> None:
    text = """
workers: 4
listeners: [{}, {name: other}]
servers:
  - {name: a, transport: stdio, command: [x]}
  - {name: a, transport: stdio, command: [x]}
"""
    assert problems_of(write(tmp_path, text)) == [
        "2:1: workers: 4: 1 only for now; a later release runs more",
        "3:17: listeners[1].address: 127.0.0.1:7332 is the address of another listener",
        '6:6: servers[1].name: "a" is the name of another one; names differ',
    ]


@pytest.mark.requirement("R-CONFIG")
def test_a_state_directory_too_long_for_a_socket_is_explained(tmp_path: Path) -> None:
    found = problems_of(write(tmp_path, f"state_dir: /{'x' * 120}\n"))
    assert len(found) == 1
    assert found[0].startswith("1:1: state_dir: /xxx")
    assert "134 bytes long and a unix socket's path may have 107" in found[0]


@pytest.mark.requirement("R-IMPORT")
@pytest.mark.parametrize(
    "text", ['{"mcpServers": {}}', '{"inputs": [], "servers": {"a": {"command": "x"}}}']
)
def test_an_editors_file_in_the_place_of_ours_is_recognised(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text, "c.json")
    assert problems_of(path) == [f" this is an editor's file; use it as it is with --from {path}"]


@pytest.mark.requirement("R-CONFIG")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "servers:\n  a: {transport: stdio}\n",
            '1:1: servers: a mapping where a list is expected; each item begins with "- name: "',
        ),
        (
            "servers:\n\t- a\n",
            (
                "2:1: not readable as YAML: found character that cannot start any token; "
                "indent with spaces, not with a tab"
            ),
        ),
    ],
)
def test_a_first_file_is_helped(tmp_path: Path, text: str, problem: str) -> None:
    assert problems_of(write(tmp_path, text)) == [problem]


@pytest.mark.requirement("R-SECRET")
def test_a_resolved_load_says_where_a_secret_is_missing(tmp_path: Path) -> None:
    text = "servers:\n  - {name: b, transport: stdio, command: [x], env: {C: 'env:NOT_SET_HERE'}}\n"
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        ConfigSource(path).load_resolved()
    assert caught.value.problems == [
        (
            f"{path}:2:53: servers[0].env.C: "
            "variable NOT_SET_HERE is not set; set it before the gateway starts"
        )
    ]


@pytest.mark.requirement("R-RELOAD")
def test_a_source_reads_again_and_keeps_what_the_command_line_set(tmp_path: Path) -> None:
    path = write(tmp_path, "instructions: one\n")
    source = ConfigSource(path, address="localhost:9000", state_dir=str(tmp_path / "s"))
    assert source.load().instructions == "one"
    write(tmp_path, "instructions: two\nlisteners: [{path: /x}]\n")
    config = source.load()
    assert (config.instructions, config.state_dir) == ("two", str(tmp_path / "s"))
    assert (config.listeners[0].address, config.listeners[0].path) == ("localhost:9000", "/x")


@pytest.mark.requirement("R-CONFIG")
def test_an_address_from_the_command_line_obeys_the_same_rules(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--listen: 0\.0\.0\.0 can be reached"):
        ConfigSource(write(tmp_path, ""), address="0.0.0.0:1").load()


@pytest.mark.requirement("R-CONFIG")
def test_a_check_looks_for_programs_files_and_secrets(tmp_path: Path) -> None:
    text = f"""
listeners: [{{tls: {{certificate: c.pem, key: k.pem}}}}]
servers:
  - {{name: a, transport: stdio, command: [no-such-program-here], cwd: none}}
  - {{name: b, transport: http, url: "https://x", ca_file: ca.pem, headers: {{A: "file:t"}}}}
  - {{name: c, transport: stdio, command: ["{sys.executable}"], env: {{A: "env:NOT_SET_HERE"}}}}
  - {{name: d, transport: stdio, command: [no-such-program], enabled: false}}
"""
    with pytest.raises(ConfigError) as caught:
        ConfigSource(write(tmp_path, text)).check()
    paths = [problem.split(": ")[1] for problem in caught.value.problems]
    assert paths == [
        "listeners[0].tls.certificate",
        "listeners[0].tls.key",
        "servers[0].command",
        "servers[0].cwd",
        "servers[1].ca_file",
        "servers[1].headers.A",
        "servers[2].env.A",
    ]


@pytest.mark.requirement("R-TLS")
def test_a_check_reads_certificates(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        write_certificate(folder, folder.name)
    (tmp_path / "ca.pem").write_text("no certificate\n")
    text = """
state_dir: s
listeners:
  - {{tls: {{certificate: one/cert.pem, key: one/key.pem}}}}
  - {{name: b, address: "[::1]:1", tls: {{certificate: one/cert.pem, key: {key}/key.pem}}}}
servers:
  - {{name: a, transport: http, url: "https://x", ca_file: {ca}}}
"""
    sound = write(tmp_path, text.format(key="one", ca="other/cert.pem"))
    assert ConfigSource(sound).check().listeners
    with pytest.raises(ConfigError) as caught:
        ConfigSource(write(tmp_path, text.format(key="other", ca="ca.pem"))).check()
    assert [problem.split(": ", 1)[1] for problem in caught.value.problems] == [
        (
            "listeners[1].tls: certificate and key are no pair; give the PEM files of one, "
            "without a passphrase"
        ),
        f"servers[0].ca_file: file {tmp_path}/ca.pem holds no certificate in PEM form",
    ]


@pytest.mark.requirement("R-SECRET")
def test_references_are_resolved_and_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("hidden-in-file\n")
    text = """
servers:
  - {name: a, transport: http, url: "https://x", headers: {X-Key: "file:t", A: "Bearer env:T"}}
  - {name: b, transport: http, url: "https://x", headers: {A: "env:MISSING"}, enabled: false}
"""
    config = resolve(load(write(tmp_path, text)), {"T": "hidden-in-variable"})
    assert config.servers[0].headers == {
        "X-Key": "hidden-in-file",
        "A": "Bearer hidden-in-variable",
    }
    assert config.servers[1].headers == {"A": "env:MISSING"}
    assert "hidden" not in repr(config)
    assert "hidden" not in f"{config.servers[0]}"


@pytest.mark.requirement("R-SECRET")
def test_a_plain_text_may_look_like_a_reference_but_no_secret_may(tmp_path: Path) -> None:
    text = """
servers:
  - {{name: a, transport: stdio, command: [x], env: {{DATABASE_URL: "text:file:./dev.db"{more}}}}}
"""
    config = resolve(load(write(tmp_path, text.format(more=""))), {})
    assert config.servers[0].env == {"DATABASE_URL": "file:./dev.db"}
    more = ', API_KEY: "text:abc"'
    assert "looks like a secret" in problems_of(write(tmp_path, text.format(more=more)))[0]


@pytest.mark.requirement("R-SECRET")
def test_a_reference_that_leads_nowhere_is_named_without_its_secret(tmp_path: Path) -> None:
    (tmp_path / "two").write_text("line one\nline two\n")
    (tmp_path / "empty").write_text("\n")
    text = """
servers:
  - {name: a, transport: http, url: "https://x", headers: {A: "file:two", B: "file:empty"}}
  - {name: b, transport: stdio, command: [x], env: {C: "env:NONE"}}
"""
    with pytest.raises(ConfigError) as caught:
        resolve(load(write(tmp_path, text)), {})
    assert caught.value.problems == [
        f"servers[0].headers.A: file:{tmp_path}/two holds more than one line; keep only the secret",
        f"servers[0].headers.B: file:{tmp_path}/empty is empty; put the secret there",
        "servers[1].env.C: variable NONE is not set; set it before the gateway starts",
    ]


@pytest.mark.requirement("R-CONTROL")
def test_places_are_found_in_a_file_that_is_broken_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path, "state_dir: s\naudit: {path: e}\nservers: 5\n")
    places = find_places(path)
    assert (places.state_dir, places.events) == (str(tmp_path / "s"), str(tmp_path / "e"))
    assert find_places("", "/s").events == "/s/events"


@pytest.mark.requirement("R-CONFIG", "R-LINK-KEYS")
def test_a_server_is_shared_unless_it_says_otherwise(tmp_path: Path) -> None:
    text = "servers:\n  - {name: a, transport: stdio, command: [x]%s}\n"
    wanted = {"": "shared", **{f", isolation: {name}": name for name in ("principal", "session")}}
    for more, isolation in wanted.items():
        assert load(write(tmp_path, text % more)).servers[0].isolation == isolation
    assert problems_of(write(tmp_path, text % ", isolation: sesion")) == [
        '2:47: servers[0].isolation: "sesion" is not allowed; did you mean "session"?'
    ]
