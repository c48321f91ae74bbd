"""The contract with the Rust core. Times are CLOCK_MONOTONIC nanoseconds, or wall if named so."""

from typing import final

__all__ = [
    "Address",
    "Answer",
    "AppendFile",
    "Ask",
    "Caller",
    "Gate",
    "Head",
    "LineCutter",
    "SnapshotError",
    "SseCutter",
    "Swap",
    "Ticket",
    "Verdict",
    "Watch",
    "declare",
    "fingerprint",
    "reasons",
    "rules",
    "split",
]

class SnapshotError(ValueError):
    """A snapshot document that cannot be judged by; `problems` lists all of its faults."""

    problems: list[str]

@final
class Caller:
    """Principal, session and revision; made once per session or token, never per message."""

    @property
    def principal(self) -> str: ...
    @property
    def revision(self) -> str:
        """The revision of the session; empty before `initialize`."""
    @property
    def modern(self) -> bool: ...
    @property
    def session(self) -> str:
        """32 hex digits that name the session in logs and events; empty without one."""

@final
class Head:
    """The mirrored MCP headers of one HTTP request; None where absent.

    `params` holds the Mcp-Param headers as lines `name: value`, names in lower case without prefix.
    """

    def __new__(
        cls,
        version: str | None,
        method: str | None,
        name: str | None,
        params: str | None,
        duplicate: bool,
    ) -> Head: ...

@final
class Ticket:
    """What an open exchange holds in the gate; ended by exactly one `close`."""

    @property
    def upstream_id(self) -> int: ...
    @property
    def server(self) -> str: ...
    @property
    def deadline_ns(self) -> int: ...
    @property
    def client_id(self) -> bytes: ...
    @property
    def within_ns(self) -> int:
        """How long the call may take."""
    @property
    def capabilities(self) -> int:
        """Bits of what the client can do, as the server's link must have declared them."""
    @property
    def owner(self) -> str:
        """Whose links carry the call; empty for those that all share, `*` for one call each."""
    @property
    def level(self) -> int:
        """0 (debug) to 7: the severity from which the client asked for log messages, else -1."""

@final
class Ask:
    """One request of a server to its client."""

    @property
    def key(self) -> bytes:
        """The name of the input, as a JSON string."""
    @property
    def id(self) -> bytes:
        """The raw id under which a legacy client answers."""
    @property
    def server_id(self) -> bytes:
        """The raw id under which a legacy server waits for the answer."""
    @property
    def body(self) -> bytes:
        """A request for a legacy client, an input request for a modern one."""
    @property
    def elicits(self) -> bool: ...
    @property
    def lists_roots(self) -> bool: ...

@final
class Answer:
    """What a client says: to a request by its raw id, or as an input by its name (raw JSON)."""

    @property
    def key(self) -> bytes: ...
    @property
    def value(self) -> bytes:
        """The raw result, or the raw error."""
    @property
    def is_error(self) -> bool: ...

@final
class Watch:
    """A resource whose changes are told; `exposed` is the client's URI as a JSON string."""

    @property
    def server(self) -> str: ...
    @property
    def uri(self) -> str: ...
    @property
    def exposed(self) -> bytes: ...
    @property
    def begins(self) -> bool: ...

@final
class Verdict:
    """The gate's answer on one message."""

    @property
    def outcome(self) -> int:
        """0 forward, 1 answer, 2 refuse."""
    @property
    def body(self) -> bytes:
        """For the server (forward) or the client; empty when there is nothing to send."""
    @property
    def status(self) -> int:
        """HTTP status of an answer or refusal."""
    @property
    def ticket(self) -> Ticket | None: ...
    @property
    def server(self) -> str: ...
    @property
    def head(self) -> bytes:
        """Mirrored header lines for a modern HTTP server, each ending in CRLF."""
    @property
    def session(self) -> str:
        """The sealed id of the session that this answer to `initialize` opens."""
    @property
    def streams(self) -> int:
        """For `subscriptions/listen` 8, plus 1 tools, 2 prompts, 4 resources; else 0."""
    @property
    def subscription(self) -> bytes:
        """The raw JSON id of the listen request."""
    @property
    def cancels(self) -> bytes:
        """The raw JSON id that a notifications/cancelled names."""
    @property
    def asking(self) -> bool:
        """Whether any of the next seven says something."""
    @property
    def asks(self) -> list[Ask]:
        """What the client must be asked before the call goes on."""
    @property
    def answers(self) -> list[Answer]:
        """What the client says to what it was asked."""
    @property
    def watches(self) -> list[Watch]:
        """Resources whose changes the client wants to hear of, or no longer."""
    @property
    def back(self) -> bytes:
        """What the server is told at once."""
    @property
    def handle(self) -> int:
        """What names the call that is parked or goes on, good for once; else 0."""
    @property
    def again(self) -> bool:
        """Whether the server must be called again with the answers to `asks`."""
    @property
    def state(self) -> bytes:
        """What the server wants back with the answers, as a JSON string; empty for nothing."""
    @property
    def final(self) -> bool:
        """Whether a reviewed message is the last of its exchange."""
    @property
    def reason(self) -> str: ...
    @property
    def event(self) -> str: ...
    @property
    def retryable(self) -> bool: ...

@final
class Address:
    """Whose a message from a server is.

    Kinds: 0 unreadable, 1 reply, 2 progress, 3 notice, 4 request, 5 a resource changed.
    `id` is the upstream id, also of a reply that could not be read (-1 when it is not one of
    ours), 0 for a ping among requests, or, for a notice, the bits of the lists that changed, 8 for
    a log message, 0 for anything else. `body` answers a request, or is the URI of the resource
    that changed.
    """

    @property
    def kind(self) -> int: ...
    @property
    def id(self) -> int: ...
    @property
    def body(self) -> bytes: ...

@final
class Swap:
    """What a swap changed."""

    @property
    def generation(self) -> int: ...
    @property
    def changed(self) -> int: ...
    @property
    def problems(self) -> list[str]: ...
    @property
    def tools(self) -> int: ...
    @property
    def prompts(self) -> int: ...
    @property
    def resources(self) -> int: ...
    @property
    def templates(self) -> int: ...

@final
class Gate:
    """The judge: reads each message once against the current snapshot."""

    def __new__(cls, key: bytes, previous: bytes | None, seed: bytes, node: str) -> Gate: ...
    def swap(self, document: bytes) -> Swap:
        """Build a snapshot and make it current; raise SnapshotError and keep the old one."""
    def catalog(self) -> bytes:
        """Return the entries as JSON: kind, name, server, own, title, description."""
    def marks(self) -> bytes:
        """Return what was found on entries as JSON: server, kind, name, rule, quarantined, text."""
    def faults(self) -> bytes:
        """Return as JSON how many replies of each server could not be passed on."""
    def align(self, wall_ns: int, now: int) -> None:
        """Tie the monotonic clock to the wall clock for the times in events."""
    def find_caller(self, session_id: str, principal: str, now: int) -> Caller | None: ...
    def end_session(self, session_id: str, principal: str, now: int) -> bool: ...
    def new_caller(self, principal: str, modern: bool) -> Caller: ...
    def inspect(self, raw: bytes, caller: Caller, head: Head | None, now: int) -> Verdict: ...
    def review(self, raw: bytes, ticket: Ticket, now: int) -> Verdict: ...
    def fail(self, ticket: Ticket, reason: str, now: int) -> Verdict: ...
    def refuse(self, reason: str, principal: str, now: int) -> Verdict: ...
    def cancel(self, ticket: Ticket) -> bytes: ...
    def park(self, ticket: Ticket, members: bytes, now: int) -> Verdict:
        """Build the reply that parks a call: `members` are input requests, `"name":{...},...`."""
    def retry(self, body: bytes, ticket: Ticket, members: bytes, state: bytes) -> bytes:
        """Build the request of a ticket once more, with the answers to input requests.

        The ticket gets another upstream id. Empty if `body` is no request.
        """
    def close(self, ticket: Ticket, outcome: int, now: int) -> bool: ...
    def drain(self) -> bytes: ...
    def issue_id(self) -> int: ...
    def address(self, raw: bytes) -> Address: ...

@final
class SseCutter:
    """Cut a text/event-stream into the data of its events, whatever the chunks."""

    def __new__(cls, limit_bytes: int) -> SseCutter: ...
    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of each event completed by `chunk`; raise ValueError over the limit."""
    @property
    def last_id(self) -> str: ...
    @property
    def retry_ms(self) -> int: ...

@final
class LineCutter:
    """Cut a byte stream into lines; an over-long line is skipped to its end."""

    def __new__(cls, limit_bytes: int) -> LineCutter: ...
    def feed(self, chunk: bytes) -> list[bytes]: ...
    def take_overlong(self) -> list[bytes]:
        """Return the two ends, joined, of each over-long line that ended since the last time."""

@final
class AppendFile:
    """A file that is only appended to; a write keeps the GIL: the loop waits for it anyway."""

    def __new__(cls, path: str) -> AppendFile:
        """Open an existing file; raise OSError."""
    def write(self, data: bytes) -> int:
        """Write once and return how many bytes the kernel took; raise OSError."""
    def sync(self) -> None:
        """Push what was written to the disk; raise OSError."""

def reasons() -> list[tuple[str, int, int, str, bool, str]]:
    """List every reason: name, JSON-RPC code, HTTP status, side, retryable, text."""

def declare(capabilities: int) -> bytes:
    """Return the JSON object that declares these bits of what a client can do."""

def fingerprint(definition: bytes) -> str | None:
    """Return a definition's SHA-256 in hex, None if it is unreadable.

    It is made of the canonical JSON: key order, blanks and spelling make no difference.
    """

def rules() -> list[tuple[str, bool, str]]:
    """List the rules that entries are judged by: id, whether it quarantines, what it finds."""

def split(raw: bytes, most: int) -> list[bytes] | None:
    """Cut a batch into its messages; None for what is no array of one to `most` values."""
