"""Each promise of the project: id, text and where it comes from; tests name the id they hold to."""

from dataclasses import dataclass
from typing import Final

MCP: Final = "https://modelcontextprotocol.io/specification"
JOB: Final = "issue 3"
FIREWALL: Final = "issue 4"
FIVE: Final = "issue 5"


@dataclass(frozen=True)
class Requirement:
    """A promise, its source, and where we knowingly differ from that source."""

    id: str
    text: str
    source: str
    divergence: str = ""


REQUIREMENTS: Final = (
    Requirement("R-RUN", "One command starts the quickstart, Ctrl-C ends it, no orphan", JOB),
    Requirement("R-LAYOUT", "Imports point down; only gate.py knows the compiled core", JOB),
    Requirement("R-SHAPE", "Files, functions and suppressions stay small and few", JOB),
    Requirement("R-PATH", "Each exchange is inspected, carried, reviewed and closed once", JOB),
    Requirement("R-SPLICE", "What the gate does not have to change survives byte for byte", JOB),
    Requirement(
        "R-FRONT",
        "Both eras are served over Streamable HTTP on one endpoint",
        f"{MCP}/2026-07-28/basic/transports",
    ),
    Requirement(
        "R-BATCH",
        "Batches of at most 50 messages, each judged, limited and recorded by itself",
        f"{MCP}/2025-03-26/basic",
    ),
    Requirement(
        "R-STATUS",
        "Each HTTP status is the one the specification names",
        f"{MCP}/2025-11-25/basic/transports",
    ),
    Requirement(
        "R-HEADERS",
        "Mirrored headers are mandatory and must agree with the body",
        f"{MCP}/2026-07-28/basic/transports",
    ),
    Requirement(
        "R-HOST",
        "A foreign Host or Origin is refused",
        f"{MCP}/2025-11-25/basic/transports",
    ),
    Requirement("R-LISTEN-WS", "Clients come by WebSocket under the rules of HTTP clients", FIVE),
    Requirement("R-LISTEN-SSE", "Clients come by HTTP+SSE under the rules of HTTP clients", FIVE),
    Requirement("R-TLS", "TLS is served; a changed certificate is taken up", JOB),
    Requirement("R-LINK-HTTP", "HTTP links are warm, pooled, verified and follow no redirect", JOB),
    Requirement("R-LINK-STDIO", "Lines of any length pass; one bad line harms no other", JOB),
    Requirement("R-LINK-SSE", "HTTP+SSE servers are called; one stream, one origin", FIVE),
    Requirement("R-LINK-WS", "WebSocket servers are called; one message per text message", FIVE),
    Requirement("R-LINK-KEYS", "Who needs a link of its own to a server gets one, bounded", FIVE),
    Requirement("R-ATTRIBUTION", "What a server asks reaches the one client it concerns", FIVE),
    Requirement("R-HEAL", "A lost link is replaced within the call; nothing is run twice", FIVE),
    Requirement("R-ERA", "A server's era is found once and kept", JOB),
    Requirement("R-CATALOG", "All entries of all servers are in one complete, stable list", JOB),
    Requirement("R-NAMES", "Names are joined injectively and resolved by look-up", JOB),
    Requirement("R-LISTS", "Lists and handshakes are answered without calling a server", JOB),
    Requirement("R-CHANGED", "A changed list is fetched again and clients hear of it", JOB),
    Requirement("R-SNAPSHOT", "A broken snapshot is refused with its problems; the old stays", JOB),
    Requirement("R-RELOAD", "A reload leaves requests in flight untouched", JOB),
    Requirement("R-CLI", "Commands teach, speak JSON and end with documented codes", JOB),
    Requirement("R-CONFIG", "The configuration is typed; a problem names file, line and path", JOB),
    Requirement("R-IMPORT", "A plain mcpServers file is accepted as it is", JOB),
    Requirement("R-SECRET", "Secrets come by reference and are never shown", JOB),
    Requirement("R-STORE", "State is one SQLite file in a private directory", JOB),
    Requirement("R-CONTROL", "The command line reaches the gateway by one unix socket", JOB),
    Requirement("R-EVENT", "Each verdict and each end is in the trail before the reply", JOB),
    Requirement("R-EXPLAIN", "One event id explains everything", JOB),
    Requirement("R-ERRORS", "Each fault has one clear answer in bounded time", JOB),
    Requirement("R-BENCH", "Each bench checks the replies that it measures", JOB),
    Requirement("R-FIGURES", "Figures are printed against their bars and fail when short", JOB),
    Requirement("R-PEERS", "Official clients list and call through the gateway", JOB),
    Requirement(
        "R-CONFORMANCE",
        "The official suite has the same verdicts through the gateway as without it",
        FIVE,
    ),
    Requirement("R-SSE", "Streams are cut, kept open and ended as the protocol says", JOB),
    Requirement("R-RESUME", "A lost stream is resumed; nothing is missed, nothing twice", FIVE),
    Requirement("R-STDIO", "A client reaches the gateway by stdio as it does by HTTP", "issue 5"),
    Requirement("R-BRIDGE", "A server's request reaches the client of its call only", "issue 5"),
    Requirement("R-MATRIX", "Any client works with any server, or is told that it cannot", FIVE),
    Requirement("R-WATCH", "Changes of a watched resource reach who watches it", "issue 5"),
    Requirement("R-STDIO-LIFE", "Children are supervised and leave no process behind", JOB),
    Requirement("R-SESSION", "A session lives, ends and expires as the protocol says", JOB),
    Requirement("R-SEAL", "Ids that we hand out cannot be forged or swapped", JOB),
    Requirement("R-STRICT", "A message that readers could disagree on is refused", JOB),
    Requirement("R-CANCEL", "A cancelled exchange is cancelled at its server", JOB),
    Requirement("R-LEAK", "Memory and descriptors do not grow with calls", JOB),
    Requirement("R-CLOSE", "A ticket is closed exactly once, whatever happened", JOB),
    Requirement("R-FIREWALL", "Checks are set for all, a server or a tool, by reload", FIREWALL),
    Requirement("R-READING", "Every reader understands an accepted message alike", FIREWALL),
    Requirement("R-SCHEMA", "Arguments are held to the tool's own schema before a call", FIREWALL),
    Requirement("R-TEACH", "Refused arguments come back with what to do instead", FIREWALL),
    Requirement("R-RESULTS", "Results are held to outputSchema; secrets in them stop", FIREWALL),
    Requirement("R-SCREEN", "A hostile definition is quarantined, all others live", FIREWALL),
    Requirement("R-PINS", "A definition changed after approval waits for the operator", FIREWALL),
)

IDS: Final = frozenset(requirement.id for requirement in REQUIREMENTS)
