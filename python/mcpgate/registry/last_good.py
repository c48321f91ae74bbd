"""The last good snapshot document on disk, so that entries are known before servers are up."""

import os
from pathlib import Path
from typing import Final, final

import msgspec

from mcpgate.registry.document import FORMAT, Document

FILE_NAME: Final = "snapshot.json"


@final
class LastGood(msgspec.Struct, frozen=True):
    """Where the document is kept."""

    state_dir: str

    def save(self, document: bytes) -> None:
        """Replace the kept document in one step, readable by nobody else."""
        path = Path(self.state_dir) / FILE_NAME
        fresh = path.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
            file.write(document)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def load(self) -> Document | None:
        """Return the kept document; None when there is none that can be read."""
        path = Path(self.state_dir) / FILE_NAME
        try:
            text = path.read_text(encoding="utf-8")
            document = msgspec.json.decode(text, type=Document)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return document if document.format == FORMAT else None
