"""Granian, embedded in our loop: one server for each listener, and another for a new certificate.

Strategy: the sockets of a port form one group (SO_REUSEPORT) whose program sends every new
connection to the second socket while there are two. So a new server takes over at once; the older
one ends each connection with its next reply, and is stopped when the grace is over: nothing is
refused and no handshake is cut.
Rules: the port is ours alone, which is tried before it is shared; a certificate that granian cannot
use ends the process, so another process tries it first; granian's private socket slot is used here
and nowhere else, and a test holds its meaning.
"""

import asyncio
import logging
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol, cast, final

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server as GranianServer

from mcpgate.config.model import Listener, Tls, build_url, split_address
from mcpgate.errors import GatewayFault
from mcpgate.listeners.certificate import look
from mcpgate.listeners.rsgi import HttpProtocol, Scope
from mcpgate.listeners.sockets import BACKLOG, bind, claim

CONNECTIONS: Final = 20_000
GRACE_S: Final = 2.0
TRY_S: Final = 20.0
_log = logging.getLogger("mcpgate.listeners")
_hold = cast("Callable[[int, bool, int], SocketHolder]", SocketHolder)


class Front(Protocol):
    """The application that a server serves."""

    async def __rsgi__(self, scope: Scope, protocol: HttpProtocol) -> None:
        """Answer one request."""
        ...

    def refuse(self, status: int) -> bytes:
        """Record that bytes which are no request were refused; return the body of the answer."""
        ...

    def retire(self) -> None:
        """End every connection with its next reply."""
        ...

    def take_leave(self) -> None:
        """End what lasts longer than a request."""
        ...


@final
class Granian(GranianServer):
    """Granian on a socket of ours."""

    def __init__(self, front: Front, tls: Tls | None) -> None:
        super().__init__(
            front,
            interface=Interfaces.RSGI,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            backpressure=CONNECTIONS,
            log_enabled=False,
            ssl_cert=Path(tls.certificate) if tls else None,
            ssl_key=Path(tls.key) if tls else None,
        )
        self.bound: socket.socket | None = None

    def _init_shared_socket(self) -> None:
        if self.bound is not None:
            vars(self)["_shd"] = _hold(self.bound.detach(), False, BACKLOG)

    def stop(self) -> None:
        """Accept no more; `serve` returns once every open request has ended."""
        self.interrupt_signal = True
        self.main_loop_interrupt.set()


@final
class HttpServer:
    """Serve one listener; its front is made anew for each certificate."""

    def __init__(
        self, listener: Listener, make_front: Callable[[], Front], lost: Callable[[], None]
    ) -> None:
        """Take the listener, what makes its application, and whom to tell if it ends by itself."""
        self._listener = listener
        self._make_front = make_front
        self._lost = lost
        self._host, self._port = split_address(listener.address)
        self._front: Front | None = None
        self._current: Granian | None = None
        self._tasks: dict[Granian, asyncio.Task[None]] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._seen: tuple[tuple[int, int, int], ...] = ()

    @property
    def url(self) -> str:
        """The address that clients are given."""
        return build_url(self._listener)

    async def start(self) -> None:
        """Listen; raise GatewayFault if the address or the certificate cannot be used."""
        claim(self._host, self._port).close()
        self._seen = look(self._listener.tls)
        await self._begin()

    async def renew(self) -> None:
        """Serve with the certificate as it is now, if its files changed since they were read."""
        seen = look(self._listener.tls)
        old, front = self._current, self._front
        if seen in ((), self._seen) or self._retiring or old is None or front is None:
            return
        self._seen = seen
        try:
            await self._begin()
        except GatewayFault as fault:
            _log.error("certificate.refused", extra={"text": str(fault)})
            return
        _log.info("certificate.renewed", extra={"listener": self._listener.name})
        front.retire()
        task = asyncio.get_running_loop().create_task(self._stop_late(old))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def retire(self) -> None:
        """End every connection with its next reply, because the gateway ends."""
        if self._front is not None:
            self._front.retire()
            self._front.take_leave()

    async def stop(self, within_s: float) -> bool:
        """Accept no more and let open requests end; say False if some did not in time."""
        for task in self._retiring:
            task.cancel()
        for server in self._tasks:
            server.stop()
        if not self._tasks:
            return True
        _, late = await asyncio.wait(self._tasks.values(), timeout=within_s)
        return not late

    async def _begin(self) -> None:
        tls = self._listener.tls
        try:
            if tls is not None:
                await _try_certificate(tls)
            front = self._make_front()
            server = Granian(front, tls)
            server.bound = bind(self._host, self._port)
        except OSError as fault:
            text = f"listener {self._listener.name}: {self._listener.address}: {fault}"
            raise GatewayFault("internal", text) from fault
        task = asyncio.get_running_loop().create_task(server.serve())
        task.add_done_callback(lambda done: self._ended(server, done))
        self._tasks[server] = task
        self._front, self._current = front, server

    def _ended(self, server: Granian, task: asyncio.Task[None]) -> None:
        del self._tasks[server]
        if server.interrupt_signal or task.cancelled():
            return
        _log.error("listener.ended", exc_info=task.exception())
        if self._current is server:
            self._current = next(reversed(self._tasks), None)
            if self._current is None:
                self._lost()

    async def _stop_late(self, old: Granian) -> None:
        """Stop a server once its clients had time to come back to the newer one, if that lives."""
        await asyncio.sleep(GRACE_S)
        if self._current is not old:
            old.stop()


async def _try_certificate(tls: Tls) -> None:
    """Have a process of its own shake hands once; raise OSError if that fails."""
    trial = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "mcpgate.listeners.trial", tls.certificate, tls.key),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(TRY_S):
                await trial.wait()
    finally:
        if trial.returncode is None:
            trial.kill()
    code = await trial.wait()
    if code != 0:
        raise OSError(
            f"certificate {tls.certificate} with key {tls.key} cannot be used; what can: PEM, "
            "X.509 version 3, RSA from 2048 bits, ECDSA P-256 or P-384, or Ed25519, no passphrase"
        )
