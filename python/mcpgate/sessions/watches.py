"""Resources that clients watch: who is told when one changed, and what servers must tell us.

Strategy: a resource is watched at its server as long as one client watches it. A watcher is a
session, told on its own stream, or the stream of a listen request.
Rules: a watcher hears of a resource under the URI that it used; how many it may watch is bounded.
"""

from collections.abc import Callable, Iterable
from typing import Final, final

from mcpgate.gate import Watch

MOST: Final = 1_000
"""Resources of one watcher."""
ALL: Final = 100_000
"""Resources of all watchers, each counted for each of them."""

Place = tuple[str, str]
"""A server and its own URI."""


@final
class Watches:
    """Every watched resource of this worker, by watcher and by place."""

    __slots__ = ("_by_server", "_by_watcher", "_count", "changed")

    def __init__(self) -> None:
        self._by_watcher: dict[object, dict[Place, bytes]] = {}
        self._by_server: dict[str, dict[str, dict[object, None]]] = {}
        self._count = 0
        self.changed: Callable[[str], None] = lambda _: None
        """Called with a server for which `list_wanted` says something else than before."""

    def apply(self, watcher: object, watches: Iterable[Watch]) -> None:
        """Begin and end what a client asks for; what is over the bound is left out."""
        for watch in watches:
            place = (watch.server, watch.uri)
            if watch.begins:
                self._begin(watcher, place, watch.exposed)
            else:
                self._end(watcher, place)

    def leave(self, watcher: object) -> None:
        """Forget a watcher."""
        for place in list(self._by_watcher.get(watcher, ())):
            self._end(watcher, place)

    def list_wanted(self, server: str) -> frozenset[str]:
        """Return the resources of a server that somebody watches."""
        return frozenset(self._by_server.get(server, ()))

    def list_watchers(self, server: str, uri: str) -> list[tuple[object, bytes]]:
        """Return who must be told of a change, each with the URI it used as a JSON string."""
        watchers = self._by_server.get(server, {}).get(uri, ())
        return [(watcher, self._by_watcher[watcher][server, uri]) for watcher in watchers]

    def _begin(self, watcher: object, place: Place, exposed: bytes) -> None:
        mine = self._by_watcher.get(watcher, {})
        if place not in mine:
            if len(mine) >= MOST or self._count >= ALL:
                return
            self._count += 1
        mine[place] = exposed
        self._by_watcher[watcher] = mine
        server, uri = place
        watchers = self._by_server.setdefault(server, {}).setdefault(uri, {})
        first = not watchers
        watchers[watcher] = None
        if first:
            self.changed(server)

    def _end(self, watcher: object, place: Place) -> None:
        mine = self._by_watcher.get(watcher, {})
        if mine.pop(place, None) is None:
            return
        self._count -= 1
        if not mine:
            del self._by_watcher[watcher]
        server, uri = place
        watched = self._by_server[server]
        del watched[uri][watcher]
        if watched[uri]:
            return
        del watched[uri]
        if not watched:
            del self._by_server[server]
        self.changed(server)
