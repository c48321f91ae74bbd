"""Which server a listener gets; both serve the same front."""

from collections.abc import Callable
from functools import partial

from mcpgate.clock import Clock
from mcpgate.config.model import Listener, split_address
from mcpgate.links.wheel import Wheel
from mcpgate.listeners.heads import PeerRules, list_hosts
from mcpgate.listeners.http import HttpFront, Parts
from mcpgate.listeners.native import NativeServer
from mcpgate.listeners.server import HttpServer

ListenerServer = HttpServer | NativeServer


def open_listener(
    listener: Listener, parts: Parts, wheel: Wheel, clock: Clock, lost: Callable[[], None]
) -> ListenerServer:
    """Make the server that the configuration names; it does not listen yet."""
    make_front = partial(_make_front, parts, listener)
    if listener.kind == "native":
        return NativeServer(listener, make_front, wheel, clock)
    return HttpServer(listener, make_front, lost)


def _make_front(parts: Parts, listener: Listener) -> HttpFront:
    host, port = split_address(listener.address)
    secure = listener.tls is not None
    hosts = list_hosts(host, port, secure, listener.hosts)
    own = [f"{'https' if secure else 'http'}://{name}" for name in hosts]
    return HttpFront(parts, listener.path, PeerRules(hosts, [*own, *listener.origins]))
