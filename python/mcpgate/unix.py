"""Unix sockets in a state directory: how they are made and who may speak there.

Rules: only this user's processes, and root's, are heard. `mcpgate stdio` must start at once and
imports this, so nothing but the standard library's light parts is imported here.
"""

import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

CLIENTS_NAME: Final = "clients.sock"
_PEER: Final = struct.Struct("3i")


def bind_private(path: str) -> socket.socket:
    """Make a socket that only this user can open, in place of one left behind; raise OSError."""
    remove(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(path)
        Path(path).chmod(0o600)
    except OSError:
        made.close()
        raise
    return made


def remove(path: str) -> None:
    """Remove a socket that may be gone already."""
    with suppress(FileNotFoundError):
        Path(path).unlink()


def read_peer(number: int) -> tuple[int, int]:
    """Return process id and user id of who is at the other end of a descriptor."""
    with socket.socket(fileno=os.dup(number)) as known:
        raw = known.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    pid, uid, _ = _PEER.unpack(raw)
    return pid, uid


def is_ours(number: int) -> bool:
    """Say whether this user, or root, is at the other end of a descriptor."""
    return read_peer(number)[1] in (0, os.geteuid())
