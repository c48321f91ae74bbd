"""What is measured: the measuring server itself, and what can stand in front of it."""

import contextlib
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from bench.processes import ROOT, START_S, BenchError, Tree, free_port, running, tail, wait_for_port

LOAD: Final = ROOT / "target/release/mcpgate-load"
PATH: Final = "/mcp"
MODERN: Final = "2026-07-28"
KINDS: Final = ("granian", "native")
"""The kinds of listener that the gateway is measured with."""


@final
@dataclass(frozen=True)
class Subject:
    """A program that takes calls on a port."""

    name: str
    port: int
    tree: Tree
    tool: str = "echo0"
    speaks: bool = True
    """False for the constant application: its replies answer nothing."""


def build_load() -> None:
    """Build the load generator; quick when nothing has changed."""
    cargo = shutil.which("cargo")
    if cargo is None:
        if LOAD.exists():
            return
        raise BenchError(f"{LOAD} is missing and cargo is not installed")
    command = [cargo, "build", "--release", "--quiet", "--package", "mcpgate-load"]
    done = subprocess.run([*command, "--target-dir", ROOT / "target"], cwd=ROOT, check=False)
    if done.returncode != 0:
        raise BenchError("the load generator does not build")


@contextlib.contextmanager
def measuring_server(folder: Path, tools: int = 10) -> Iterator[Subject]:
    """Run our own MCP server."""
    port = free_port()
    log = folder / f"server-{port}.log"
    command: list[str | Path] = [LOAD, "server", "--port", str(port), "--tools", str(tools)]
    with running("measuring server", command, log) as child:
        wait_for_port("measuring server", port, child, log)
        yield Subject("direct", port, Tree(child.pid))


@contextlib.contextmanager
def constant_app(folder: Path) -> Iterator[Subject]:
    """Run granian with a constant application."""
    port = free_port()
    log = folder / "constant.log"
    command = [sys.executable, "-m", "bench.constant_app", str(port)]
    with running("constant application", command, log) as child:
        wait_for_port("constant application", port, child, log)
        yield Subject("constant", port, Tree(child.pid), speaks=False)


def find_nginx() -> str | None:
    """Find nginx, also where only root has it on the path."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def nginx(folder: Path, server: Subject) -> Iterator[Subject]:
    """Run nginx as a plain proxy with keep-alive on both sides."""
    program = find_nginx()
    if program is None:
        raise BenchError("nginx is not installed")
    port = free_port()
    home = folder / "nginx"
    home.mkdir()
    template = (ROOT / "bench/nginx.conf").read_text()
    values = {"@home@": str(home), "@port@": str(port), "@server@": str(server.port)}
    for name, value in values.items():
        template = template.replace(name, value)
    (home / "nginx.conf").write_text(template)
    log = folder / "nginx.log"
    command: list[str | Path] = [program, "-p", home, "-c", home / "nginx.conf", "-e", "stderr"]
    with running("nginx", command, log) as child:
        wait_for_port("nginx", port, child, log)
        yield Subject("nginx", port, Tree(child.pid))


@contextlib.contextmanager
def gateway(
    folder: Path, server: Subject, kind: str = "granian", tools: int = 10
) -> Iterator[Subject]:
    """Run the gateway with this kind of listener, and wait for the server's whole catalog."""
    port = free_port()
    home = Path(tempfile.mkdtemp(prefix="gateway-", dir=folder))
    config = {
        "listeners": [{"address": f"127.0.0.1:{port}", "path": PATH, "kind": kind}],
        "servers": [
            {"name": "measure", "transport": "http", "url": f"http://127.0.0.1:{server.port}{PATH}"}
        ],
        "state_dir": str(home / "state"),
        "prefix": "always",
        "log": {"level": "warning"},
    }
    file = home / "mcpgate.json"
    file.write_text(json.dumps(config))
    log = home / "gateway.log"
    command: list[str | Path] = [Path(sys.executable).with_name("mcpgate"), "serve", "-c", file]
    with running("gateway", command, log) as child:
        wait_for_port("gateway", port, child, log)
        wait_for_catalog(port, tools, log)
        yield Subject(kind, port, Tree(child.pid), tool="measure__echo0")


def wait_for_catalog(port: int, tools: int, log: Path) -> None:
    """Return when the gateway lists all tools of the measuring server."""
    end = time.monotonic() + START_S
    count = 0
    while time.monotonic() < end:
        count = len(ask(port, "tools/list").get("result", {}).get("tools", []))
        if count == tools:
            return
        time.sleep(0.05)
    raise BenchError(f"the gateway lists {count} of {tools} tools: {tail(log)}")


def ask(port: int, method: str) -> dict[str, dict[str, list[object]]]:
    """Send one request of 2026-07-28 and return its reply."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta}}
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": MODERN,
        "mcp-method": method,
    }
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(link):
        link.request("POST", PATH, json.dumps(body), headers)
        reply: dict[str, dict[str, list[object]]] = json.loads(link.getresponse().read())
        return reply


def stats(server: Subject) -> dict[str, int]:
    """Ask the measuring server what was asked of it so far."""
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    with contextlib.closing(link):
        link.request("GET", "/stats")
        counts: dict[str, int] = json.loads(link.getresponse().read())
        return counts
