"""The command line's side of the control socket: blocking, with a deadline."""

import socket
import time
from typing import Final, final

import msgspec

from mcpgate.admin.wire import LINE_LIMIT_BYTES, Entry, Quarantined, Reply, Request, Status
from mcpgate.cli.codes import Code, CommandFault
from mcpgate.config.rules import SOCKET_NAME
from mcpgate.model import ServerStatus

TIMEOUT_S: Final = 10.0
_CHUNK_BYTES: Final = 1 << 16
_UNREACHED: Final = frozenset({"unavailable", "lost", "deadline", "unreadable"})


def choose_code(reason: str) -> Code:
    """Say which exit code a refusal with this reason ends with."""
    return Code.UNREACHABLE if reason in _UNREACHED else Code.REFUSED


@final
class Client:
    """Ask the gateway that runs with a state directory."""

    def __init__(
        self, state_dir: str, timeout_s: float = TIMEOUT_S, explain: str = "mcpgate explain"
    ) -> None:
        """Take the state directory, how long an answer may take, and what explains an event."""
        self._state_dir = state_dir
        self._timeout_s = timeout_s
        self._explain = explain

    def read_status(self) -> Status:
        """Ask for the gateway's status."""
        return msgspec.json.decode(self.ask(Request(do="status")), type=Status)

    def list_servers(self) -> list[ServerStatus]:
        """Ask for the servers and their states."""
        return msgspec.json.decode(self.ask(Request(do="servers")), type=list[ServerStatus])

    def list_entries(self) -> list[Entry]:
        """Ask for the catalog."""
        return msgspec.json.decode(self.ask(Request(do="catalog")), type=list[Entry])

    def list_quarantined(self) -> list[Quarantined]:
        """Ask for what was found on entries."""
        return msgspec.json.decode(self.ask(Request(do="quarantine")), type=list[Quarantined])

    def point_to(self, event: str) -> str:
        """Say how an event is looked at; nothing if there is none."""
        return f"; see `{self._explain} {event}`" if event else ""

    def ask(self, request: msgspec.Struct) -> bytes:
        """Send a request; return the result as JSON or raise CommandFault."""
        try:
            reply = msgspec.json.decode(self._exchange(request), type=Reply)
        except msgspec.DecodeError as fault:
            text = f"the gateway's answer is not readable ({fault}); is it another version?"
            raise CommandFault(Code.FAILED, text) from fault
        if reply.ok and isinstance(reply.result, msgspec.Raw):
            return bytes(reply.result)
        if reply.error is None:
            raise CommandFault(Code.FAILED, "the gateway answered without a result")
        event = reply.error.event
        text = f"{reply.error.text} ({reply.error.reason}){self.point_to(event)}"
        raise CommandFault(choose_code(reply.error.reason), text)

    def _exchange(self, request: msgspec.Struct) -> bytes:
        deadline = time.perf_counter() + self._timeout_s
        line = msgspec.json.encode(request).replace(b"\n", b" ")  # a bare newline is only space
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.settimeout(self._timeout_s)
                link.connect(f"{self._state_dir}/{SOCKET_NAME}")
                link.sendall(line + b"\n")
                return _read_line(link, deadline)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as fault:
            text = f"no gateway runs with state {self._state_dir}: start one with `mcpgate serve`"
            raise CommandFault(Code.UNREACHABLE, text) from fault
        except TimeoutError as fault:
            text = f"the gateway did not answer within {self._timeout_s:g} s; its log may say why"
            raise CommandFault(Code.UNREACHABLE, text) from fault
        except PermissionError as fault:
            text = f"state {self._state_dir} belongs to somebody else; run this as its owner"
            raise CommandFault(Code.UNREACHABLE, text) from fault
        except OSError as fault:
            text = f"the gateway with state {self._state_dir} cannot be asked: {fault}"
            raise CommandFault(Code.UNREACHABLE, text) from fault


def _read_line(link: socket.socket, deadline: float) -> bytes:
    """Read up to the line's end, whatever the pieces; the deadline holds for all of it."""
    line = bytearray()
    while not line.endswith(b"\n"):
        left_s = deadline - time.perf_counter()
        if left_s <= 0:
            raise TimeoutError
        link.settimeout(left_s)
        chunk = link.recv(_CHUNK_BYTES)
        if not chunk or len(line) > LINE_LIMIT_BYTES:
            raise OSError("it closed the connection" if not chunk else "its answer is too long")
        line += chunk
    return bytes(line)
