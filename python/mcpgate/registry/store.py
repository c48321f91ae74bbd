"""One SQLite file for whatever must outlive the process; rooms give it keys and bytes.

Rules: no request ever reads or writes it, and it knows nothing of what it keeps. Snapshots are
built on a thread, so one call at a time touches the file. A new layout is
one more entry in MIGRATIONS; a file from a newer mcpgate is refused, never guessed at.
"""

import os
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Self, final

from mcpgate.errors import GatewayFault

FILE_NAME: Final = "mcpgate.db"
MIGRATIONS: Final[tuple[str, ...]] = (
    """CREATE TABLE item (
        space TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (space, key)
    ) WITHOUT ROWID, STRICT""",
)
BUSY_S: Final = 5.0


def open_state_dir(path: str) -> Path:
    """Make the state directory, or check that nobody else can enter the one that is there."""
    folder = Path(path)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as fault:
        text = f"state directory {folder} cannot be made: {fault.strerror}; set state_dir"
        raise GatewayFault("internal", text) from fault
    if found.st_uid != os.geteuid():
        text = f"state directory {folder} belongs to uid {found.st_uid}; set state_dir to your own"
        raise GatewayFault("internal", text)
    if found.st_mode & 0o077:
        mode = f"{found.st_mode & 0o777:04o}"
        text = (
            f"state directory {folder} is open to others (mode {mode}); run chmod 700 {folder}, or "
            "set state_dir to a folder inside it"
        )
        raise GatewayFault("internal", text)
    return folder


@final
class Store:
    """Keep bytes by space and key."""

    def __init__(self, database: sqlite3.Connection) -> None:
        """Take an open database whose layout is current; use `open_store`."""
        self._database = database
        self._turn = threading.RLock()

    def __enter__(self) -> Self:
        """Use the store for a while."""
        return self

    def __exit__(self, *fault: object) -> None:
        """Close it."""
        self.close()

    def get(self, space: str, key: str) -> bytes | None:
        """Return what is kept, or None."""
        with self._turn:
            found = self._database.execute(
                "SELECT value FROM item WHERE space = ? AND key = ?", (space, key)
            ).fetchone()
        return None if found is None else bytes(found[0])

    def put(self, space: str, key: str, value: bytes) -> None:
        """Keep a value, instead of an older one; it is on the disk when this returns."""
        with self._turn:
            self._database.execute(
                "INSERT INTO item VALUES (?, ?, ?)"
                " ON CONFLICT (space, key) DO UPDATE SET value = excluded.value",
                (space, key, value),
            )

    def delete(self, space: str, key: str) -> bool:
        """Forget a value; say whether there was one."""
        with self._turn:
            done = self._database.execute(
                "DELETE FROM item WHERE space = ? AND key = ?", (space, key)
            )
            return done.rowcount > 0

    def change(self, changes: Mapping[tuple[str, str], bytes | None]) -> None:
        """Put many values, and forget those that are None, all of it or nothing."""
        if not changes:
            return
        with self._turn:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._write(changes)
                self._database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk may have rolled back by itself
                    self._database.execute("ROLLBACK")
                raise

    def _write(self, changes: Mapping[tuple[str, str], bytes | None]) -> None:
        for (space, key), value in changes.items():
            if value is None:
                self.delete(space, key)
            else:
                self.put(space, key, value)

    def scan(self, space: str, prefix: str = "") -> list[tuple[str, bytes]]:
        """List keys and values of a space whose key begins with `prefix`, sorted by key."""
        with self._turn:
            found = self._database.execute(
                "SELECT key, value FROM item WHERE space = ? AND substr(key, 1, ?) = ?"
                " ORDER BY key",
                (space, len(prefix), prefix),
            )
            return [(str(key), bytes(value)) for key, value in found]

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        with self._turn:
            self._database.close()


def open_store(state_dir: str) -> Store:
    """Open the store of a state directory, made or brought up to date where needed."""
    path = open_state_dir(state_dir) / FILE_NAME
    database: sqlite3.Connection | None = None
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        database = sqlite3.connect(
            path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        _migrate(database, path)
    except (OSError, sqlite3.Error) as fault:
        _close(database)
        text = f"store {path} cannot be opened: {fault}; restore it from a copy or move it away"
        raise GatewayFault("internal", text) from fault
    except GatewayFault:
        _close(database)
        raise
    return Store(database)


def _close(database: sqlite3.Connection | None) -> None:
    if database is not None:
        database.close()


def _migrate(database: sqlite3.Connection, path: Path) -> None:
    database.execute("BEGIN IMMEDIATE")
    database.execute("CREATE TABLE IF NOT EXISTS layout (number INTEGER NOT NULL) STRICT")
    found = database.execute("SELECT max(number) FROM layout").fetchone()[0] or 0
    if found > len(MIGRATIONS):
        text = (
            f"store {path} was written by a newer mcpgate (layout {found}, this one knows up to "
            f"{len(MIGRATIONS)}): run that mcpgate, or another state_dir"
        )
        raise GatewayFault("internal", text)
    for number, statement in enumerate(MIGRATIONS[found:], start=found + 1):
        database.execute(statement)
        database.execute("INSERT INTO layout VALUES (?)", (number,))
    database.execute("COMMIT")
