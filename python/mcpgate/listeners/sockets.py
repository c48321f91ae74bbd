"""Sockets that listeners listen on.

Rules: a port is claimed alone before anything else, so that nobody is served by two gateways. The
sockets of a group (SO_REUSEPORT) have a program that sends every new connection to the second one
while there are two: so a newer server takes over at once.
"""

import ctypes
import socket
import struct
from typing import Final

from mcpgate.errors import GatewayFault

BACKLOG: Final = 1024
_ATTACH_REUSEPORT_CBPF: Final = 51


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """Find the address of a host; IPv4 first where a name has both."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    found.sort(key=lambda row: row[0] != socket.AF_INET)
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(address[1]))


def claim(host: str, port: int) -> socket.socket:
    """Bind the port alone; raise GatewayFault if anyone else has it."""
    try:
        family, address = _resolve(host, port)
        claimed = socket.socket(family, socket.SOCK_STREAM)
    except OSError as fault:
        raise GatewayFault("internal", f"{host}:{port}: {fault}") from fault
    try:
        claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        claimed.bind(address)
    except OSError as fault:
        claimed.close()
        text = f"{host}:{port} cannot be listened on: {fault.strerror}; choose another address"
        raise GatewayFault("internal", text) from fault
    return claimed


def bind(host: str, port: int) -> socket.socket:
    """Listen in the port's group and have new connections go to its newest socket."""
    family, address = _resolve(host, port)
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Taken over by every accepted connection: a streamed message must not wait for the
        # client's delayed acknowledgement of the one before it.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
        always_second = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 1))
        program = struct.pack("HxxxxxxP", 1, ctypes.addressof(always_second))
        bound.setsockopt(socket.SOL_SOCKET, _ATTACH_REUSEPORT_CBPF, program)
    except OSError:
        bound.close()
        raise
    return bound
