import subprocess
from collections.abc import Iterator

import pytest

from mcpgate.links.guard import Guard


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(("sleep", "60"), start_new_session=True) as process:
        yield process
        process.kill()


@pytest.mark.requirement("R-STDIO-LIFE")
def test_what_was_not_taken_back_is_killed(sleeper: subprocess.Popen[bytes]) -> None:
    guard = Guard()
    guard.add(1 << 30)
    guard.add(sleeper.pid)
    guard.close()
    assert sleeper.wait(5) == -9
    guard.close()


@pytest.mark.requirement("R-STDIO-LIFE")
def test_what_was_taken_back_is_left_alone(sleeper: subprocess.Popen[bytes]) -> None:
    guard = Guard()
    guard.add(sleeper.pid)
    guard.remove(sleeper.pid)
    guard.close()
    with pytest.raises(subprocess.TimeoutExpired):
        sleeper.wait(0.2)
