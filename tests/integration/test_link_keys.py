"""Links of clients' own to real servers: one handshake each, their own state, their own process."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mcpgate.config.model import Server
from mcpgate.links.open import open_link
from mcpgate.links.pool import Pool
from mcpgate.links.setup import Setup
from mcpgate.links.waiting import WaitingLink
from mcpgate.model import Call, Link, Peer, Terms
from tests.support.forgetful_server import Forgetful
from tests.support.http_server import HttpServer
from tests.support.link_pool import KeptTaker
from tests.support.link_world import SECOND, Sent, a_setup, http_server, until

pytestmark = pytest.mark.requirement("R-LINK-KEYS")

CHILD = Path(__file__).resolve().parents[1] / "support/stdio_child.py"


class World:
    """A pool whose base link nobody renews."""

    def __init__(self, server: Server, setup: Setup) -> None:
        self.server, self.setup = server, setup
        self.pool = Pool(setup.wheel, setup.clock, lambda bits: b'{"roots":{"bits":%d}}' % bits)
        self.pool.keepers = self

    def revive(self, server: str) -> int:
        return 0

    async def open_link(self, server: str, terms: Terms) -> tuple[Link, Peer]:
        return await open_link(self.server, self.setup, "legacy", terms)

    def call(self, link: Link | None, tool: str, **arguments: object) -> tuple[Call, KeptTaker]:
        assert link is not None
        ident = self.setup.gate.issue_id()
        params = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": ident, "method": "tools/call", "params": params}
        call = link.call(Sent(message), ident, self.setup.clock.now() + 10 * SECOND)
        taker = KeptTaker()
        call.attach(taker)
        return call, taker

    async def ask(self, link: Link | None, tool: str, **arguments: object) -> dict[str, object]:
        """Call a tool and return its result."""
        call, taker = self.call(link, tool, **arguments)
        await until(lambda: bool(taker.messages or taker.faults), self.setup.wheel)
        call.close()
        assert taker.faults == []
        result: dict[str, object] = json.loads(taker.messages[-1])["result"]
        return result


@asynccontextmanager
async def a_world(server: Server) -> AsyncIterator[World]:
    async with a_setup() as setup:
        world = World(server, setup)
        base, _ = await open_link(server, setup, "legacy")
        world.pool.put("s", base)
        try:
            yield world
        finally:
            assert await world.pool.close() == []


async def test_twenty_first_calls_make_one_handshake() -> None:
    script = Forgetful()
    async with HttpServer(script) as server, a_world(http_server(server.url)) as world:
        script.hold_hello = asyncio.Event()
        links = [world.pool.find("s", 3, "me") for _ in range(20)]
        asked = [asyncio.create_task(world.ask(links[n], "run", n=n)) for n in range(20)]
        await server.wait(lambda: len(script.hellos) == 2)
        assert isinstance(links[0], WaitingLink)
        script.hold_hello.set()
        await asyncio.gather(*asked)
        assert script.hellos == [{}, {"roots": {"bits": 3}}]
        assert script.runs == dict.fromkeys(range(20), 1)
        assert script.calls == {"s-2": 20}
        await world.ask(world.pool.find("s"), "run", n=99)
        assert script.calls == {"s-1": 1, "s-2": 20}


async def test_a_links_own_stream_is_asked_for_before_its_first_call() -> None:
    script = Forgetful()
    async with HttpServer(script) as server, a_world(http_server(server.url)) as world:
        await world.ask(world.pool.find("s", 1), "run")
        await world.ask(world.pool.find("s", 1, "me"), "run")
        opened = [each.fields["mcp-session-id"] for each in server.requests if each.verb == "GET"]
        assert opened == ["s-2", "s-3"]
        first_call = next(each for each in server.requests if b"tools/call" in each.body)
        first_stream = next(each for each in server.requests if each.verb == "GET")
        requests = list(server.requests)
        assert requests.index(first_stream) < requests.index(first_call)


async def test_an_owner_that_leaves_ends_its_session_at_the_server() -> None:
    script = Forgetful()
    async with HttpServer(script) as server, a_world(http_server(server.url)) as world:
        call, taker = world.call(world.pool.find("s", 1, "me"), "run", hold=True)
        await script.arrived.wait()
        assert script.sessions == {"s-1", "s-2"}
        world.pool.leave("me")
        script.held.set()
        await until(lambda: bool(taker.messages), world.setup.wheel)
        call.close()
        await until(lambda: script.sessions == {"s-1"}, world.setup.wheel)


@pytest.mark.requirement("R-HEAL")
async def test_a_forgotten_session_of_an_owner_is_opened_again_with_what_it_declared() -> None:
    script = Forgetful()
    async with HttpServer(script) as server, a_world(http_server(server.url)) as world:
        await world.ask(world.pool.find("s", 6, "me"), "run")
        link = world.pool.find("s", 6, "me")
        script.forget()
        call, taker = world.call(link, "run", n=5)
        await until(lambda: bool(taker.faults), world.setup.wheel)
        call.close()
        assert taker.reasons == ["unavailable"]
        assert link is not None
        healed: list[Link | None] = []
        for _ in range(20):
            world.pool.heal("s", 6, "me", link, healed.append)
        assert len(set(map(id, healed))) == 1
        await asyncio.gather(*(world.ask(each, "run", n=n) for n, each in enumerate(healed)))
        assert script.hellos[1:] == [{"roots": {"bits": 6}}] * 2
        assert script.runs[5] == 1


def child() -> Server:
    command = (sys.executable, "-I", "-S", str(CHILD), "legacy")
    return Server(name="s", transport="stdio", command=command)


def is_gone(pid: object) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.requirement("R-STDIO-LIFE")
async def test_each_owner_has_a_child_of_its_own_and_it_goes_with_its_group() -> None:
    async with a_world(child()) as world:
        shared = await world.ask(world.pool.find("s"), "describe")
        mine = await world.ask(world.pool.find("s", 0, "me"), "describe")
        yours = await world.ask(world.pool.find("s", 0, "you"), "describe")
        pids = {each["pid"] for each in (shared, mine, yours)}
        assert len(pids) == 3
        call, taker = world.call(world.pool.find("s", 0, "me"), "grandchild")
        await until(lambda: bool(taker.messages), world.setup.wheel)
        call.close()
        below = json.loads(taker.messages[0])["result"]
        world.pool.leave("me")
        await until(lambda: is_gone(mine["pid"]) and is_gone(below), world.setup.wheel)
        again = await world.ask(world.pool.find("s", 0, "me"), "describe")
        assert again["pid"] not in pids
        assert (await world.ask(world.pool.find("s", 0, "you"), "describe"))["pid"] == yours["pid"]
        await world.pool.close()
        for pid in (*pids, again["pid"]):
            assert is_gone(pid)


@pytest.mark.requirement("R-STDIO-LIFE", "R-HEAL")
async def test_an_owners_child_that_was_killed_is_started_again() -> None:
    async with a_world(child()) as world:
        first = await world.ask(world.pool.find("s", 0, "me"), "describe")
        assert isinstance(first["pid"], int)
        os.kill(first["pid"], signal.SIGKILL)
        await until(lambda: is_gone(first["pid"]), world.setup.wheel)
        second = await world.ask(world.pool.find("s", 0, "me"), "describe")
        assert second["pid"] != first["pid"]
