"""Typed face of the gate; the only importer of the compiled core."""

from typing import Final

from mcpgate._core import (
    Address,
    AppendFile,
    Caller,
    Gate,
    Head,
    LineCutter,
    SnapshotError,
    SseCutter,
    Swap,
    Ticket,
    Verdict,
    fingerprint,
    reasons,
    rules,
)

__all__ = [
    "ABANDONED",
    "ANSWER",
    "CANCELLED",
    "DEADLINE",
    "DONE",
    "FAILED",
    "FORWARD",
    "LISTS",
    "LOG",
    "LOST",
    "NOTICE",
    "PROGRESS",
    "PROMPTS",
    "REASONS",
    "REFUSE",
    "REPLY",
    "REQUEST",
    "RESOURCES",
    "TOOLS",
    "UNREADABLE",
    "Address",
    "AppendFile",
    "Caller",
    "Gate",
    "Head",
    "LineCutter",
    "SnapshotError",
    "SseCutter",
    "Swap",
    "Ticket",
    "Verdict",
    "fingerprint",
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

TOOLS: Final = 1
PROMPTS: Final = 2
RESOURCES: Final = 4
LISTS: Final = TOOLS | PROMPTS | RESOURCES
LOG: Final = 8

REASONS: Final = {row[0]: row[1:] for row in reasons()}
"""Reason -> (JSON-RPC code, HTTP status, side, retryable, text); the one error table."""
