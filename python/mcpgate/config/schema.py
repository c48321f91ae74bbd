"""The JSON Schema of the configuration, for editors and for the reference."""

import json
from typing import Final

import msgspec

from mcpgate.config.model import Config

SCHEMA_URL: Final = "https://json-schema.org/draft/2020-12/schema"


def render_schema() -> str:
    """Write the schema as docs/reference/config.schema.json holds it."""
    schema = {"$schema": SCHEMA_URL, "title": "mcpgate.yaml", **msgspec.json.schema(Config)}
    for part in schema["$defs"].values():
        part["additionalProperties"] = False
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
