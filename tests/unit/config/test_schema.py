"""The JSON Schema that editors use is kept in step with the Structs."""

import json
from pathlib import Path

import pytest

from mcpgate.config.schema import render_schema

COMMITTED = Path(__file__).resolve().parents[3] / "docs/reference/config.schema.json"


@pytest.mark.requirement("R-CONFIG")
def test_the_committed_schema_is_current() -> None:
    assert COMMITTED.read_text() == render_schema(), "run `make docs`"


@pytest.mark.requirement("R-CONFIG")
def test_every_setting_is_described() -> None:
    parts = json.loads(render_schema())["$defs"]
    assert not [
        f"{part}.{name}"
        for part, shape in parts.items()
        for name, setting in shape["properties"].items()
        if not setting.get("description")
    ]


@pytest.mark.requirement("R-CONFIG")
def test_the_schema_refuses_unknown_keys() -> None:
    parts = json.loads(render_schema())["$defs"]
    assert all(shape["additionalProperties"] is False for shape in parts.values())
