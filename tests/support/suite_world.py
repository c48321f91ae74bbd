"""What the conformance suite runs against: fixture servers and a gateway, each a real process."""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from tests.support.suite import ROOT, run_command

START_S: Final = 30
STOP_S: Final = 20
POLL_S: Final = 0.05
BIN: Final = Path(sys.executable).parent
# Each tool of the one asks in one era, as the suite wants it; those of the other ask in both.
PLAIN: Final = "tests.support.conformance_server"
BOTH: Final = "tests.support.both_eras_server"

Mode = Literal["http", "sse", "stdio", "websocket"]
Words = Sequence[str | Path]
_PATHS: Final[Mapping[Mode, str]] = {"http": "/mcp", "sse": "/sse", "websocket": "/ws"}


@dataclass(frozen=True)
class Form:
    """How a fixture is reached, and which era it speaks."""

    mode: Mode
    era: Literal["both", "legacy", "modern"] = "both"


def find_port() -> int:
    """Find a TCP port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def process(log: Path, *command: str | Path, **env: str) -> AsyncIterator[None]:
    """Run a process in a group of its own until the block ends; what it prints is in the log."""
    with log.open("ab") as output:
        child = await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env={**os.environ, **env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        await _stop(child)


async def _stop(child: asyncio.subprocess.Process) -> None:
    if child.returncode is not None:
        return
    child.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()


@asynccontextmanager
async def fixture(module: str, form: Form, folder: Path) -> AsyncIterator[dict[str, object]]:
    """Run a fixture; give how a gateway is to call it."""
    port = find_port()
    serve: Words = (sys.executable, "-m", module)
    if form.mode == "stdio":  # the gateway starts it
        yield {"transport": "stdio", "command": [*map(str, serve), "stdio"], "cwd": str(ROOT)}
        return
    if form.mode == "websocket":
        bridge = (sys.executable, "-m", "tests.support.ws_bridge", str(port))
        serve = (*bridge, *serve, "stdio")
    else:
        serve = (*serve, form.mode, str(port))
    scheme = "ws" if form.mode == "websocket" else "http"
    async with process(folder / "fixture.log", *serve, ERA=form.era):
        await wait_for_port(port, folder / "fixture.log")
        url = f"{scheme}://127.0.0.1:{port}{_PATHS[form.mode]}"
        yield {"transport": form.mode, "url": url}


@asynccontextmanager
async def gateway(
    servers: Sequence[Mapping[str, object]],
    folder: Path,
    kind: str = "granian",
    **settings: object,
) -> AsyncIterator[str]:
    """Run a gateway with a state of its own in front of these servers; give its URL."""
    port = find_port()
    # Sockets are in the state directory, and their paths must be short.
    with tempfile.TemporaryDirectory(prefix="mcpgate-") as state:
        listener = {"address": f"127.0.0.1:{port}", "kind": kind}
        document = {"state_dir": state, "listeners": [listener], "servers": servers, **settings}
        config = folder / "mcpgate.json"
        config.write_bytes(msgspec.json.encode({"prefix": "never", **document}))
        mcpgate: Words = (sys.executable, "-m", "mcpgate")
        async with process(folder / "gateway.log", *mcpgate, "serve", "-c", config):
            wait = ("--wait", str(START_S))
            code, shown = await run_command(*mcpgate, "list", "-c", config, *wait)
            assert code == 0, shown
            yield f"http://127.0.0.1:{port}/mcp"


async def wait_for_port(port: int, log: Path) -> None:
    """Return when somebody listens there; only its port tells when a server is ready."""
    for _ in range(int(START_S / POLL_S)):
        if await _accepts(port):
            return
        await asyncio.sleep(POLL_S)
    raise AssertionError(f"nobody listens on {port}; see {log}")


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
