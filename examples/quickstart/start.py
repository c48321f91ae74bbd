"""Start the quickstart: the HTTP server, then the gateway; stop both on Ctrl-C.

Rules: each child has a session of its own, so Ctrl-C reaches only this process and the order of
stopping is ours; whatever ends first, nothing is left behind. The HTTP server, which has a tool
that tells its variables, gets none of ours.
"""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import final
from urllib.parse import urlsplit

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HTTP_SERVER = "everything-http"
START_S = 30
STOP_S = 20


@final
class StartError(Exception):
    """The quickstart cannot start; the text says what to do."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Start the gateway in front of four servers.")
    parser.add_argument("-c", "--config", type=Path, default=HERE / "mcpgate.yaml")
    config: Path = parser.parse_args().config
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    try:
        with http_server(http_port(config)):
            return serve(config)
    except StartError as fault:
        print(fault, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Make every request to stop look like Ctrl-C."""
    raise KeyboardInterrupt


def http_port(config: Path) -> int:
    """Find in the configuration where the gateway expects the HTTP server."""
    document = yaml.safe_load(config.read_text())
    urls = {server["name"]: server.get("url") for server in document["servers"]}
    port: int | None = urlsplit(str(urls[HTTP_SERVER])).port
    if port is None:
        raise StartError(f"{config}: the url of {HTTP_SERVER} names no port")
    return port


def accepts(port: int) -> bool:
    """Say whether somebody listens on this port of the machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def http_server(port: int) -> Iterator[None]:
    """Run server-everything over Streamable HTTP for as long as the block lasts."""
    if accepts(port):
        raise StartError(f"port {port} is in use: end the program that listens there")
    with subprocess.Popen(
        [ROOT / ".parts/bin/node", HERE / "everything-http.mjs"],
        env={"PATH": os.environ.get("PATH", ""), "PORT": str(port)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        try:
            await_port(child, port)
            yield
        finally:
            stop(child)


def await_port(child: subprocess.Popen[bytes], port: int) -> None:
    """Return when the server listens."""
    end = time.monotonic() + START_S
    while not accepts(port):
        if child.poll() is not None:
            raise StartError(f"{HTTP_SERVER} ended with {child.returncode}: run make clean run")
        if time.monotonic() > end:
            raise StartError(f"{HTTP_SERVER} does not listen on port {port} after {START_S} s")
        time.sleep(0.05)


def serve(config: Path) -> int:
    """Run the gateway until it ends or is asked to; it prints catalog, URL and client line."""
    command: list[str | Path] = [Path(sys.executable).with_name("mcpgate"), "serve", "-c", config]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True) as child:
        try:
            return child.wait()
        finally:
            stop(child)


def stop(child: subprocess.Popen[bytes]) -> None:
    """End the child and everything in its process group, politely first."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            child.wait(STOP_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
