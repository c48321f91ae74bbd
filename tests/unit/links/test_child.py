from pathlib import Path

import pytest

from mcpgate.links.child import build_env, find_program


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
