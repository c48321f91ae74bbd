"""Typed face of the gate; the only importer of the compiled core."""

from typing import Final

from mcpgate._core import (
    Address,
    Answer,
    AppendFile,
    Ask,
    Caller,
    Gate,
    Head,
    LineCutter,
    SnapshotError,
    SseCutter,
    Swap,
    Ticket,
    Verdict,
    Watch,
    declare,
    fingerprint,
    reasons,
    rules,
    split,
)

__all__ = [
    "ABANDONED",
    "ANSWER",
    "BATCHED",
    "BATCH_MESSAGES",
    "CANCELLED",
    "DEADLINE",
    "DONE",
    "FAILED",
    "FORWARD",
    "LISTS",
    "LOG",
    "LOST",
    "NOTICE",
    "PING",
    "PROGRESS",
    "PROMPTS",
    "REASONS",
    "REFUSE",
    "REPLY",
    "REQUEST",
    "RESOURCES",
    "TOOLS",
    "UNREADABLE",
    "UPDATED",
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
    "cut_batch",
    "declare",
    "fingerprint",
    "is_array",
    "rules",
]

FORWARD: Final = 0
ANSWER: Final = 1
REFUSE: Final = 2
DONE: Final = 3
FAILED: Final = 4
CANCELLED: Final = 5
ABANDONED: Final = 6
DEADLINE: Final = 7
LOST: Final = 8

UNREADABLE: Final = 0
REPLY: Final = 1
PROGRESS: Final = 2
NOTICE: Final = 3
REQUEST: Final = 4
UPDATED: Final = 5

TOOLS: Final = 1
PROMPTS: Final = 2
RESOURCES: Final = 4
LISTS: Final = TOOLS | PROMPTS | RESOURCES
LOG: Final = 8
PING: Final = 0
"""The id of a server's own request that is answered at once."""

REASONS: Final = {row[0]: row[1:] for row in reasons()}
"""Reason -> (JSON-RPC code, HTTP status, side, retryable, text); the one error table."""

BATCHED: Final = "2025-03-26"
"""The one revision in which messages come in arrays."""
BATCH_MESSAGES: Final = 50
"""The most messages of one batch."""
_BLANKS: Final = b" \t\r\n"


def is_array(raw: bytes) -> bool:
    """Say whether this can only be an array, if it is JSON at all."""
    first = raw[:1]
    return first == b"[" or (first != b"{" and raw.lstrip(_BLANKS)[:1] == b"[")


def cut_batch(raw: bytes) -> list[bytes] | None:
    """Cut a batch into its messages, without blanks around; None for what is no batch."""
    return split(raw, BATCH_MESSAGES) if is_array(raw) else None
