"""Granian's protocol object, as far as it replies."""

from collections.abc import Callable, Generator


class FakeWatcher:
    """A client that leaves when told."""

    def __init__(self) -> None:
        self.callback: Callable[[object], None] | None = None
        self.cancelled = False

    def add_done_callback(self, callback: Callable[[object], None]) -> None:
        self.callback = callback

    def cancel(self) -> None:
        self.cancelled = True
        self.leave()

    def leave(self) -> None:
        if self.callback is not None:
            self.callback(self)


class Sent:
    """What granian returns for queued bytes: done already."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


class FakeTransport:
    """Keep what was sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send_bytes(self, data: bytes) -> Sent:
        self.sent.append(data)
        return Sent()


class FakeReply:
    """Keep what is replied."""

    def __init__(self) -> None:
        self.whole: list[tuple[int, list[tuple[str, str]], bytes]] = []
        self.streams: list[list[tuple[str, str]]] = []
        self.transport = FakeTransport()
        self.watcher = FakeWatcher()

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.whole.append((status, headers, b""))

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.whole.append((status, headers, body))

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> FakeTransport:
        assert status == 200
        self.streams.append(headers)
        return self.transport

    def client_disconnect(self) -> FakeWatcher:
        return self.watcher
