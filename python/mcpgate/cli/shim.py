"""What `mcpgate stdio` does: bytes from stdin to the gateway's socket, and from there to stdout.

Rules: nothing but the protocol is on stdout; nothing heavy is imported unless a gateway must be
started or a configuration read; the gateway cuts, judges and limits, this only copies.
"""

import os
import socket
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

from mcpgate.cli.codes import Code, CommandFault
from mcpgate.errors import ConfigError, GateError
from mcpgate.unix import CLIENTS_NAME, read_peer

DEFAULT_FILE: Final = "mcpgate.yaml"
DEFAULT_STATE_DIR: Final = "~/.local/state/mcpgate"
_OPTIONS: Final = {"-c": "config", "--config": "config", "--from": "imported", "--state": "state"}
_CHUNK_BYTES: Final = 1 << 16
_STDIN: Final = 0
_STDOUT: Final = 1


class Asked(NamedTuple):
    """What the command line says."""

    config: str = ""
    imported: str = ""
    state: str = ""


def read_words(words: Sequence[str]) -> Asked | None:
    """Read the options in their plain form; None for any other, which click reads."""
    found: dict[str, str] = {}
    for option, value in zip(words[::2], words[1::2], strict=False):
        name = _OPTIONS.get(option)
        if name is None or name in found or not value or value.startswith("-"):
            return None
        found[name] = value
    return Asked(**found) if len(words) % 2 == 0 else None


def run(asked: Asked) -> int:
    """Carry one client's conversation; return the exit code."""
    try:
        return converse(asked)
    except CommandFault as fault:
        return _complain(str(fault), fault.code)
    except ConfigError as fault:
        return _complain("\n".join(fault.problems), Code.USAGE)
    except GateError as fault:
        return _complain(str(fault), Code.FAILED)
    except KeyboardInterrupt:
        return 130


def converse(asked: Asked) -> int:
    """Find the gateway, or start one, and carry bytes both ways until either side ends."""
    if asked.config and asked.imported:
        raise CommandFault(Code.USAGE, "-c and --from were both given; use one of them")
    state_dir = find_state_dir(asked)
    link = connect(state_dir)
    if link is None:
        link = import_module("mcpgate.cli.starting").start(asked, state_dir)
    with link:
        if read_peer(link.fileno())[0] == os.getppid():
            text = (
                "the gateway has started this command as one of its own servers, which would lead "
                "back to itself; remove that server from the gateway's configuration"
            )
            raise CommandFault(Code.USAGE, text)
        return carry(link)


def find_state_dir(asked: Asked) -> str:
    """Say where the gateway meant keeps its state; a file is read only if it speaks of that."""
    if asked.state:
        return str(Path(asked.state).expanduser().absolute())
    here = "" if asked.imported or not Path(DEFAULT_FILE).exists() else DEFAULT_FILE
    path = asked.config or here
    if path and _mentions_state(path):
        return str(import_module("mcpgate.config.load").find_places(path).state_dir)
    return os.path.normpath(Path(DEFAULT_STATE_DIR).expanduser())


def connect(state_dir: str) -> socket.socket | None:
    """Connect to the gateway with this state directory; None if none runs."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.connect(f"{state_dir}/{CLIENTS_NAME}")
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        link.close()
        return None
    except OSError as fault:
        link.close()
        text = f"the gateway with state {state_dir} cannot be reached: {fault.strerror or fault}"
        raise CommandFault(Code.UNREACHABLE, text) from fault
    return link


def carry(link: socket.socket) -> int:
    """Copy both ways; the end of stdin ends our side, and then come the replies still due."""
    for number in (_STDIN, _STDOUT):
        os.set_blocking(number, True)
    over = threading.Event()
    threading.Thread(target=_send, args=(link, over), daemon=True).start()
    while chunk := _receive(link):
        if not _write(chunk):
            return Code.OK
    if over.is_set():
        return Code.OK
    text = "the gateway closed the connection: it has ended, or replies were left unread"
    raise CommandFault(Code.UNREACHABLE, text)


def _send(link: socket.socket, over: threading.Event) -> None:
    try:
        while chunk := os.read(_STDIN, _CHUNK_BYTES):
            link.sendall(chunk)
        over.set()
        link.shutdown(socket.SHUT_WR)
    except OSError:  # the gateway has gone, which is seen where its bytes are read
        return


def _receive(link: socket.socket) -> bytes:
    try:
        return link.recv(_CHUNK_BYTES)
    except ConnectionError:
        return b""


def _write(chunk: bytes) -> bool:
    """Write all to stdout; say False if nobody reads it any more."""
    left = memoryview(chunk)
    try:
        while left:
            left = left[os.write(_STDOUT, left) :]
    except BrokenPipeError:
        return False
    return True


def _mentions_state(path: str) -> bool:
    try:
        return b"state_dir" in Path(path).read_bytes()
    except OSError as fault:
        text = f"{path} cannot be read: {fault.strerror}; name the configuration with -c FILE"
        raise CommandFault(Code.USAGE, text) from fault


def _complain(text: str, code: int) -> int:
    for line in text.splitlines():
        print(f"mcpgate: {line}", file=sys.stderr)
    return code
