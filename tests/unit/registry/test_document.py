"""The snapshot document, byte for byte."""

from pathlib import Path

import msgspec
import pytest

from mcpgate.config.model import Config, Firewall, Limits, Server, Tool
from mcpgate.model import Peer, TransportName
from mcpgate.registry.catalog import ServerEntries
from mcpgate.registry.document import (
    Cleared,
    Document,
    Facts,
    Held,
    Judged,
    build_document,
    read_entries,
)
from mcpgate.registry.last_good import FILE_NAME, LastGood

TIME = Server(
    name="time",
    transport="stdio",
    command=("x",),
    environment="development",
    labels={"team": "clock"},
    tools=(
        Tool(name="other", firewall=Firewall(arguments="off", results="enforce", secrets="redact")),
        Tool(name="same", firewall=Firewall(arguments="strict", pins="off")),
    ),
)
EVERY = Server(
    name="every",
    transport="http",
    url="http://127.0.0.1:1/mcp",
    deadline_s=30,
    firewall=Firewall(arguments="schema", results="enforce", secrets="refuse"),
)
JUDGED = Judged(
    held=(
        Held(kind="prompt", name="old", rule="drift", quarantine=True, text="description changed"),
    ),
    cleared=(Cleared(kind="tool", name="convert"),),
)
OFF = Server(name="off", transport="stdio", command=("y",), enabled=False)


def peer(era: str, revision: str, capabilities: str) -> Peer:
    text = {"era": era, "revision": revision, "name": "x", "version": "1", "instructions": ""}
    return msgspec.convert({**text, "capabilities": msgspec.Raw(capabilities.encode())}, Peer)


def golden(root: Path) -> bytes:
    return (root / "tests/golden/snapshot.json").read_bytes().strip()


def read_golden_entries(root: Path) -> list[tuple[str, ServerEntries | None]]:
    """Take the definitions from the golden file, as two servers would send them."""
    time, every = msgspec.json.decode(golden(root), type=Document).servers
    peers = [
        peer(
            "modern", "2026-07-28", '{"completions":{},"logging":{},"resources":{"subscribe":true}}'
        ),
        peer("legacy", "2025-11-25", '{"tools":{},"logging":{}}'),
    ]
    return [
        (
            part.name,
            ServerEntries(
                peer=each,
                tools=part.tools,
                prompts=part.prompts,
                resources=part.resources,
                templates=part.templates,
            ),
        )
        for part, each in zip((time, every), peers, strict=True)
    ]


@pytest.mark.requirement("R-SNAPSHOT")
def test_the_golden_document_is_built_byte_for_byte(root: Path) -> None:
    config = Config(servers=(TIME, OFF, EVERY), instructions="Ask before you write.")
    facts = Facts(
        known=read_golden_entries(root),
        owners=[("test://shared", "time")],
        judged={"time": JUDGED},
    )
    document = build_document(config, facts, "0.1.0", 7)
    assert msgspec.json.encode(document) == golden(root)


@pytest.mark.requirement("R-SNAPSHOT")
def test_a_server_never_reached_is_there_without_entries() -> None:
    document = build_document(Config(servers=(EVERY, OFF)), Facts(known=[("every", None)]), "0", 1)
    (part,) = document.servers
    assert (part.era, part.revision, part.tools, part.completions) == ("legacy", "", (), False)
    assert read_entries(part) is None


@pytest.mark.requirement("R-SNAPSHOT")
@pytest.mark.parametrize(("transport", "url"), [("sse", "http://x/"), ("websocket", "ws://x/")])
def test_a_server_keeps_the_name_of_its_transport(transport: TransportName, url: str) -> None:
    server = Server(name="a", transport=transport, url=url)
    (part,) = build_document(Config(servers=(server,)), Facts(known=[]), "0", 1).servers
    assert part.transport == transport


@pytest.mark.requirement("R-SNAPSHOT")
def test_prefix_defaults_by_the_number_of_enabled_servers() -> None:
    def choose(config: Config) -> str:
        return build_document(config, Facts(known=[]), "0", 1).prefix

    assert choose(Config(servers=(EVERY, OFF))) == "never"
    assert choose(Config(servers=(EVERY, TIME))) == "always"
    assert choose(Config(servers=(EVERY,), prefix="always")) == "always"
    limits = Limits(page_entries=5, session_h=0.5)
    document = build_document(Config(limits=limits), Facts(known=[]), "0", 1)
    assert (document.page_entries, document.session_s) == (5, 1800)


@pytest.mark.requirement("R-SNAPSHOT")
def test_the_last_good_document_comes_back(root: Path, tmp_path: Path) -> None:
    kept = LastGood(str(tmp_path))
    assert kept.load() is None
    kept.save(b"older")
    kept.save(golden(root))
    path = tmp_path / FILE_NAME
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == [FILE_NAME]
    document = kept.load()
    assert document is not None
    for part, (_, known) in zip(document.servers, read_golden_entries(root), strict=True):
        entries = read_entries(part)
        assert known is not None
        assert entries is not None
        assert entries.list_visible()[1:] == known.list_visible()[1:]
        assert (entries.peer.era, entries.peer.revision) == (known.peer.era, known.peer.revision)
        assert entries.peer.offers("completions") == known.peer.offers("completions")


@pytest.mark.requirement("R-SNAPSHOT")
@pytest.mark.parametrize("text", [b"", b"{}", b"\xff", b'{"format":2}', b"[" * 5000])
def test_an_unreadable_document_is_none(text: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(text)
    assert LastGood(str(tmp_path)).load() is None


@pytest.mark.requirement("R-SNAPSHOT")
def test_a_document_of_another_format_is_none(root: Path, tmp_path: Path) -> None:
    other = golden(root).replace(b'"format":1', b'"format":2')
    (tmp_path / FILE_NAME).write_bytes(other)
    assert LastGood(str(tmp_path)).load() is None


@pytest.mark.requirement("R-SNAPSHOT")
def test_a_document_from_before_the_firewall_comes_back(root: Path, tmp_path: Path) -> None:
    value = msgspec.json.decode(golden(root))
    for server in value["servers"]:
        for field in ("firewall", "exceptions", "held", "cleared"):
            del server[field]
    (tmp_path / FILE_NAME).write_bytes(msgspec.json.encode(value))
    document = LastGood(str(tmp_path)).load()
    assert document is not None
    assert len(document.servers) == 2
