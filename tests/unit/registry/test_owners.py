"""Bare URIs keep their owner."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from mcpgate.registry import owners
from mcpgate.registry.owners import SPACE, Owners
from mcpgate.registry.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "state")) as found:
        yield found


def resources(*uris: str) -> tuple[msgspec.Raw, ...]:
    return tuple(msgspec.Raw(msgspec.json.encode({"uri": uri, "name": uri})) for uri in uris)


@pytest.mark.requirement("R-NAMES")
def test_only_contested_uris_are_listed_and_the_first_server_owns_them(store: Store) -> None:
    found = Owners(store)
    lists = [("a", resources("x:1", "x:2")), ("b", resources("x:2", "x:3"))]
    assert found.assign(lists) == [("x:2", "a")]
    assert found.assign(list(reversed(lists))) == [("x:2", "a")]


@pytest.mark.requirement("R-NAMES")
def test_ownership_outlives_restarts_and_pauses_of_the_owner(store: Store) -> None:
    Owners(store).assign([("b", resources("x:1"))])
    again = Owners(store)
    assert again.assign([("a", resources("x:1")), ("b", ())]) == [("x:1", "b")]
    assert again.assign([("a", resources("x:1"))]) == [("x:1", "b")]


@pytest.mark.requirement("R-NAMES")
def test_a_server_that_leaves_the_configuration_releases_its_uris(store: Store) -> None:
    found = Owners(store)
    found.assign([("a", resources("x:1"))])
    found.keep(["b"])
    assert store.get(SPACE, "a") is None
    assert found.assign([("b", resources("x:1")), ("a", resources("x:1"))]) == [("x:1", "b")]
    assert Owners(store).assign([("a", resources("x:1"))]) == [("x:1", "b")]


@pytest.mark.requirement("R-NAMES")
def test_rubbish_in_store_and_definitions_is_passed_over(store: Store) -> None:
    store.put(SPACE, "a", b"{")
    store.put(SPACE, "b", b'["x:1"]')
    store.put(SPACE, "c", b'["x:1"]')
    odd = (msgspec.Raw(b"7"), msgspec.Raw(b'{"uri":5}'), *resources("x:1"))
    assert Owners(store).assign([("c", odd)]) == [("x:1", "b")]


@pytest.mark.requirement("R-NAMES")
def test_a_store_that_cannot_write_stops_nothing(store: Store) -> None:
    found = Owners(store)
    store.close()
    lists = [("a", resources("x:1")), ("b", resources("x:1"))]
    assert found.assign(lists) == [("x:1", "a")]


@pytest.mark.requirement("R-LEAK")
def test_uris_no_longer_listed_are_forgotten_over_a_cap(store: Store) -> None:
    found = Owners(store)
    old = resources(*(f"old:{n}" for n in range(owners.REMEMBERED)))
    found.assign([("a", old)])
    found.assign([("a", (*old[5:], *resources("new:1", "new:2")))])
    kept = msgspec.json.decode(store.get(SPACE, "a") or b"", type=list[str])
    assert len(kept) == owners.REMEMBERED
    assert kept[0] == "old:2"
    assert kept[-1] == "new:2"
