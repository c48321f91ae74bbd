"""The state machine of a server's link and its delays."""

import pytest

from mcpgate.registry.backoff import (
    CEILING_NS,
    FLOOR_NS,
    SUSTAINED_NS,
    TRANSITIONS,
    Condition,
    choose_delay,
    turn,
)

LOW, HIGH = b"\0\0\0\0", b"\xff\xff\xff\xff"


@pytest.mark.requirement("R-CATALOG")
def test_delays_grow_with_full_jitter_between_floor_and_ceiling() -> None:
    assert {choose_delay(count, LOW) for count in range(100)} == {FLOOR_NS}
    highest = [choose_delay(count, HIGH) for count in range(100)]
    assert highest == sorted(highest)
    assert highest[:4] == [FLOOR_NS, 2 * FLOOR_NS, 4 * FLOOR_NS, 8 * FLOOR_NS]
    assert highest[-1] == CEILING_NS


@pytest.mark.requirement("R-CATALOG")
def test_only_sustained_uptime_forgets_failures() -> None:
    condition = Condition(since_ns=0)
    for count in (1, 2, 3):
        condition = turn(condition, "failed", count, "unavailable")
        assert (condition.state, condition.failures) == ("down", count)
    flapping = turn(turn(condition, "opened", 10), "failed", 10 + SUSTAINED_NS - 1, "lost")
    assert flapping.failures == 4
    sustained = turn(turn(condition, "opened", 10), "failed", 10 + SUSTAINED_NS, "lost")
    assert sustained.failures == 1


@pytest.mark.requirement("R-CATALOG")
def test_since_is_the_moment_of_the_last_change_of_state() -> None:
    down = turn(Condition(since_ns=0), "failed", 5, "unavailable", "refused")
    again = turn(down, "failed", 9, "deadline")
    assert (again.since_ns, again.reason, again.detail) == (5, "deadline", "")
    assert turn(again, "opened", 12) == Condition(state="up", since_ns=12, failures=2)


@pytest.mark.requirement("R-CATALOG")
def test_a_stopped_server_never_starts_again() -> None:
    assert {target for (state, _), target in TRANSITIONS.items() if state == "stopped"} == {
        "stopped"
    }
    with pytest.raises(KeyError):
        turn(Condition(state="stopped", since_ns=0), "opened", 1)
