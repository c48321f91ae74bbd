"""Which server a listener gets; both kinds serve the same front, and every gateway has lines."""

from collections.abc import Callable, Iterator
from functools import partial

from mcpgate.clock import Clock
from mcpgate.config.model import Config, Listener, split_address
from mcpgate.links.wheel import Wheel
from mcpgate.listeners.heads import PeerRules, list_hosts
from mcpgate.listeners.http import HttpFront
from mcpgate.listeners.lines import LinesServer
from mcpgate.listeners.native import NativeServer
from mcpgate.listeners.parts import Parts
from mcpgate.listeners.server import HttpServer
from mcpgate.listeners.transports import Transports

ListenerServer = HttpServer | NativeServer | LinesServer


def open_listeners(
    config: Config, parts: Parts, wheel: Wheel, clock: Clock, lost: Callable[[], None]
) -> Iterator[tuple[str, ListenerServer]]:
    """Make, by name, what the configuration lists, and the one behind `mcpgate stdio`."""
    for listener in config.listeners:
        yield listener.name, open_listener(listener, parts, wheel, clock, lost)
    yield "clients", LinesServer(config.state_dir, parts, wheel, config.limits.message_bytes)


def open_listener(
    listener: Listener, parts: Parts, wheel: Wheel, clock: Clock, lost: Callable[[], None]
) -> ListenerServer:
    """Make the server that the configuration names; it does not listen yet."""
    transports = Transports(listener, parts, clock.random)
    make_front = partial(_make_front, transports, listener)
    if listener.kind == "native":
        return NativeServer(listener, make_front, wheel, clock)
    return HttpServer(listener, make_front, lost)


def _make_front(transports: Transports, listener: Listener) -> HttpFront:
    host, port = split_address(listener.address)
    secure = listener.tls is not None
    hosts = list_hosts(host, port, secure, listener.hosts)
    own = [f"{'https' if secure else 'http'}://{name}" for name in hosts]
    return HttpFront(transports, PeerRules(hosts, [*own, *listener.origins]))
