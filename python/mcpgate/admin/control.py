"""The control socket: how the operator's commands reach a running gateway.

Strategy: a unix socket in the state directory, one JSON line per request, answered in order.
Rules: only the operator's own uid (or root) is heard; a lock file held for life says who owns the
state directory, so that a socket left behind by a crash is replaced and a live one never.
"""

import asyncio
import fcntl
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, final

import msgspec

from mcpgate.admin.wire import LINE_LIMIT_BYTES, Fault, Reply, Request
from mcpgate.errors import GateError, GatewayFault
from mcpgate.unix import bind_private, is_ours, remove

Handler = Callable[[bytes], Awaitable[bytes]]
"""Takes the whole request line as JSON, returns the result as JSON; raises GateError to refuse."""

CONNECTIONS: Final = 32
IDLE_S: Final = 60.0
LEFT_S: Final = 0.5
_log = logging.getLogger("mcpgate.admin")
_requests = msgspec.json.Decoder(Request)
_replies = msgspec.json.Encoder()


@final
class Control:
    """Answer the operator's commands with the given handlers."""

    def __init__(self, path: str, handlers: Mapping[str, Handler]) -> None:
        """Take the socket's path and what is done for each `do`."""
        self._path = path
        self._handlers = handlers
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._lock = -1

    async def start(self) -> None:
        """Take the state directory and listen; raise GatewayFault if another gateway has it."""
        self._lock = _take_lock(f"{self._path}.lock")
        try:
            listener = bind_private(self._path)
        except OSError as fault:
            self._release()
            text = f"control socket {self._path} cannot be made: {fault.strerror or fault}"
            raise GatewayFault("internal", text) from fault
        self._server = await asyncio.start_unix_server(
            self._accept, sock=listener, limit=LINE_LIMIT_BYTES
        )

    async def stop(self) -> None:
        """Close the socket and every connection, and give the state directory back."""
        if self._server is not None:
            self._server.close()
            self._server = None
            remove(self._path)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._release()

    def _release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= CONNECTIONS or not _is_operator(writer):
            _log.warning("control.refused", extra={"open": len(self._tasks)})
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._converse(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await self._read(reader):
                writer.write(await self._answer(line, reader) + b"\n")
                async with asyncio.timeout(IDLE_S):
                    await writer.drain()
        except ValueError:
            fault = Fault(reason="too_large", text=f"a line is at most {LINE_LIMIT_BYTES} bytes")
            writer.write(_replies.encode(Reply(ok=False, error=fault)) + b"\n")
        except (OSError, TimeoutError):
            _log.debug("control.left")
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        async with asyncio.timeout(IDLE_S):
            return await reader.readline()

    async def _answer(self, line: bytes, reader: asyncio.StreamReader) -> bytes:
        try:
            result = await _watch(self._find_handler(line)(line), reader)
            one_line = result.replace(b"\n", b" ")  # in JSON a bare newline is only space
            return _replies.encode(Reply(ok=True, result=msgspec.Raw(one_line)))
        except ConnectionResetError:
            raise
        except GateError as fault:
            error = Fault(reason=fault.reason, text=str(fault), event=getattr(fault, "event", ""))
        except Exception:  # noqa: BLE001 - a task root: a broken handler must not end it
            _log.exception("control.broken")
            error = Fault(reason="internal", text="the gateway failed; its log says why")
        return _replies.encode(Reply(ok=False, error=error))

    def _find_handler(self, line: bytes) -> Handler:
        try:
            asked = _requests.decode(line).do
        except msgspec.DecodeError as fault:
            raise GatewayFault("parse", f"not a request: {fault}") from fault
        handler = self._handlers.get(asked)
        if handler is None:
            known = ", ".join(sorted(self._handlers))
            raise GatewayFault("method_unknown", f"do: {asked!r} is unknown; known: {known}")
        return handler


async def _watch(work: Awaitable[bytes], reader: asyncio.StreamReader) -> bytes:
    """Wait for a handler, and end it when nobody waits for its answer any more."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=LEFT_S))[0]:
            if reader.at_eof():
                raise ConnectionResetError("the operator left")
        return task.result()
    finally:
        task.cancel()


def _take_lock(path: str) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        os.close(fd)
        folder = Path(path).parent
        text = (
            f"another gateway uses this state directory ({folder}): stop it or give each "
            "gateway its own state_dir"
        )
        raise GatewayFault("internal", text) from fault
    return fd


def _is_operator(writer: asyncio.StreamWriter) -> bool:
    return is_ours(writer.get_extra_info("socket").fileno())
