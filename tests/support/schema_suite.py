"""The official JSON Schema Test Suite, as our judge is held to it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DIALECTS = {"draft7": "http://json-schema.org/draft-07/schema#", "draft2020-12": None}
# Documents that the suite serves beside a schema. Nothing is fetched, so a schema that needs one
# is a fault: of its reference, or of its dialect where `$schema` names one.
SERVED = "localhost:1234"
REMOTE_RULES = {"schema_reference", "schema_dialect"}


@dataclass(frozen=True)
class Group:
    """One schema of the suite with its instances and their verdicts."""

    name: str
    schema: Any
    instances: list[Any]
    verdicts: list[bool]

    @property
    def is_remote(self) -> bool:
        """Tell whether the schema names a document that the suite serves beside it."""
        return SERVED in json.dumps(self.schema)


def load_groups(suite: Path, draft: str) -> Iterator[Group]:
    """Load the groups that every validator must pass; `optional` holds formats and the like."""
    dialect = DIALECTS[draft]
    for path in sorted((suite / draft).glob("*.json")):
        for group in json.loads(path.read_text(encoding="utf-8")):
            schema, tests = group["schema"], group["tests"]
            if dialect and isinstance(schema, dict):
                schema = {"$schema": dialect, **schema}
            yield Group(
                name=f"{path.stem}: {group['description']}",
                schema=schema,
                instances=[test["data"] for test in tests],
                verdicts=[test["valid"] for test in tests],
            )
