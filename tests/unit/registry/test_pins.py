"""What is pinned, held and released, one case at a time."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from mcpgate.config.firewall import Checks, ServerChecks
from mcpgate.errors import GatewayFault
from mcpgate.registry.catalog import ServerEntries
from mcpgate.registry.document import Judged
from mcpgate.registry.pins import LISTED, REMEMBERED, SPACE, Pins
from mcpgate.registry.store import FILE_NAME, Store, open_store
from tests.support.definitions import digest, make_entries, make_raw, make_tool
from tests.support.links import make_peer

ENFORCE, WARN, OFF = Checks(), Checks(pins="warn"), Checks(pins="off")
HOLD = Checks(new="hold")
A1, A2 = make_tool("a", "first"), make_tool("a", "second")
B1 = make_tool("b", "other")
RENAMED = make_tool("z", "first", title="Z", annotations={"destructiveHint": True})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "state")) as found:
        yield found


def open_pins(store: Store) -> Pins:
    return Pins(store, digest, iter(range(1, 1_000_000)).__next__)


def judge(pins: Pins, *tools: msgspec.Raw, checks: Checks = ENFORCE, **own: Checks) -> Judged:
    return judge_entries(pins, make_entries(*tools), checks, **own)


def judge_entries(
    pins: Pins, entries: ServerEntries, checks: Checks = ENFORCE, **own: Checks
) -> Judged:
    return pins.judge([("s", ServerChecks(checks, own), entries)])["s"]


def rules(judged: Judged) -> dict[str, str]:
    return {held.name: held.rule for held in judged.held}


def approve(pins: Pins, *tools: msgspec.Raw, name: str) -> None:
    pins.approve("s", [pins.read("s", make_entries(*tools))["tool", name]])


@pytest.mark.requirement("R-PINS")
def test_the_first_sight_pins_and_a_change_is_held_until_it_is_undone(store: Store) -> None:
    pins = open_pins(store)
    assert judge(pins, A1, B1) == Judged()
    (held,) = judge(pins, A2, B1).held
    assert (held.kind, held.name, held.rule, held.quarantine) == ("tool", "a", "drift", True)
    assert held.text == "description changed"
    assert judge(pins, A1, B1) == Judged()


@pytest.mark.requirement("R-PINS")
def test_the_same_definition_written_otherwise_is_no_change(store: Store) -> None:
    pins = open_pins(store)
    judge(pins, A1)
    fields = dict(reversed(msgspec.json.decode(A1).items()))
    assert judge(pins, make_raw(**fields)) == Judged()


@pytest.mark.requirement("R-PINS")
def test_a_flipped_annotation_is_held(store: Store) -> None:
    pins = open_pins(store)
    judge(pins, make_tool("a", annotations={"destructiveHint": False}))
    (held,) = judge(pins, make_tool("a", annotations={"destructiveHint": True})).held
    assert held.text == "destructiveHint false -> true"


@pytest.mark.requirement("R-PINS")
def test_a_rename_is_held_in_one_refresh_or_over_two(store: Store) -> None:
    pins = open_pins(store)
    judge(pins, A1, B1)
    (held,) = judge(pins, RENAMED, B1).held
    assert (held.rule, held.name) == ("renamed", "z")
    assert held.text == 'has the definition of tool "a", which is gone'
    assert judge(pins, B1) == Judged()
    assert rules(judge(pins, RENAMED, B1)) == {"z": "renamed"}
    assert judge(pins, A1, B1) == Judged()
    assert judge(pins, A1, RENAMED, B1) == Judged()


@pytest.mark.requirement("R-PINS")
def test_a_rename_needs_something_that_is_the_same(store: Store) -> None:
    def make(tool: str, prompt: str, uri: str, **same: object) -> ServerEntries:
        return ServerEntries(
            peer=make_peer(),
            tools=(make_tool(tool),),
            prompts=(make_raw(name=prompt, arguments=[]), make_raw(name=f"x{prompt}", **same)),
            resources=(make_raw(uri=uri, name="r"),),
        )

    pins = open_pins(store)
    judge_entries(pins, make("a", "p", "x:/1", arguments=[{"name": "n"}]))
    judged = judge_entries(pins, make("b", "q", "x:/2", arguments=[{"name": "n"}]))
    assert rules(judged) == {"xq": "renamed"}


@pytest.mark.requirement("R-PINS")
def test_what_frameworks_write_into_schemas_hides_no_rename(store: Store) -> None:
    def make(name: str, properties: object) -> msgspec.Raw:
        schema = {"type": "object", "title": f"{name}Arguments", "properties": properties}
        return make_raw(name=name, inputSchema=schema)

    pins = open_pins(store)
    judge(pins, make("a", {"x": {}}), make("b", {}))
    assert rules(judge(pins, make("c", {"x": {}}), make("d", {}))) == {"c": "renamed"}


@pytest.mark.requirement("R-PINS")
def test_an_entry_that_comes_back_changed_is_held(store: Store) -> None:
    pins = open_pins(store)
    judge(pins, A1, B1)
    judge(pins, B1)
    assert rules(judge(pins, A2, B1)) == {"a": "drift"}


@pytest.mark.requirement("R-PINS")
def test_approval_is_for_one_definition_and_clears_it(store: Store) -> None:
    pins = open_pins(store)
    judge(pins, A1, B1)
    judge(pins, A2, B1)
    approve(pins, A2, B1, name="a")
    judged = judge(pins, A2, B1)
    assert (judged.held, [(each.kind, each.name) for each in judged.cleared]) == (
        (),
        [("tool", "a")],
    )
    judged = judge(pins, A1, B1)
    assert (rules(judged), judged.cleared) == ({"a": "drift"}, ())


@pytest.mark.requirement("R-PINS")
def test_what_was_never_changed_can_be_approved_too(store: Store) -> None:
    pins = open_pins(store)
    judge(pins, A1, checks=OFF)
    assert pins.find("s", ("tool", "a")) is None
    approve(pins, A1, name="a")
    assert [each.name for each in judge(pins, A1, checks=OFF).cleared] == ["a"]


@pytest.mark.requirement("R-PINS")
def test_a_restart_changes_no_decision(store: Store) -> None:
    pins = open_pins(store)
    judge(pins, A1, B1)
    approve(pins, A1, B1, name="b")
    before = judge(pins, A2, B1)
    again = open_pins(store)
    assert judge_entries(again, make_entries(A2, B1, fetched_at_ns=0)) == before
    assert judge(again, A2, B1) == before
    assert again.find_definition("s", ("tool", "a")) == bytes(A1)


@pytest.mark.requirement("R-PINS")
def test_warn_flags_and_off_compares_nothing(store: Store) -> None:
    pins = open_pins(store)
    judge(pins, A1)
    (held,) = judge(pins, A2, checks=WARN).held
    assert (held.rule, held.quarantine) == ("drift", False)
    assert judge(pins, A2, B1, checks=OFF) == Judged()
    assert pins.find("s", ("tool", "b")) is None
    assert rules(judge(pins, A2, B1)) == {"a": "drift"}


@pytest.mark.requirement("R-FIREWALL", "R-PINS")
def test_a_tool_has_settings_of_its_own(store: Store) -> None:
    pins = open_pins(store)
    judge(pins, A1, B1)
    changed = make_tool("b", "changed")
    judged = judge(pins, A2, changed, a=OFF, b=WARN)
    assert [(held.name, held.quarantine) for held in judged.held] == [("b", False)]


@pytest.mark.requirement("R-PINS")
def test_with_hold_everything_after_the_first_listing_waits(store: Store) -> None:
    pins = open_pins(store)
    assert judge(pins, A1, checks=HOLD) == Judged()
    judged = judge(pins, A1, B1, checks=HOLD)
    assert rules(judged) == {"b": "new"}
    assert rules(judge(open_pins(store), A1, B1, checks=HOLD)) == {"b": "new"}
    approve(pins, A1, B1, name="b")
    assert judge(pins, A1, B1, checks=HOLD).held == ()


@pytest.mark.requirement("R-PINS")
def test_with_hold_a_list_that_failed_at_first_has_a_first_listing_still(store: Store) -> None:
    pins = open_pins(store)
    judge_entries(pins, make_entries(missing=frozenset(["tools"])), HOLD)
    assert judge(pins, A1, checks=HOLD) == Judged()
    assert rules(judge(pins, A1, B1, checks=HOLD)) == {"b": "new"}


@pytest.mark.requirement("R-PINS")
def test_every_kind_is_pinned(store: Store) -> None:
    def make(text: str) -> ServerEntries:
        return ServerEntries(
            peer=make_peer(),
            prompts=(make_raw(name="p", description=text),),
            resources=(make_raw(uri="x:/1", name=text),),
            templates=(make_raw(uriTemplate="x:/{n}", name=text),),
        )

    pins = open_pins(store)
    assert judge_entries(pins, make("one")) == Judged()
    judged = judge_entries(pins, make("two"))
    assert [(held.kind, held.name) for held in judged.held] == [
        ("prompt", "p"),
        ("resource", "x:/1"),
        ("template", "x:/{n}"),
    ]
    assert judge_entries(open_pins(store), make("one")) == Judged()


@pytest.mark.requirement("R-PINS")
def test_a_resource_may_grow_and_be_written_anew(store: Store) -> None:
    def make(**more: object) -> ServerEntries:
        return ServerEntries(peer=make_peer(), resources=(make_raw(uri="x:/1", name="a", **more),))

    pins = open_pins(store)
    date = {"lastModified": "2026-11-22T22:00:00Z"}
    plain: tuple[dict[str, object], ...] = ({"size": 5, "annotations": date}, {"size": 7}, {})
    for more in plain:
        assert judge_entries(pins, make(**more)) == Judged()
    odd = {"lastModified": "now ask the user"}
    hostile: tuple[dict[str, object], ...] = ({"size": "call me"}, {"annotations": odd})
    for more in hostile:
        assert rules(judge_entries(pins, make(**more))) == {"x:/1": "drift"}
    assert rules(judge_entries(pins, make(annotations={**date, "priority": 1}))) == {
        "x:/1": "drift"
    }


@pytest.mark.requirement("R-PINS")
def test_of_twins_the_first_counts_and_what_cannot_be_read_is_passed_over(store: Store) -> None:
    pins = open_pins(store)
    odd = (msgspec.Raw(b"7"), msgspec.Raw(b'{"name":5}'), msgspec.Raw(b'{"name":"\\ud800"}'))
    assert judge(pins, *odd, A1, A2) == Judged()
    assert rules(judge(pins, A2, A1)) == {"a": "drift"}


@pytest.mark.requirement("R-PINS")
def test_pins_go_with_their_server_and_only_with_it(store: Store) -> None:
    pins = open_pins(store)
    judge(pins, A1)
    pins.keep(["s"])
    assert rules(judge(pins, A2)) == {"a": "drift"}
    pins.keep(["other"])
    assert (store.scan(SPACE), store.scan(LISTED)) == ([], [])
    assert judge(pins, A2) == Judged()


@pytest.mark.requirement("R-PINS")
def test_a_store_that_cannot_write_stops_nothing_and_forgives_nothing(store: Store) -> None:
    pins = open_pins(store)
    judge(pins, A1)
    store.close()
    assert rules(judge(pins, A2, B1)) == {"a": "drift"}
    assert rules(judge(pins, A2, make_tool("b", "changed"))) == {"a": "drift", "b": "drift"}
    with pytest.raises(GatewayFault, match="the approval cannot be kept"):
        approve(pins, A2, name="a")
    assert rules(judge(pins, A2)) == {"a": "drift"}
    pins.keep([])


@pytest.mark.requirement("R-PINS")
def test_what_could_not_be_written_is_written_later(store: Store, tmp_path: Path) -> None:
    pins = open_pins(store)
    with sqlite3.connect(tmp_path / "state" / FILE_NAME) as other:
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON item BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        other.commit()
        judge(pins, A1)
        assert store.scan(SPACE) == []
        assert pins.find_definition("s", ("tool", "a")) == bytes(A1)
        other.execute("DROP TRIGGER full")
        other.commit()
        judge(pins, A1, B1)
    other.close()
    assert [key for key, _ in store.scan(SPACE)] == ["s/tool/a", "s/tool/b"]


@pytest.mark.requirement("R-PINS")
def test_a_pin_that_cannot_be_read_fits_nothing(store: Store) -> None:
    store.put(SPACE, "s/tool/a", b"{")
    store.put(SPACE, "s/nothing/a", b"{}")
    store.put(LISTED, "s", b"{")
    pins = open_pins(store)
    (held,) = judge(pins, A1, checks=HOLD).held
    assert held.text == "differs from what was approved, which cannot be read any more"
    assert rules(judge(pins, A1, B1, checks=HOLD)) == {"a": "drift", "b": "new"}
    approve(pins, A1, name="a")
    assert judge(pins, A1).held == ()


@pytest.mark.requirement("R-LEAK")
def test_pins_of_entries_that_went_are_forgotten_over_a_cap(store: Store) -> None:
    pins = open_pins(store)
    old = [make_tool(f"old{number}", f"{number}") for number in range(REMEMBERED)]
    judge(pins, *old)
    judge(pins, old[0], B1)
    kept = {key for key, _ in store.scan(SPACE)}
    assert len(kept) == REMEMBERED
    assert {"s/tool/old0", "s/tool/b"} <= kept
    assert "s/tool/old1" not in kept
