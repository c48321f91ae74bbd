"""When a certificate has changed."""

from pathlib import Path

from mcpgate.config.model import Tls


def look(tls: Tls | None) -> tuple[tuple[int, int, int], ...]:
    """Return what tells one state of the files from another; empty without them."""
    if tls is None:
        return ()
    try:
        found = [Path(path).stat() for path in (tls.certificate, tls.key)]
    except OSError:
        return ()
    return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)
