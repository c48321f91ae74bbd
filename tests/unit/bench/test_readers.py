"""What other programs print, read."""

import pytest

from bench.calls import read_counts
from bench.core import read_time
from bench.micro.stage import read_input
from bench.processes import BenchError, field

STRACE = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.001500           1      1500       200 futex
 40.00    0.001000           1       999           epoll_wait
------ ----------- ----------- --------- --------- ----------------
100.00    0.002500           1      2499       200 total
"""


@pytest.mark.requirement("R-BENCH")
def test_system_calls_are_read_by_name() -> None:
    assert read_counts(STRACE) == {"futex": 1500, "epoll_wait": 999, "total": 2499}


@pytest.mark.requirement("R-FIGURES")
@pytest.mark.parametrize(
    ("line", "ns"),
    [("time:   [1.0 µs 1.5 µs 1.7 µs]", 1500), ("time:   [980.1 ns 990.5 ns 1.0 µs]", 990.5)],
)
def test_the_estimate_of_criterion_is_read(line: str, ns: float) -> None:
    assert read_time("inspect_review_close/200", f"inspect_review_close/200\n    {line}\n") == ns


@pytest.mark.requirement("R-FIGURES")
def test_a_bench_without_a_time_is_an_error() -> None:
    with pytest.raises(BenchError, match="has no bench"):
        read_time("inspect_review_close/200", "")


@pytest.mark.requirement("R-BENCH")
def test_a_field_of_proc_is_found_by_its_whole_name() -> None:
    text = "voluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t3\n"
    assert field(text, "nonvoluntary_ctxt_switches:") == 3
    assert field(text, "voluntary_ctxt_switches:") == 7
    assert field(text, "VmRSS:") == 0


@pytest.mark.requirement("R-BENCH")
@pytest.mark.parametrize(
    "name", ["call-200", "call-4k", "call-64k", "modern-400", "reply-200", "reply-4k", "reply-64k"]
)
def test_each_input_has_the_size_that_it_says(name: str) -> None:
    assert read_input(name).startswith(b'{"jsonrpc":"2.0","id":')
