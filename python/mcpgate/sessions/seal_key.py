"""The key that ids are sealed with: a file of its own, made at the first start."""

import os
from pathlib import Path
from typing import Final

from mcpgate.clock import Clock
from mcpgate.errors import GatewayFault

KEY_BYTES: Final = 32


def open_key(folder: Path, clock: Clock) -> bytes:
    """Return the key that ids are sealed with; made once, at the first start."""
    path = folder / "seal.key"
    try:
        found = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            text = f"{path} holds {len(key)} bytes, not {KEY_BYTES}; restore it or move it away"
            raise GatewayFault("internal", text) from None
        return key
    key = clock.random(KEY_BYTES)
    with os.fdopen(found, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key
