"""How a gateway ends: who is told what, and in which order."""

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mcpgate.app import Gateway
from mcpgate.listeners.server import HttpServer
from tests.support.exchanges import read_events
from tests.support.gateways import Client, http_server, legacy, running, wait_for_entries
from tests.support.recording_server import TOOLS, RecordingServer


@dataclass
class Scene:
    """A gateway with one legacy server, and a client with a session."""

    gateway: Gateway
    client: Client
    server: RecordingServer

    @property
    def events(self) -> list[dict[str, object]]:
        folder = Path(self.gateway.state_dir) / "events"
        return read_events(b"".join(path.read_bytes() for path in sorted(folder.iterdir())))


@pytest.fixture
async def scene(free_port: Callable[[], int]) -> AsyncIterator[Scene]:
    async with RecordingServer(modern=False) as server:
        port = free_port()
        async with running(port, [http_server("s", server.url, deadline_s=30)]) as gateway:
            await wait_for_entries(gateway, len(TOOLS))
            client = Client(port)
            await client.open_session()
            yield Scene(gateway, client, server)


@pytest.mark.requirement("R-RUN")
async def test_streams_are_ended_and_told(scene: Scene) -> None:
    own = await scene.client.open_stream()
    listening = await scene.client.listen({"toolsListChanged": True}, "L")
    assert await listening.read_event() is not None
    scene.gateway.stop()
    assert await own.read_event() is None
    last = await listening.read_event()
    assert last is not None
    message = json.loads(last)
    assert (message["id"], message["result"]["resultType"]) == ("L", "complete")
    assert await listening.read_event() is None
    assert await own.is_over()
    await own.close()
    await listening.close()


@pytest.mark.requirement("R-RUN")
async def test_open_call_is_finished(scene: Scene) -> None:
    calling = asyncio.create_task(scene.client.call("s__slow", b"{}", "late"))
    await scene.server.wait_for("tools/call", "slow")
    scene.gateway.stop()
    await refuses_connections(scene)
    scene.server.released.set()
    answer = await calling
    assert (answer.status, answer.message["id"]) == (200, "late")
    assert "result" in answer.message


async def refuses_connections(scene: Scene) -> None:
    """Wait until nobody new is let in."""
    async with asyncio.timeout(10):
        while True:
            try:
                wire = await scene.client.connect()
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                continue
            await wire.close()


@pytest.mark.requirement("R-RUN")
async def test_second_signal_waits_for_no_one(scene: Scene) -> None:
    calling = asyncio.create_task(scene.client.call("s__hang"))
    await scene.server.wait_for("tools/call", "hang")
    began = asyncio.get_running_loop().time()
    scene.gateway.stop()
    await refuses_connections(scene)
    scene.gateway.stop()
    await asyncio.gather(calling, return_exceptions=True)
    assert asyncio.get_running_loop().time() - began < 8
    ends = [event for event in scene.events if event["kind"] == "end"]
    assert [event["outcome"] for event in ends] == ["abandoned"]


@pytest.mark.requirement("R-RUN")
async def test_listener_that_ends_by_itself_ends_the_gateway(scene: Scene) -> None:
    listener = scene.gateway.listeners[0]
    assert isinstance(listener, HttpServer)
    ((granian, serving),) = listener._tasks.items()
    granian.interrupt_children.append(0)
    granian.main_loop_interrupt.set()
    await serving
    await refuses_connections(scene)
    assert scene.gateway.exit_code == 1


@pytest.mark.requirement("R-CONTROL")
async def test_control_socket_answers(scene: Scene) -> None:
    status = json.loads(await ask(scene, do="status"))
    assert status["urls"] == [f"http://127.0.0.1:{scene.client.port}/mcp"]
    assert status["pid"] == os.getpid()
    assert len(json.loads(await ask(scene, do="catalog"))) == len(TOOLS)
    servers = json.loads(await ask(scene, do="servers"))
    assert (servers[0]["name"], servers[0]["state"]) == ("s", "up")
    called = json.loads(await ask(scene, do="call", name="s__echo", arguments={}))
    assert called["result"]["alpha"] == {"b": 1, "a": 2}
    verdict = [event for event in scene.events if event["kind"] == "verdict"][-1]
    assert verdict["principal"] == "operator"
    unknown = json.loads(await ask(scene, do="call", name="s__none", arguments={}))
    assert unknown["error"]["code"] == -32602
    reloaded = json.loads(await ask(scene, do="reload"))
    assert reloaded["generation"] >= status["generation"]


async def ask(scene: Scene, **request: object) -> str:
    reader, writer = await asyncio.open_unix_connection(
        f"{scene.gateway.state_dir}/control.sock", limit=1 << 20
    )
    writer.write(json.dumps(request).encode() + b"\n")
    async with asyncio.timeout(10):
        reply = json.loads(await reader.readline())
    writer.close()
    assert reply["ok"], reply
    return json.dumps(reply["result"])


@pytest.mark.requirement("R-SEAL")
async def test_key_is_kept_and_private(scene: Scene) -> None:
    path = Path(scene.gateway.state_dir) / "seal.key"
    found = path.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_size) == (0o600, 32)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


class SettingsFile:
    """The configuration of a running gateway."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def add(self, server: dict[str, object]) -> None:
        settings = json.loads(self.path.read_text())
        settings["servers"].append(server)
        self.path.write_text(json.dumps(settings))

    def damage(self) -> None:
        self.path.write_text("{broken")


@pytest.mark.requirement("R-RELOAD")
async def test_reload_takes_new_servers_and_leaves_calls_alone(scene: Scene) -> None:
    file = SettingsFile(scene.gateway.config_path)
    calling = asyncio.create_task(scene.client.call("s__slow"))
    await scene.server.wait_for("tools/call", "slow")
    async with RecordingServer(modern=True) as other:
        file.add(http_server("t", other.url))
        await ask(scene, do="reload")
        await wait_for_entries(scene.gateway, 2 * len(TOOLS))
        assert "result" in (await scene.client.call("t__echo")).message
        file.damage()
        with pytest.raises(AssertionError, match="'ok': False"):
            await ask(scene, do="reload")
        assert "result" in (await scene.client.call("t__echo")).message
        scene.server.released.set()
        assert "result" in (await calling).message
        assert b"t__echo" in (await scene.client.post(legacy("tools/list"))).body
