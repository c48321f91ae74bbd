"""How a connection to a server is made: whom TLS trusts, how long it may take, why it failed."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final, TypeVar

from mcpgate.errors import LinkFault
from mcpgate.links.target import Target

DIAL_S: Final = 10.0
_UNTRUSTED: Final = (18, 19, 20, 21)  # OpenSSL's codes of a chain that ends nowhere we know

_P = TypeVar("_P", bound=asyncio.BaseProtocol)


def load_trust(target: Target, ca_file: str | None) -> ssl.SSLContext | None:
    """Load whom a secure server is checked by; None for one without TLS."""
    if not target.secure:
        return None
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise LinkFault("unavailable", f"ca_file {ca_file!r} cannot be used: {error}") from error
    context.set_alpn_protocols(["http/1.1"])
    return context


async def dial(target: Target, secure: ssl.SSLContext | None, make: Callable[[], _P]) -> _P:
    """Open a connection; raise OSError, TimeoutError among them, or ValueError."""
    async with asyncio.timeout(DIAL_S):
        transport, protocol = await asyncio.get_running_loop().create_connection(
            make,
            target.host,
            target.port,
            ssl=secure,
            server_hostname=target.host if target.secure else None,
        )
    _keep_watch(transport)
    return protocol


def describe_failure(target: Target, error: Exception) -> str:
    """Say why a server could not be reached."""
    why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
    untrusted = getattr(error, "verify_code", 0) in _UNTRUSTED
    hint = "; if it is yours, name its authority in ca_file" if untrusted else ""
    return f"{target.authority} cannot be reached: {why}{hint}"


def _keep_watch(transport: asyncio.BaseTransport) -> None:
    """Have the kernel notice a peer that vanished without a word."""
    connected = transport.get_extra_info("socket")
    if connected is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
