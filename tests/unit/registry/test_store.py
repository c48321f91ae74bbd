"""State is one private SQLite file that knows nothing of what it keeps."""

import sqlite3
import stat
from pathlib import Path

import pytest

from mcpgate.errors import GatewayFault
from mcpgate.registry.store import FILE_NAME, MIGRATIONS, Store, open_state_dir, open_store


@pytest.mark.requirement("R-STORE")
def test_values_outlive_the_store(tmp_path: Path) -> None:
    folder = str(tmp_path / "a/state")
    with open_store(folder) as store:
        store.put("pin", "time/x", b"1")
        store.put("pin", "time/x", b"\x00\xff")
        store.put("key", "time/x", b"other space")
    with open_store(folder) as store:
        assert store.get("pin", "time/x") == b"\x00\xff"
        assert store.get("pin", "none") is None


@pytest.mark.requirement("R-STORE")
def test_a_scan_is_sorted_and_takes_its_prefix_literally(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "state")) as store:
        for key in ("b", "a%", "aé", "a_1", "ab"):
            store.put("s", key, key.encode())
        assert [key for key, _ in store.scan("s")] == ["a%", "a_1", "ab", "aé", "b"]
        assert store.scan("s", "a%") == [("a%", b"a%")]
        assert store.scan("s", "aé") == [("aé", "aé".encode())]
        assert store.scan("none") == []


@pytest.mark.requirement("R-STORE")
def test_a_value_is_deleted_once(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "state")) as store:
        store.put("s", "k", b"v")
        assert store.delete("s", "k")
        assert not store.delete("s", "k")
        assert store.get("s", "k") is None


@pytest.mark.requirement("R-STORE")
def test_everything_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with open_store(str(folder)) as store:
        store.put("s", "k", b"v")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert set(modes.values()) == {0o600}
        assert FILE_NAME in modes


@pytest.mark.requirement("R-STORE")
def test_a_directory_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    with pytest.raises(
        GatewayFault, match=rf"open to others \(mode 0755\); run chmod 700 {folder}"
    ):
        open_state_dir(str(folder))


@pytest.mark.requirement("R-STORE")
def test_a_directory_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GatewayFault, match="cannot be made: Not a directory; set state_dir"):
        open_state_dir(str(tmp_path / "file/state"))


@pytest.mark.requirement("R-STORE")
def test_a_file_from_a_newer_mcpgate_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    open_store(str(folder)).close()
    with sqlite3.connect(folder / FILE_NAME) as database:
        database.execute("INSERT INTO layout VALUES (?)", (len(MIGRATIONS) + 1,))
    database.close()
    with pytest.raises(GatewayFault, match="written by a newer mcpgate"):
        open_store(str(folder))


@pytest.mark.requirement("R-STORE")
def test_a_broken_file_is_explained(tmp_path: Path) -> None:
    folder = open_state_dir(str(tmp_path / "state"))
    (folder / FILE_NAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(GatewayFault, match="cannot be opened: file is not a database; restore it"):
        open_store(str(folder))


@pytest.mark.requirement("R-STORE")
def test_two_stores_of_one_file_see_each_other(tmp_path: Path) -> None:
    folder = str(tmp_path / "state")
    with open_store(folder) as first, open_store(folder) as second:
        first.put("s", "k", b"v")
        assert isinstance(second, Store)
        assert second.get("s", "k") == b"v"


@pytest.mark.requirement("R-STORE")
def test_changes_are_made_together_or_not_at_all(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "state")) as store:
        store.put("s", "old", b"1")
        store.change({("s", "old"): None, ("s", "a"): b"1", ("t", "a"): b"2"})
        assert (store.scan("s"), store.scan("t")) == ([("a", b"1")], [("a", b"2")])
        with sqlite3.connect(tmp_path / "state" / FILE_NAME) as other:
            other.execute(
                "CREATE TRIGGER full BEFORE INSERT ON item WHEN NEW.key = 'c'"
                " BEGIN SELECT RAISE(ABORT, 'full'); END"
            )
        other.close()
        with pytest.raises(sqlite3.Error, match="full"):
            store.change({("s", "a"): None, ("s", "b"): b"1", ("s", "c"): b"1"})
        assert store.scan("s") == [("a", b"1")]
        store.change({})
        store.change({("s", "b"): b"1"})
        assert store.get("s", "b") == b"1"
