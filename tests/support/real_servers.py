"""Real servers from npm and PyPI: started over stdio, asked for their lists, and nothing else."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).resolve().parents[2]
PARTS: Final = ROOT / ".parts"
HERE: Final = Path(sys.executable).parent
THEIRS: Final = PARTS / "servers/venv/bin"
REFERENCE: Final = "@modelcontextprotocol/server-"
DEADLINE_S: Final = 60
AT_ONCE: Final = 3
LINE_BYTES: Final = 1 << 24
# Where each list is, and under which capability a server has it.
LISTS: Final = (
    ("tools", "tools/list", "tools"),
    ("prompts", "prompts/list", "prompts"),
    ("resources", "resources/list", "resources"),
    ("resources", "resources/templates/list", "resourceTemplates"),
)
# Nothing listens there: a program that heeds proxies stays off the network.
NOBODY: Final = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Real:
    """How one server is started; its credentials are dummies."""

    name: str
    package: str = ""
    parts: str = "servers"
    program: Path | None = None
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    # Some need their database to list resources.
    lists_resources: bool = True

    def command(self) -> list[str]:
        """Give the program and its arguments."""
        if self.program:
            return [str(self.program), *self.arguments]
        folder = PARTS / self.parts / "node_modules" / self.package
        manifest = msgspec.json.decode((folder / "package.json").read_bytes(), type=Manifest)
        names = [manifest.bin] if isinstance(manifest.bin, str) else list(manifest.bin.values())
        return [str(PARTS / "bin/node"), str(folder / names[0]), *self.arguments]


class Manifest(msgspec.Struct):
    """What is read of a package.json."""

    bin: str | dict[str, str]


@dataclass(frozen=True)
class Listed:
    """What one server says of itself: entries as (list, definition), and its instructions."""

    name: str
    entries: list[tuple[str, dict[str, object]]]
    instructions: str


class Welcome(msgspec.Struct):
    """What is read of an answer to `initialize`."""

    capabilities: dict[str, object]
    instructions: str = ""


class Answer(msgspec.Struct):
    """One line of a server: its answer, or something nobody asked for."""

    id: object = None
    method: str = ""
    result: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"")


SERVERS: Final = (
    Real("everything", f"{REFERENCE}everything", parts="npm"),
    Real("filesystem", f"{REFERENCE}filesystem", arguments=(".",)),
    Real("memory", f"{REFERENCE}memory"),
    Real("sequential-thinking", f"{REFERENCE}sequential-thinking"),
    Real("github", f"{REFERENCE}github"),
    Real("gitlab", f"{REFERENCE}gitlab", environment={"GITLAB_PERSONAL_ACCESS_TOKEN": "none"}),
    Real(
        "slack",
        f"{REFERENCE}slack",
        environment={"SLACK_BOT_TOKEN": "none", "SLACK_TEAM_ID": "none"},
    ),
    Real("google-maps", f"{REFERENCE}google-maps", environment={"GOOGLE_MAPS_API_KEY": "none"}),
    Real(
        "postgres",
        f"{REFERENCE}postgres",
        arguments=("postgresql://127.0.0.1:9/none",),
        lists_resources=False,
    ),
    Real(
        "brave-search",
        "@brave/brave-search-mcp-server",
        arguments=("--transport", "stdio"),
        environment={"BRAVE_API_KEY": "none"},
    ),
    Real("notion", "@notionhq/notion-mcp-server", environment={"NOTION_TOKEN": "ntn_none"}),
    Real("playwright", "@playwright/mcp", arguments=("--headless",)),
    Real("context7", "@upstash/context7-mcp"),
    Real("chrome-devtools", "chrome-devtools-mcp", arguments=("--no-usage-statistics",)),
    Real("firecrawl", "firecrawl-mcp", environment={"FIRECRAWL_API_KEY": "fc-none"}),
    Real("tavily", "tavily-mcp", environment={"TAVILY_API_KEY": "tvly-none"}),
    Real("time", program=HERE / "mcp-server-time"),
    Real("git", program=HERE / "mcp-server-git"),
    Real("fetch", program=THEIRS / "mcp-server-fetch"),
    Real("duckduckgo", program=THEIRS / "duckduckgo-mcp-server"),
)


class RefusedError(Exception):
    """The server answered with an error."""


class Talk:
    """One running server and the requests sent to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._sent = 0

    async def send(self, method: str, **more: object) -> None:
        """Write one message."""
        assert self._process.stdin is not None
        message = {"jsonrpc": "2.0", "method": method, **more}
        self._process.stdin.write(msgspec.json.encode(message) + b"\n")
        await self._process.stdin.drain()

    async def ask(self, method: str, params: dict[str, object]) -> msgspec.Raw:
        """Send one request and return its result."""
        assert self._process.stdout is not None
        self._sent += 1
        await self.send(method, id=self._sent, params=params)
        async for line in self._process.stdout:
            try:
                answer = msgspec.json.decode(line, type=Answer)
            except msgspec.DecodeError:
                continue  # some servers greet on stdout
            if answer.id == self._sent and not answer.method:
                if answer.error:
                    raise RefusedError(bytes(answer.error).decode())
                return answer.result
        raise EOFError(f"ended before it answered {method}")


@asynccontextmanager
async def running(server: Real, home: Path) -> AsyncIterator[Talk]:
    """Run a server in a home of its own; what goes wrong comes with its last words."""
    environment = {"HOME": str(home), "TMPDIR": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    environment |= {"HTTPS_PROXY": NOBODY, "HTTP_PROXY": NOBODY, **server.environment}
    with (home / "stderr").open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *server.command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            cwd=home,
            env=environment,
            limit=LINE_BYTES,
        )
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield Talk(process)
    except (EOFError, TimeoutError, ConnectionError, RefusedError) as fault:
        words = (home / "stderr").read_text(errors="replace")[-2000:]
        raise AssertionError(f"{server.name}: {fault!r}\n{words}") from fault
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def read_page(key: str, result: msgspec.Raw) -> tuple[list[dict[str, object]], str | None]:
    """Take the entries and the next cursor out of one page of a list."""
    page = msgspec.json.decode(result, type=dict[str, object])
    entries = msgspec.convert(page[key], type=list[dict[str, object]])
    return entries, msgspec.convert(page.get("nextCursor"), type=str | None)


async def read_list(talk: Talk, method: str, key: str) -> list[dict[str, object]]:
    """Ask for all pages of one list."""
    entries: list[dict[str, object]] = []
    cursor: str | None = ""
    while cursor is not None:
        params: dict[str, object] = {"cursor": cursor} if cursor else {}
        page, cursor = read_page(key, await talk.ask(method, params))
        entries += page
    return entries


async def list_server(server: Real, home: Path) -> Listed:
    """Ask one server for all it offers."""
    entries: list[tuple[str, dict[str, object]]] = []
    about = {"name": "mcpgate-tests", "version": "1"}
    async with running(server, home) as talk:
        hello: dict[str, object] = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": about,
        }
        welcome = msgspec.json.decode(await talk.ask("initialize", hello), type=Welcome)
        await talk.send("notifications/initialized")
        for capability, method, key in LISTS:
            wanted = server.lists_resources or capability != "resources"
            if wanted and capability in welcome.capabilities:
                entries += [(key, each) for each in await read_list(talk, method, key)]
    return Listed(server.name, entries, welcome.instructions)


async def list_servers(homes: Mapping[str, Path]) -> list[Listed]:
    """Ask every server, some at once, each in the home of its name."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(server: Real) -> Listed:
        async with turn:
            return await list_server(server, homes[server.name])

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(server)) for server in SERVERS]
    return [task.result() for task in tasks]


def make_homes(folder: Path) -> dict[str, Path]:
    """Make a home for each server."""
    homes = {server.name: folder / server.name for server in SERVERS}
    for home in homes.values():
        home.mkdir()
    return homes


def missing_parts() -> Iterator[Path]:
    """Name what has to be fetched first."""
    needed = (PARTS / "servers/node_modules", THEIRS, PARTS / "npm/node_modules")
    yield from (path for path in needed if not path.exists())
