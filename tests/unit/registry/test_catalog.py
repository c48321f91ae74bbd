"""The last known entries of every server."""

import msgspec
import pytest

from mcpgate.registry.catalog import Catalog, ServerEntries, merge
from mcpgate.registry.discovery import Listing
from tests.support.links import make_peer

PEER = make_peer("tools", "prompts", "resources")


def raws(*texts: str) -> tuple[msgspec.Raw, ...]:
    return tuple(msgspec.Raw(text.encode()) for text in texts)


def listing(field: str, *texts: str, ttl_ms: int | None = None, problem: str = "") -> Listing:
    return Listing(field=field, entries=raws(*texts), ttl_ms=ttl_ms, problem=problem)


FULL = [listing(field, f'{{"name":"{field}"}}') for field in ("tools", "prompts", "resources")]
BEFORE = merge(PEER, None, [*FULL, listing("templates")], 5)


@pytest.mark.requirement("R-CATALOG")
def test_a_list_that_failed_keeps_its_last_known_entries() -> None:
    failed = Listing(field="tools", entries=None, problem="tools/list: deadline")
    after = merge(PEER, BEFORE, [failed, listing("prompts")], 9)
    assert (after.tools, after.prompts, after.resources) == (BEFORE.tools, (), BEFORE.resources)
    assert (after.missing, after.fetched_at_ns) == (frozenset({"tools"}), 9)
    assert after.problems == (("tools", "tools/list: deadline"),)
    kept = merge(PEER, after, [listing("prompts")], 10)
    assert (kept.missing, kept.problems) == (after.missing, after.problems)
    healed = merge(PEER, kept, [listing("tools", "1")], 11)
    assert (healed.missing, healed.problems) == (frozenset(), ())


@pytest.mark.requirement("R-CATALOG")
def test_the_shortest_ttl_stays_while_only_some_lists_are_fetched() -> None:
    lists = [listing("tools", ttl_ms=7000), listing("prompts", ttl_ms=9000), *FULL[2:]]
    before = merge(PEER, None, [*lists, listing("templates")], 1)
    assert before.ttl_ms == 7000
    assert merge(PEER, before, [listing("prompts", ttl_ms=90000)], 2).ttl_ms == 7000


@pytest.mark.requirement("R-CATALOG")
def test_entries_are_in_configuration_order_and_stay_when_a_server_goes_down() -> None:
    catalog = Catalog()
    catalog.configure(["b", "a"])
    catalog.put("a", BEFORE)
    catalog.put("unknown", BEFORE)
    assert catalog.list_entries() == (("b", None), ("a", BEFORE))
    assert catalog.find("unknown") is None
    assert not catalog.is_stale("a")
    catalog.mark_stale("a")
    assert catalog.is_stale("a")
    assert not catalog.is_stale("b")
    assert catalog.find("a") is BEFORE


@pytest.mark.requirement("R-CATALOG")
def test_only_what_clients_see_counts_as_a_change() -> None:
    catalog, told = Catalog(), list[str]()
    catalog.subscribe(lambda: told.append("changed"))
    catalog.configure(["a"])
    catalog.put("a", BEFORE)
    catalog.put("a", msgspec.structs.replace(BEFORE, fetched_at_ns=99, ttl_ms=1))
    assert len(told) == 1
    catalog.put("a", msgspec.structs.replace(BEFORE, tools=()))
    catalog.put("a", msgspec.structs.replace(BEFORE, tools=(), peer=make_peer("tools")))
    assert len(told) == 3
    catalog.drop("a")
    catalog.drop("a")
    assert len(told) == 4
    assert catalog.find("a") is None


@pytest.mark.requirement("R-CATALOG")
def test_restored_entries_are_stale_and_never_replace_live_ones() -> None:
    catalog, old = Catalog(), ServerEntries(peer=PEER)
    catalog.configure(["a", "b"])
    catalog.put("a", BEFORE)
    for name in ("a", "b", "gone"):
        catalog.restore(name, old)
    assert catalog.list_entries() == (("a", BEFORE), ("b", old))
    assert catalog.is_stale("b")
    catalog.configure(["a"])
    assert catalog.find("b") is None
