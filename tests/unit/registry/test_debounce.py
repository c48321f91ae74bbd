"""Notices of changed lists are gathered."""

import pytest

from mcpgate.registry.debounce import LIMIT_NS, PACE_NS, QUIET_NS, Debounce


@pytest.mark.requirement("R-CHANGED")
def test_bits_come_after_quiet_time() -> None:
    gathered = Debounce()
    assert gathered.find_due() is None
    gathered.note(1, 0)
    gathered.note(4, 100)
    assert gathered.take(QUIET_NS) == 0
    assert gathered.find_due() == QUIET_NS + 100
    assert gathered.take(QUIET_NS + 100) == 5
    assert gathered.take(QUIET_NS * 9) == 0


@pytest.mark.requirement("R-CHANGED")
def test_a_server_that_never_is_quiet_waits_no_longer_than_the_limit() -> None:
    gathered = Debounce()
    at = taken = 0
    while not taken:
        gathered.note(1, at)
        at += QUIET_NS // 2
        taken = gathered.take(at)
    assert at == LIMIT_NS


@pytest.mark.requirement("R-CHANGED")
def test_a_server_that_changes_all_the_time_is_asked_at_an_even_pace() -> None:
    gathered = Debounce()
    taken = []
    for at in range(0, 5 * LIMIT_NS, QUIET_NS // 4):
        if at % (2 * QUIET_NS) == 0:
            gathered.note(1, at)
        if gathered.take(at):
            taken.append(at)
    assert taken == [QUIET_NS + n * (PACE_NS + QUIET_NS) for n in range(9)]


@pytest.mark.requirement("R-CHANGED")
def test_no_bits_are_no_change() -> None:
    gathered = Debounce()
    gathered.note(0, 5)
    assert gathered.find_due() is None
