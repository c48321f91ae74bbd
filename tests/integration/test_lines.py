"""Clients that speak lines: the same gateway as over HTTP, on one connection for everything."""

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mcpgate.app import Gateway
from mcpgate.gate import TOOLS as TOOLS_CHANGED
from mcpgate.unix import CLIENTS_NAME
from tests.support.exchanges import read_events
from tests.support.gateways import (
    http_server,
    legacy,
    legacy_call,
    modern,
    notification,
    running,
    wait_for_entries,
)
from tests.support.lines import Line, connected, reading, reason_of
from tests.support.recording_server import TOOLS, RecordingServer

pytestmark = pytest.mark.requirement("R-STDIO")


class Wide(RecordingServer):
    """A server whose replies have line breaks between their tokens, and as much text as asked."""

    text = b""

    def result(self) -> bytes:
        content = b'"content":[\n{"type":"text",\r\n"text":"%b"}\r]' % self.text
        return b"{%b%b}" % (content, b',"resultType":"complete"' if self.modern else b"")


@dataclass
class Scene:
    """A gateway in front of a legacy and a modern server."""

    gateway: Gateway
    old: Wide
    new: Wide

    @property
    def events(self) -> list[dict[str, object]]:
        folder = Path(self.gateway.state_dir) / "events"
        return read_events(b"".join(path.read_bytes() for path in sorted(folder.iterdir())))

    def announce(self) -> None:
        assert self.gateway.core is not None
        self.gateway.core.streams.announce(TOOLS_CHANGED)

    def count_streams(self) -> int:
        assert self.gateway.core is not None
        return len(self.gateway.core.streams)

    async def wait_for_ends(self, count: int) -> list[object]:
        """Wait until so many exchanges have ended; return how."""
        async with asyncio.timeout(10):
            while True:
                ends = [each["outcome"] for each in self.events if each["kind"] == "end"]
                if len(ends) >= count:
                    return ends
                await asyncio.sleep(0.01)  # nothing but the file tells


@pytest.fixture
async def scene(free_port: Callable[[], int]) -> AsyncIterator[Scene]:
    async with Wide(modern=False) as old, Wide(modern=True) as new:
        servers = [http_server("old", old.url), http_server("new", new.url)]
        limits = {"message_bytes": 1 << 16}
        async with running(free_port(), servers, limits=limits) as gateway:
            await wait_for_entries(gateway, 2 * len(TOOLS))
            yield Scene(gateway, old, new)


def call_modern(name: str, request_id: object = 1, **meta: object) -> bytes:
    message = json.loads(modern("tools/call", {"name": name, "arguments": {}}, request_id))
    message["params"]["_meta"].update(meta)
    return json.dumps(message).encode()


@pytest.mark.parametrize("server", ["old", "new"])
async def test_legacy_client(scene: Scene, server: str) -> None:
    async with connected(scene.gateway) as line:
        hello = await line.open_session()
        result = hello["result"]
        assert isinstance(result, dict)
        assert result["protocolVersion"] == "2025-11-25"
        answer = await line.ask(legacy_call(f"{server}__echo", b"{}", "id-1"))
        assert (answer["id"], "result" in answer) == ("id-1", True)
        listed = (await line.ask(legacy("tools/list")))["result"]
        assert isinstance(listed, dict)
        assert len(listed["tools"]) == 2 * len(TOOLS)


@pytest.mark.parametrize("server", ["old", "new"])
async def test_modern_client(scene: Scene, server: str) -> None:
    async with connected(scene.gateway) as line:
        found = (await line.ask(modern("server/discover")))["result"]
        assert isinstance(found, dict)
        assert found["supportedVersions"] == ["2026-07-28"]
        answer = await line.ask(call_modern(f"{server}__echo", 12345678901234567))
        result = answer["result"]
        assert isinstance(result, dict)
        assert (answer["id"], result["resultType"]) == (12345678901234567, "complete")


async def test_both_eras_on_one_connection(scene: Scene) -> None:
    async with connected(scene.gateway) as line:
        await line.open_session("2025-06-18")
        new = (await line.ask(call_modern("old__echo", 1)))["result"]
        old = (await line.ask(legacy_call("new__echo", b"{}", 2)))["result"]
        assert isinstance(new, dict)
        assert isinstance(old, dict)
        assert "resultType" in new
        assert "resultType" not in old
    verdicts = [each for each in scene.events if each.get("method") == "tools/call"]
    assert [each["revision"] for each in verdicts] == ["2026-07-28", "2025-06-18"]
    assert [bool(each.get("session")) for each in verdicts] == [False, True]


async def test_nothing_passes_before_the_handshake(scene: Scene) -> None:
    async with connected(scene.gateway) as line:
        assert reason_of(await line.ask(legacy_call("old__echo"))) == "session_missing"
        line.send(notification("notifications/initialized"))
        assert (await line.open_session())["id"] == 1
    assert not scene.old.find("tools/call")


async def test_replies_leave_as_they_come(scene: Scene) -> None:
    async with connected(scene.gateway) as line:
        await line.open_session()
        line.send(*(legacy_call("old__slow", b"{}", f"slow-{n}") for n in range(5)))
        await scene.old.wait_for("tools/call", "slow", 5)
        assert (await line.ask(legacy_call("new__echo", b"{}", "quick")))["id"] == "quick"
        scene.old.released.set()
        slow = [(await line.receive())["id"] for _ in range(5)]
        assert sorted(map(str, slow)) == [f"slow-{n}" for n in range(5)]


async def test_more_lines_than_may_be_in_work_are_all_answered(scene: Scene) -> None:
    async with connected(scene.gateway) as line:
        await line.open_session()
        line.send(*(legacy("ping", {}, number) for number in range(1000)))
        assert [(await line.receive())["id"] for _ in range(1000)] == list(range(1000))


async def test_a_message_is_one_line_whatever_the_server_wrote(scene: Scene) -> None:
    async with connected(scene.gateway) as line:
        await line.open_session()
        line.send(legacy_call("old__echo", b'{"a":\t1}'))
        raw = await line.receive_raw()
        assert raw.endswith(b"\n")
        assert b"\r" not in raw
        assert json.loads(raw)["result"]["content"][0]["type"] == "text"


@pytest.mark.parametrize("modernly", [False, True])
async def test_progress_comes_before_the_reply(scene: Scene, modernly: bool) -> None:
    async with connected(scene.gateway) as line:
        if modernly:
            line.send(call_modern("old__progress", 7, progressToken="t"))
        else:
            await line.open_session()
            params = {"name": "old__progress", "arguments": {}, "_meta": {"progressToken": "t"}}
            line.send(legacy("tools/call", params, 7))
        for step in (1, 2):
            told = (await line.receive())["params"]
            assert isinstance(told, dict)
            assert (told["progressToken"], told["progress"]) == ("t", step)
            scene.old.released.set()
        assert (await line.receive())["id"] == 7


@pytest.mark.requirement("R-CANCEL")
@pytest.mark.parametrize("modernly", [False, True])
@pytest.mark.parametrize("server", ["old", "new"])
async def test_a_cancelled_exchange_ends_without_a_reply(
    scene: Scene, modernly: bool, server: str
) -> None:
    async with connected(scene.gateway) as line:
        if not modernly:
            await line.open_session()
        make = call_modern if modernly else legacy_call
        line.send(make(f"{server}__hang", request_id=1), make(f"{server}__slow", request_id="1"))
        asked = scene.old if server == "old" else scene.new
        await asked.wait_for("tools/call", "hang")
        await asked.wait_for("tools/call", "slow")
        line.send(notification("notifications/cancelled", {"requestId": 1}))
        assert await scene.wait_for_ends(1) == ["cancelled"]
        asked.released.set()
        assert (await line.receive())["id"] == "1"
    assert await scene.wait_for_ends(2) == ["cancelled", "done"]


async def test_ids_of_another_connection_are_not_cancelled(scene: Scene) -> None:
    async with connected(scene.gateway) as line, connected(scene.gateway) as other:
        await other.open_session()
        line.send(call_modern("old__slow", 1))
        await scene.old.wait_for("tools/call", "slow")
        other.send(notification("notifications/cancelled", {"requestId": 1}))
        assert (await other.ask(legacy("ping", {}, 2)))["id"] == 2
        scene.old.released.set()
        assert (await line.receive())["id"] == 1


async def listen(line: Line, request_id: object) -> dict[str, object]:
    lists = {"toolsListChanged": True, "promptsListChanged": False}
    wanted: dict[str, object] = {"notifications": lists}
    return await line.ask(modern("subscriptions/listen", wanted, request_id))


@pytest.mark.requirement("R-CHANGED")
async def test_a_listen_request_streams_until_it_is_cancelled(scene: Scene) -> None:
    async with connected(scene.gateway) as line:
        for request_id in ("L", 5):
            acknowledged = await listen(line, request_id)
            assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
        scene.announce()
        for request_id in ("L", 5):
            told = await line.receive()
            params = told["params"]
            assert isinstance(params, dict)
            assert told["method"] == "notifications/tools/list_changed"
            subscription = params["_meta"]["io.modelcontextprotocol/subscriptionId"]
            assert subscription == request_id
        line.send(notification("notifications/cancelled", {"requestId": "L"}))
        assert (await line.ask(modern("tools/list", {}, 9)))["id"] == 9
        assert scene.count_streams() == 1


@pytest.mark.requirement("R-CHANGED")
async def test_a_session_is_told_of_changed_lists(scene: Scene) -> None:
    async with connected(scene.gateway) as line:
        await line.open_session()
        assert "result" in await line.ask(legacy("ping"))
        scene.announce()
        assert await line.receive() == {
            "jsonrpc": "2.0",
            "method": "notifications/tools/list_changed",
        }
        await line.open_session()
        assert "result" in await line.ask(legacy("ping"))
        assert scene.count_streams() == 1
    async with asyncio.timeout(10), connected(scene.gateway) as other:
        while scene.count_streams():
            assert "result" in await other.ask(modern("server/discover"))


@pytest.mark.requirement("R-STRICT")
@pytest.mark.parametrize("modernly", [False, True])
async def test_a_line_over_the_limit_is_refused_by_its_id(scene: Scene, modernly: bool) -> None:
    async with connected(scene.gateway) as line:
        await line.open_session()
        long = json.dumps({"name": "old__echo", "arguments": {"a": "x" * (1 << 17)}}).encode()
        first = b'{"jsonrpc":"2.0","id":"big","method":"tools/call","params":%b}' % long
        last = b'{"method":"tools/call","params":%b,"jsonrpc":"2.0","id":"big"}' % long
        refused = await line.ask(last if modernly else first)
        assert (refused["id"], reason_of(refused)) == ("big", "too_large")
        assert (await line.ask(legacy("ping", {}, 3)))["id"] == 3
    assert not scene.old.find("tools/call")
    assert [each["reason"] for each in scene.events if each["outcome"] == "refuse"] == ["too_large"]


@pytest.mark.requirement("R-STRICT")
@pytest.mark.parametrize(
    "rubbish",
    [
        b"this is no message",
        b"[]",
        b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
        b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
        b"\xff\xfe",
        b'{"_meta":{"io.modelcontextprotocol/protocolVersion":1}}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping"} {"jsonrpc":"2.0","id":2,"method":"ping"}',
    ],
)
async def test_rubbish_is_refused_and_harms_no_other(scene: Scene, rubbish: bytes) -> None:
    async with connected(scene.gateway) as line:
        assert "error" in await line.ask(rubbish)
        await line.open_session()
        line.send(legacy_call("old__slow", b"{}", 8))
        await scene.old.wait_for("tools/call", "slow")
        assert "error" in await line.ask(rubbish)
        scene.old.released.set()
        assert (await line.receive())["id"] == 8


async def test_replies_still_come_after_a_half_close(scene: Scene) -> None:
    async with connected(scene.gateway) as line:
        await line.open_session()
        line.send(legacy_call("old__slow", b"{}", 1))
        await scene.old.wait_for("tools/call", "slow")
        line.writer.write(legacy("ping", {}, "last"))
        line.writer.write_eof()
        assert (await line.receive())["id"] == "last"
        scene.old.released.set()
        assert (await line.receive())["id"] == 1
        assert await line.is_over()
    assert await scene.wait_for_ends(1) == ["done"]


@pytest.mark.requirement("R-CANCEL")
@pytest.mark.parametrize("half", [False, True])
async def test_who_leaves_cancels_what_is_open(scene: Scene, half: bool) -> None:
    async with connected(scene.gateway) as line:
        await line.open_session()
        line.send(legacy_call("old__hang"), call_modern("new__hang", 2))
        await scene.old.wait_for("tools/call", "hang")
        await scene.new.wait_for("tools/call", "hang")
        if half:
            line.writer.write_eof()
            await line.writer.drain()
    assert await scene.wait_for_ends(2) == ["cancelled", "cancelled"]
    await scene.old.wait_for("notifications/cancelled")


async def test_who_does_not_read_is_cut(scene: Scene) -> None:
    scene.old.text = b"x" * (1 << 20)
    async with connected(scene.gateway) as line, connected(scene.gateway) as other:
        reading(line).pause_reading()
        line.send(*(call_modern("old__echo", number) for number in range(40)))
        assert len(await scene.wait_for_ends(40)) == 40
        scene.old.text = b""
        assert "result" in await other.ask(call_modern("old__echo", 1))
        reading(line).resume_reading()
        received = 0
        while not await line.is_over():
            received += 1
        assert received < 40


@pytest.mark.requirement("R-RUN")
async def test_a_stopping_gateway_ends_what_is_open(scene: Scene) -> None:
    async with connected(scene.gateway) as line, connected(scene.gateway) as idle:
        await idle.open_session()
        assert "id" in await idle.ask(legacy("ping"))
        await listen(line, "L")
        line.send(call_modern("old__slow", "late"))
        await scene.old.wait_for("tools/call", "slow")
        scene.gateway.stop()
        assert (await line.receive())["id"] == "L"
        assert await idle.is_over()
        with pytest.raises((FileNotFoundError, ConnectionRefusedError)):
            async with connected(scene.gateway):
                pass
        scene.old.released.set()
        assert (await line.receive())["id"] == "late"
        assert await line.is_over()


@pytest.mark.requirement("R-RUN")
async def test_a_gateway_in_a_hurry_says_why_there_is_no_reply(scene: Scene) -> None:
    async with connected(scene.gateway) as line:
        line.send(call_modern("old__hang", "never"))
        await scene.old.wait_for("tools/call", "hang")
        scene.gateway.stop()
        scene.gateway.stop()
        refused = await line.receive()
        assert (refused["id"], reason_of(refused)) == ("never", "draining")
        assert await line.is_over()


@pytest.mark.requirement("R-EVENT")
async def test_events_say_the_same_as_over_http(scene: Scene) -> None:
    async with connected(scene.gateway) as line:
        await line.open_session()
        await line.ask(legacy_call("old__echo"))
        await line.ask(legacy_call("nothing"))
    kept = [each for each in scene.events if each.get("method") == "tools/call"]
    assert [each["outcome"] for each in kept] == ["forward", "refuse"]
    assert [each["principal"] for each in kept] == ["anonymous", "anonymous"]
    assert kept[0]["server"] == "old"
    assert kept[0]["session"]
    assert kept[0]["arguments_sha256"]


@pytest.mark.requirement("R-CONTROL")
async def test_the_socket_is_its_owners(scene: Scene) -> None:
    path = Path(scene.gateway.state_dir) / CLIENTS_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_socket_left_behind_is_replaced(free_port: Callable[[], int]) -> None:
    async with running(free_port()) as gateway:
        path = Path(gateway.state_dir) / CLIENTS_NAME
        assert path.is_socket()
        async with connected(gateway) as line:
            assert "result" in await line.ask(modern("server/discover"))
    with socket.socket(socket.AF_UNIX) as probe, pytest.raises(FileNotFoundError):
        probe.connect(str(path))
