"""Event lines outlive crashes and full disks."""

import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.audit.trail import PENDING_LIMIT_BYTES, Trail, list_segments
from mcpgate.errors import GatewayFault

START_NS = 1_795_374_000_123_456_789


def open_trail(folder: Path, segment_bytes: int = 1 << 20, keep: int = 3) -> Trail:
    trail = Trail(str(folder), segment_bytes, keep, lambda: START_NS)
    trail.open()
    return trail


def read_all(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in list_segments(folder))


@contextmanager
def full_disk(at_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.requirement("R-EVENT")
def test_lines_are_in_the_file_when_record_returns(tmp_path: Path) -> None:
    trail = open_trail(tmp_path / "events")
    assert trail.record(b'{"a":1}\n')
    assert trail.record(b'{"a":2}\n{"a":3}\n')
    assert read_all(tmp_path / "events") == b'{"a":1}\n{"a":2}\n{"a":3}\n'
    trail.close()


@pytest.mark.requirement("R-EVENT")
def test_files_are_private_and_named_by_their_start(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    open_trail(folder).close()
    (segment,) = list_segments(folder)
    assert segment.name == "events-20261122T190000.123456Z.jsonl"
    assert stat.S_IMODE(segment.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.requirement("R-EVENT")
def test_a_new_file_begins_when_one_is_full_and_old_ones_go(tmp_path: Path) -> None:
    trail = open_trail(tmp_path, segment_bytes=20, keep=2)
    for number in range(9):
        assert trail.record(b'{"n":%d}\n' % number)
    trail.close()
    assert [path.read_bytes() for path in list_segments(tmp_path)] == [
        b'{"n":6}\n{"n":7}\n',
        b'{"n":8}\n',
    ]


@pytest.mark.requirement("R-EVENT")
@given(st.lists(st.integers(1, 60), max_size=20), st.integers(1, 100))
def test_nothing_is_lost_or_split_between_files(sizes: list[int], segment_bytes: int) -> None:
    lines = [bytes([97 + index]) * size + b"\n" for index, size in enumerate(sizes)]
    with TemporaryDirectory() as made:
        folder = Path(made)
        trail = open_trail(folder, segment_bytes, keep=1000)
        assert all(trail.record(line) for line in lines)
        trail.close()
        assert read_all(folder) == b"".join(lines)
        assert all(path.read_bytes()[-1:] in (b"\n", b"") for path in list_segments(folder))


@pytest.mark.requirement("R-EVENT")
@given(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")))
def test_a_torn_last_line_is_ended_at_start(torn: bytes) -> None:
    with TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "events-20200101T000000.000000Z.jsonl").write_bytes(b'{"a":1}\n' + torn)
        trail = open_trail(folder)
        trail.record(b'{"a":2}\n')
        trail.close()
        ended = torn + b"\n" if torn else b""
        assert read_all(folder) == b'{"a":1}\n' + ended + b'{"a":2}\n'


@pytest.mark.requirement("R-EVENT")
def test_a_full_disk_is_said_and_heals_without_a_gap(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    assert trail.record(b"1234567\n")
    with full_disk(at_bytes=12):
        assert not trail.record(b"abcdefg\n")
        assert "File too large; free space or set audit.path" in trail.failure
        assert not trail.record(b"hijklmn\n")
    assert trail.record(b"opqrstu\n")
    assert not trail.failure
    assert read_all(tmp_path) == b"1234567\nabcdefg\nhijklmn\nopqrstu\n"
    trail.close()


@pytest.mark.requirement("R-EVENT")
def test_what_waits_for_the_disk_is_bounded_and_whole(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    line = b"x" * 1023 + b"\n"
    with full_disk(at_bytes=100):
        assert not any(trail.record(line * 64) for _ in range(20))
    assert trail.dropped == 20 * 64 - PENDING_LIMIT_BYTES // 1024
    assert trail.record(b"last\n")
    kept = read_all(tmp_path).splitlines(keepends=True)
    assert kept == [*[line] * (PENDING_LIMIT_BYTES // 1024), b"last\n"]
    trail.close()


@pytest.mark.requirement("R-EVENT")
def test_a_folder_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GatewayFault, match=r"events cannot be written to .*: Not a directory; "):
        open_trail(tmp_path / "file/events")


@pytest.mark.requirement("R-EVENT")
def test_a_line_too_long_to_wait_leaves_no_half_line(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    with full_disk(at_bytes=100):
        assert not trail.record(b"x" * (PENDING_LIMIT_BYTES + 200) + b"\n")
    assert trail.record(b"next\n")
    assert read_all(tmp_path) == b"x" * 100 + b"\nnext\n"
    assert trail.dropped == 1
    trail.close()
