"""Complete lists from any server, however it pages."""

import pytest

from mcpgate.errors import LinkFault, RemoteError
from mcpgate.gate import LISTS, RESOURCES, TOOLS
from mcpgate.model import Peer
from mcpgate.registry import discovery
from mcpgate.registry.discovery import Listing, discover
from tests.support.links import FakeLink, make_page, make_peer

ALL = make_peer("tools", "prompts", "resources")
TOOLS_LIST = "tools/list"


async def fetch_tools(*pages: bytes | Exception, peer: Peer = ALL) -> tuple[FakeLink, Listing]:
    link = FakeLink({TOOLS_LIST: list(pages)})
    (listing,) = await discover(link, peer, TOOLS)
    return link, listing


def entries(listing: Listing) -> list[bytes]:
    assert listing.entries is not None
    return [bytes(entry) for entry in listing.entries]


@pytest.mark.requirement("R-CATALOG")
async def test_every_page_is_fetched_and_cursors_are_echoed_as_they_came() -> None:
    link, listing = await fetch_tools(
        make_page(TOOLS_LIST, '{"name":"a"}', cursor='"p\\u0031"'),
        make_page(TOOLS_LIST, '{"name":"b"}', cursor='""'),
        make_page(TOOLS_LIST, cursor='{"odd":1}'),
        make_page(TOOLS_LIST, '{"name":"c"}', cursor="null"),
    )
    assert entries(listing) == [b'{"name":"a"}', b'{"name":"b"}', b'{"name":"c"}']
    cursors = [b'{"cursor":"p\\u0031"}', b'{"cursor":""}', b'{"cursor":{"odd":1}}']
    assert [params for _, params in link.asked] == [b"{}", *cursors]
    assert listing.problem == ""


@pytest.mark.requirement("R-SPLICE")
async def test_definitions_stay_byte_for_byte() -> None:
    definition = '{ "z":1,"name" : "a","big":12345678901234567890123,"x":"\\u00e9é","n":1.50}'
    _, listing = await fetch_tools(make_page(TOOLS_LIST, definition))
    assert entries(listing) == [definition.encode()]


@pytest.mark.requirement("R-CATALOG")
async def test_only_declared_lists_are_asked_for() -> None:
    link = FakeLink({"resources/list": [make_page("resources/list", '{"uri":"a:b"}')]})
    found = await discover(link, make_peer("resources"), LISTS)
    assert [method for method, _ in link.asked] == ["resources/list", "resources/templates/list"]
    assert [len(entries(listing)) for listing in found] == [0, 0, 1, 0]
    assert [listing.field for listing in await discover(link, ALL, RESOURCES)] == [
        "resources",
        "templates",
    ]


@pytest.mark.requirement("R-CATALOG")
async def test_a_method_the_server_does_not_know_is_an_empty_list() -> None:
    link = FakeLink({})
    found = await discover(link, ALL, LISTS)
    assert [(listing.entries, listing.problem) for listing in found] == [((), "")] * 4


@pytest.mark.requirement("R-CATALOG")
async def test_a_repeated_cursor_ends_the_list_and_is_named() -> None:
    same = make_page(TOOLS_LIST, '{"name":"a"}', cursor='"x"')
    link, listing = await fetch_tools(same)
    assert len(link.asked) == 2
    assert entries(listing) == [b'{"name":"a"}']
    assert "repeats a cursor" in listing.problem


@pytest.mark.requirement("R-CATALOG")
async def test_pages_and_entries_are_bounded() -> None:
    many = [make_page(TOOLS_LIST, f'{{"name":"t{n}"}}', cursor=f'"{n}"') for n in range(200)]
    link, listing = await fetch_tools(*many)
    assert (len(link.asked), len(entries(listing))) == (discovery.PAGES, discovery.PAGES)
    assert "more than 100 pages" in listing.problem
    huge = make_page(TOOLS_LIST, *(f"{n}" for n in range(discovery.ENTRIES + 1)))
    _, listing = await fetch_tools(huge)
    assert len(entries(listing)) == discovery.ENTRIES
    assert "more than 10000 entries" in listing.problem
    full = make_page(TOOLS_LIST, *(f"{n}" for n in range(discovery.ENTRIES)), cursor='"more"')
    link, listing = await fetch_tools(full)
    assert (len(link.asked), len(entries(listing))) == (1, discovery.ENTRIES)


@pytest.mark.requirement("R-CATALOG")
async def test_exactly_a_hundred_pages_are_complete() -> None:
    pages = [make_page(TOOLS_LIST, "1", cursor=f'"{n}"') for n in range(discovery.PAGES - 1)]
    _, listing = await fetch_tools(*pages, make_page(TOOLS_LIST, "1"))
    assert (len(entries(listing)), listing.problem) == (discovery.PAGES, "")


BROKEN = [
    b"[]",
    b'{"tools":{}}',
    b"{}",
    b'{"tools":[{"name":"a\xff"}]}',
    b'{"tools":[' + b"[" * 3000 + b"]" * 3000 + b"]}",
    b'{"tools":[',
]


@pytest.mark.requirement("R-CATALOG")
@pytest.mark.parametrize("result", BROKEN)
async def test_rubbish_keeps_what_was_known(result: bytes) -> None:
    _, listing = await fetch_tools(result)
    assert listing.entries is None
    assert listing.problem.startswith("tools/list: unreadable")


@pytest.mark.requirement("R-CATALOG")
async def test_one_list_that_fails_does_not_fail_the_others() -> None:
    link = FakeLink(
        {
            TOOLS_LIST: [make_page(TOOLS_LIST, '{"name":"a"}')],
            "prompts/list": [RemoteError(-32603, "boom " * 100)],
            "resources/list": [LinkFault("deadline", "no reply in 30 s")],
        }
    )
    tools, prompts, resources, _ = await discover(link, ALL)
    assert entries(tools) == [b'{"name":"a"}']
    assert prompts.entries is None
    assert "error -32603: boom" in prompts.problem
    assert len(prompts.problem) < 300
    assert resources.problem == "resources/list: deadline: no reply in 30 s"


@pytest.mark.requirement("R-CATALOG")
@pytest.mark.parametrize("reason", ["lost", "unavailable"])
async def test_a_lost_link_raises(reason: str) -> None:
    link = FakeLink({TOOLS_LIST: [LinkFault(reason)]})
    with pytest.raises(LinkFault) as found:
        await discover(link, ALL)
    assert found.value.reason == reason


@pytest.mark.requirement("R-CATALOG")
async def test_the_shortest_ttl_of_all_pages_counts_for_modern_servers_only() -> None:
    pages = (
        make_page(TOOLS_LIST, cursor='"2"', rest=',"ttlMs":9000'),
        make_page(TOOLS_LIST, cursor='"3"', rest=',"ttlMs":7000.0'),
        make_page(TOOLS_LIST, cursor='"4"', rest=',"ttlMs":-5'),
        make_page(TOOLS_LIST, rest=',"ttlMs":"soon"'),
    )
    _, listing = await fetch_tools(*pages, peer=make_peer("tools", era="modern"))
    assert listing.ttl_ms == 7000
    _, listing = await fetch_tools(*pages, peer=make_peer("tools"))
    assert listing.ttl_ms is None
