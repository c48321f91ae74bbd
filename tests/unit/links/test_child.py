import asyncio
from pathlib import Path
from typing import cast

import pytest

from mcpgate.links.child import BURST_LINES, Child, build_env, find_program
from mcpgate.links.guard import Guard


class Pipe(asyncio.ReadTransport):
    reading = True

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Process(asyncio.SubprocessTransport):
    def __init__(self) -> None:
        super().__init__()
        self.pipe = Pipe()

    def get_pid(self) -> int:
        return 1 << 30  # nobody's

    def get_pipe_transport(self, fd: int) -> asyncio.BaseTransport | None:
        return self.pipe if fd else None


class Keeper:
    def __init__(self) -> None:
        self.heard = 0

    def take_line(self, line: bytes) -> None:
        del line
        self.heard += 1

    def take_overlong(self, ends: bytes) -> None:
        raise AssertionError(ends)

    def take_complaint(self, line: str) -> None:
        del line
        self.heard += 1

    def take_end(self, text: str) -> None:
        raise AssertionError(text)


@pytest.mark.requirement("R-LINK-STDIO")
@pytest.mark.parametrize("fd", [1, 2])
async def test_a_noisy_child_gives_way_to_others(fd: int) -> None:
    keeper, process = Keeper(), Process()
    guard = Guard()
    child = Child(keeper, 1000, guard)
    child.connection_made(cast("asyncio.BaseTransport", process))
    guard.close()
    child.pipe_data_received(fd, b"line\n" * BURST_LINES)
    assert process.pipe.reading
    child.pipe_data_received(fd, b"line\n" * (BURST_LINES + 1))
    assert not process.pipe.reading
    await asyncio.sleep(0)
    assert process.pipe.reading
    assert keeper.heard == 2 * BURST_LINES + 1


@pytest.mark.requirement("R-STDIO-LIFE")
def test_a_child_gets_four_of_our_variables_and_its_own() -> None:
    ours = {"HOME": "/h", "PATH": "/bin", "LANG": "C", "TMPDIR": "/t", "TOKEN": "secret"}
    assert build_env(ours, {"KEY": "v", "PATH": "/own"}) == {
        "HOME": "/h",
        "PATH": "/own",
        "LANG": "C",
        "TMPDIR": "/t",
        "KEY": "v",
    }
    assert build_env({}, {}) == {}


@pytest.mark.requirement("R-STDIO-LIFE")
def test_programs_are_found_in_the_childs_own_path(tmp_path: Path) -> None:
    program = tmp_path / "tool"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_program(("tool",), {"PATH": str(tmp_path)}) == str(program)
    assert find_program((str(program),), {}) == str(program)
    assert find_program(("tool",), {"PATH": "/nowhere"}) is None
    assert find_program((), {}) is None
