"""Calls to child processes, and how children live and die."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from mcpgate.config.model import Server
from mcpgate.errors import LinkFault
from mcpgate.links.open import open_wire
from mcpgate.links.setup import Setup
from mcpgate.links.stdio import STDERR_LINES, StdioWire
from mcpgate.links.wire import WireLink
from mcpgate.model import Era
from tests.support.link_checks import (
    check_deadline,
    check_many_calls,
    check_progress,
    check_slow_reader,
)
from tests.support.link_world import a_setup, call_tool, expect_fault, finish, until

CHILD = Path(__file__).resolve().parents[1] / "support/stdio_child.py"


def child_server(era: str, *arguments: str, **fields: object) -> Server:
    command = (sys.executable, "-I", "-S", str(CHILD), era, *arguments)
    server = Server(name="s", transport="stdio", command=command)
    return msgspec.structs.replace(server, **fields)


@asynccontextmanager
async def a_link(
    era: str = "legacy", hint: Era | None = "legacy", **limits: int | float
) -> AsyncIterator[tuple[WireLink, Setup]]:
    async with a_setup(**limits) as setup:
        link, _ = await open_wire(child_server(era), setup, hint)
        try:
            yield link, setup
        finally:
            await link.close()


def child_of(link: WireLink) -> StdioWire:
    assert isinstance(link.wire, StdioWire)
    return link.wire


def is_alive(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def is_gone(pid: int) -> bool:
    """Say whether a process has ended and been reaped."""
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.requirement("R-ERA")
@pytest.mark.parametrize(
    ("child", "hint", "era"),
    [
        ("legacy", None, "legacy"),
        ("modern", None, "modern"),
        ("modern", "modern", "modern"),
        ("silent", None, "legacy"),
        ("dies", None, "legacy"),
        ("slow", None, "modern"),
        ("legacy", "legacy", "legacy"),
    ],
)
async def test_the_era_is_found_whatever_the_child_makes_of_the_question(
    child: str, hint: Era | None, era: str
) -> None:
    async with a_setup(probe_s=0.5 if child in {"silent", "slow"} else 10) as setup:
        link, peer = await open_wire(child_server(child), setup, hint)
        assert peer.era == era
        call, upstream_id = call_tool(setup, link, "ok")
        assert await finish(call) == {"jsonrpc": "2.0", "id": upstream_id, "result": "ok"}
        await link.close()


@pytest.mark.requirement("R-LINK-STDIO")
async def test_many_calls_share_the_pipe_and_find_their_replies() -> None:
    async with a_link() as (link, setup):
        await check_many_calls(setup, link, 50)


@pytest.mark.requirement("R-LINK-STDIO")
async def test_progress_reaches_its_call_and_notices_the_listener() -> None:
    async with a_link() as (link, setup):
        await check_progress(setup, link, "progress", "progress")


@pytest.mark.requirement("R-LINK-STDIO")
async def test_a_slow_reader_misses_progress_but_never_the_reply() -> None:
    async with a_link() as (link, setup):
        flooded, _ = call_tool(setup, link, "flood")
        after, _ = call_tool(setup, link, "ok")
        assert (await finish(after))["result"] == "ok"
        await check_slow_reader(setup, flooded)


@pytest.mark.requirement("R-LINK-STDIO")
async def test_lines_of_any_length_pass_and_bad_ones_harm_no_other() -> None:
    async with a_link(reply_bytes=250_000) as (link, setup):
        for _ in range(2):
            call, _ = call_tool(setup, link, "bad")
            assert (await finish(call))["result"] == "bad"
        assert link.unreadable == 6
        call, _ = call_tool(setup, link, "big")
        assert len(str((await finish(call))["result"])) == 200_000


@pytest.mark.requirement("R-ERRORS")
@pytest.mark.parametrize(
    ("tool", "reason"),
    [("big", "reply_too_large"), ("deep", "unreadable"), ("twofold", "unreadable")],
)
async def test_a_reply_that_cannot_be_read_ends_its_call_at_once(tool: str, reason: str) -> None:
    async with a_link(reply_bytes=100_000) as (link, setup):
        other, _ = call_tool(setup, link, "silent")
        call, _ = call_tool(setup, link, tool, deadline_s=60)
        await expect_fault(call, reason)
        assert not other.ended
        other.close()


@pytest.mark.requirement("R-LINK-STDIO")
async def test_a_message_with_line_breaks_is_one_line() -> None:
    async with a_link() as (link, setup):

        class Pretty:
            head = b""
            body = (
                b'{"jsonrpc":"2.0",\r\n "id":77,\n "method":"tools/call","params":{"name":"a\\nb"}}'
            )

        call = link.call(Pretty(), 77, setup.clock.now() + 10**10)
        assert (await finish(call))["result"] == "a\nb"


@pytest.mark.requirement("R-LINK-STDIO")
async def test_a_childs_own_request_is_answered() -> None:
    async with a_link() as (link, setup):
        call, _ = call_tool(setup, link, "ask")
        assert (await finish(call))["result"] == {"jsonrpc": "2.0", "id": "ask-1", "result": {}}


@pytest.mark.requirement("R-CHANGED")
async def test_a_modern_child_is_listened_to() -> None:
    async with a_link("modern", None) as (link, _):
        heard = asyncio.Event()
        bits: list[int] = []

        def notice(changed: int) -> None:
            bits.append(changed)
            heard.set()

        link.listen(notice)
        async with asyncio.timeout(5):
            await heard.wait()
        assert bits == [1]


@pytest.mark.requirement("R-CANCEL")
async def test_deadline_cancel_and_late_silence() -> None:
    async with a_link() as (link, setup):
        cancelled = asyncio.Event()
        link.listen(lambda bits: cancelled.set() if bits == 2 else None)
        await check_deadline(setup, link, "silent")
        async with asyncio.timeout(5):
            await cancelled.wait()
        good, _ = call_tool(setup, link, "ok")
        assert (await finish(good))["result"] == "ok"


@pytest.mark.requirement("R-ERRORS")
@pytest.mark.parametrize(
    ("tool", "text"), [("die", "exited with status 3"), ("kill", "SIGKILL"), ("last", "status 0")]
)
async def test_the_end_of_a_child_ends_its_calls_and_its_link(tool: str, text: str) -> None:
    async with a_link() as (link, setup):
        waiting, _ = call_tool(setup, link, "silent")
        call, _ = call_tool(setup, link, tool)
        if tool == "last":
            assert (await finish(call))["result"] == "last"
        else:
            await expect_fault(call, "lost")
        with pytest.raises(LinkFault, match=text):
            await finish(waiting)
        async with asyncio.timeout(5):
            assert text in await link.wait_lost()
        late, _ = call_tool(setup, link, "ok")
        await expect_fault(late, "unavailable")
        assert is_gone(child_of(link).pid)


@pytest.mark.requirement("R-STDIO-LIFE")
async def test_a_child_inherits_nothing_but_four_variables(tmp_path: Path) -> None:
    os.environ["MCPGATE_TEST_SECRET"] = "x"
    listening, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        async with a_setup() as setup:
            server = child_server("legacy", "a b", "", cwd=str(tmp_path), env={"OWN": "1"})
            link, _ = await open_wire(server, setup, "legacy")
            call, _ = call_tool(setup, link, "describe")
            said = (await finish(call))["result"]
            await link.close()
    finally:
        del os.environ["MCPGATE_TEST_SECRET"]
        os.close(listening)
        os.close(writing)
    assert isinstance(said, dict)
    assert set(said["env"]) <= {"HOME", "PATH", "LANG", "TMPDIR", "OWN", "LC_CTYPE"}
    assert "OWN" in said["env"]
    assert said["fds"] == [0, 1, 2]
    assert (said["leads"], said["session"], said["pid"]) == (True, True, child_of(link).pid)
    assert said["cwd"] == str(tmp_path)
    assert said["args"] == ["a b", ""]


@pytest.mark.requirement("R-STDIO-LIFE")
async def test_a_child_starts_with_no_signal_ignored() -> None:
    command = ("sh", "-c", "grep SigIgn /proc/self/status >&2; exit 7")
    async with a_setup() as setup:
        server = Server(name="s", transport="stdio", command=command)
        # The last half is the signals that a program can reach; libc keeps two more to itself.
        with pytest.raises(LinkFault, match=r"status 7; its last words: SigIgn:\s+0{8}[08]0{7}$"):
            await open_wire(server, setup, "legacy")


@pytest.mark.requirement("R-STDIO-LIFE")
async def test_stderr_is_kept_and_shown() -> None:
    async with a_link() as (link, setup):
        call, _ = call_tool(setup, link, "complain")
        await finish(call)
        await until(lambda: "two" in child_of(link).stderr_tail, setup.wheel)
        assert child_of(link).stderr_tail == "one\ntwo\n"


@pytest.mark.requirement("R-STDIO-LIFE")
async def test_a_flood_on_stderr_is_no_flood_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "mcpgate.links.stdio")
    async with a_setup() as setup:
        wire = StdioWire(child_server("legacy"), setup)
        for _ in range(20 * STDERR_LINES):
            wire.take_complaint("noise")
        shown = [record for record in caplog.records if record.msg == "server.stderr"]
        assert STDERR_LINES <= len(shown) < 5 * STDERR_LINES


@pytest.mark.requirement("R-STDIO-LIFE")
@pytest.mark.parametrize("tool", ["ok", "stubborn"])
async def test_a_closed_link_leaves_no_process(tool: str) -> None:
    async with a_link() as (link, setup):
        call, _ = call_tool(setup, link, tool)
        await finish(call)
        pid = child_of(link).pid
        assert is_alive(pid)
    assert is_gone(pid)


@pytest.mark.requirement("R-STDIO-LIFE")
@pytest.mark.parametrize("ends_itself", [True, False])
async def test_what_a_child_started_ends_with_it(ends_itself: bool) -> None:
    async with a_link() as (link, setup):
        call, _ = call_tool(setup, link, "grandchild")
        grandchild = (await finish(call))["result"]
        assert isinstance(grandchild, int)
        assert is_alive(grandchild)
        if ends_itself:
            call, _ = call_tool(setup, link, "die")
            with pytest.raises(LinkFault):
                await finish(call)
        else:
            await link.close()
        await until(lambda: not is_alive(grandchild), setup.wheel)


@pytest.mark.requirement("R-STDIO-LIFE")
async def test_a_killed_gateway_leaves_no_child_and_nothing_a_child_started() -> None:
    script = (
        "import asyncio, sys, uvloop\n"
        "from tests.integration.test_link_stdio import *\n"
        "from mcpgate.links.open import open_wire\n"
        "async def main():\n"
        "    async with a_setup() as setup:\n"
        "        link, _ = await open_wire(child_server('legacy'), setup, 'legacy')\n"
        "        call, _ = call_tool(setup, link, 'grandchild')\n"
        "        print((await finish(call))['result'], flush=True)\n"
        "        call, _ = call_tool(setup, link, 'deaf')\n"
        "        await call.receive()\n"
        "        print(child_of(link).pid, flush=True)\n"
        "        await link.wait_lost()\n"
        "uvloop.run(main())\n"
    )
    gateway = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, cwd=CHILD.parents[2]
    )
    assert gateway.stdout is not None
    async with asyncio.timeout(20):
        started = [int(await gateway.stdout.readline()) for _ in range(2)]
        assert all(is_alive(pid) for pid in started)
        gateway.kill()
        await gateway.wait()
    async with a_setup() as setup:
        await until(lambda: not any(is_alive(pid) for pid in started), setup.wheel)


@pytest.mark.requirement("R-ERRORS")
async def test_a_child_that_does_not_read_refuses_calls_as_surely_not_run() -> None:
    async with a_link(write_bytes=100_000) as (link, setup):
        call, _ = call_tool(setup, link, "deaf")
        await finish(call)
        big = b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"pad":"%b"}}' % (b"x" * 150_000)

        class Message:
            head = b""
            body = big

        faults: list[str] = []
        for number in range(3):
            late = link.call(Message(), 10**6 + number, setup.clock.now() + 10**8)
            with pytest.raises(LinkFault) as caught:
                await finish(late)
            faults.append(caught.value.reason)
        assert faults[-1] == "unavailable"


@pytest.mark.requirement("R-ERRORS")
@pytest.mark.parametrize(
    ("command", "text"),
    [
        (("no-such-program-here",), "not a program in PATH"),
        ((sys.executable, "-c", "raise SystemExit('why')"), "last words: why"),
        ((sys.executable, "-c", "print('x'); raise SystemExit(4)"), "status 4"),
        ((str(CHILD),), "not a program"),
        (("/etc",), "not a program"),
    ],
)
async def test_what_cannot_be_started_is_named(command: tuple[str, ...], text: str) -> None:
    async with a_setup() as setup:
        server = Server(name="s", transport="stdio", command=command)
        with pytest.raises(LinkFault, match=text) as caught:
            await open_wire(server, setup)
        assert caught.value.reason in {"unavailable", "lost"}


@pytest.mark.requirement("R-ERRORS")
async def test_a_missing_folder_is_named() -> None:
    async with a_setup() as setup:
        with pytest.raises(LinkFault, match="in '/no/such': No such file") as caught:
            await open_wire(child_server("legacy", cwd="/no/such"), setup)
        assert caught.value.reason == "unavailable"


@pytest.mark.requirement("R-LINK-STDIO", "R-HEAL")
async def test_a_child_that_reads_no_more_is_of_no_use_before_its_last_words() -> None:
    async with a_link() as (link, setup):
        assert link.usable
        child = child_of(link)._child
        assert child is not None
        child.process_exited()
        assert (link.usable, link.lost) == (False, "")
        call, _ = call_tool(setup, link, "ok")
        with pytest.raises(LinkFault) as caught:
            await finish(call)
        assert caught.value.reason == "unavailable"
