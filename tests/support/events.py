"""What a gateway has recorded so far."""

import json
from pathlib import Path

from mcpgate.app import Gateway


def read_events(gateway: Gateway, kind: str) -> list[dict[str, object]]:
    """Return the verdicts or the ends of exchanges, oldest first."""
    assert gateway.core is not None
    gateway.core.record()
    files = sorted(Path(gateway.state_dir, "events").iterdir())
    lines = [line for file in files for line in file.read_text().splitlines()]
    return [event for event in map(json.loads, lines) if event["kind"] == kind]
