"""Connections and a clock for the logs of sessions."""


class TickingClock:
    """A clock that stands until it is moved, and bytes that never repeat."""

    def __init__(self) -> None:
        self.at = 0
        self.made = 0

    def now(self) -> int:
        return self.at

    def wall(self) -> int:
        return self.at

    def random(self, size_bytes: int) -> bytes:
        self.made += 1
        return self.made.to_bytes(size_bytes, "big")


class KeptPipe:
    """A connection that takes so many events and keeps them."""

    def __init__(self, room: int = 1000) -> None:
        self.room = room
        self.events: list[tuple[str, bytes]] = []
        self.ended = 0

    def put(self, event: str, message: bytes) -> bool:
        if self.ended or len(self.events) >= self.room:
            return False
        self.events.append((event, message))
        return True

    def end(self) -> None:
        self.ended += 1

    @property
    def messages(self) -> list[bytes]:
        return [message for _, message in self.events]
