"""What two other judges of JSON Schemas say, and where they and ours may differ.

`python -m tests.support.schema_opinions 100000` compares that many generated pairs.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import jsonschema_rs

from tests.support.schema_judge import find_judge, judge
from tests.support.schema_pairs import Pair, Schema, make_pairs

PER_SCHEMA = 8
PER_ROUND = 500
EXACT = 2**53


@dataclass(frozen=True)
class Difference:
    """One pair on which the judges do not agree."""

    draft: str
    schema: Schema
    instance: object
    ours: Any
    rust: Any
    python: Any
    name: str = "unexplained"
    clause: str = ""

    def explain(self) -> str | None:
        """Name the known difference this one is a case of."""
        text = json.dumps(self.schema)
        others_agree = self.rust == self.python
        if not others_agree and self.ours == self.rust and ("\\\\w" in text or "\\\\d" in text):
            return "ascii-classes"
        if '"multipleOf"' in text and has_large_number(self.instance):
            return (
                "multiples-of-large-integers" if self.ours != self.rust else "multiples-of-floats"
            )
        return None


def has_large_number(value: object) -> bool:
    """Tell whether a number within the value is beyond what a double holds exactly."""
    if isinstance(value, dict):
        return any(has_large_number(inner) for inner in value.values())
    if isinstance(value, list):
        return any(has_large_number(inner) for inner in value)
    return isinstance(value, int | float) and abs(value) > EXACT


# Each difference found, with the clause of the specification that decides it.
KNOWN = [
    Difference(
        draft="draft2020-12",
        schema={"pattern": "^\\w*$"},
        instance="grün",
        ours=False,
        rust=False,
        python=True,
        name="ascii-classes",
        clause="Core 6.4: patterns are ECMA-262, whose \\w and \\d are ASCII; Python's are not",
    ),
    Difference(
        draft="draft2020-12",
        schema={"multipleOf": 1.5},
        instance=1e20,
        ours=False,
        rust=False,
        python=True,
        name="multiples-of-floats",
        clause="Validation 6.2.1: division gives an integer; Python divides in doubles",
    ),
    Difference(
        draft="draft2020-12",
        schema={"multipleOf": 1.5},
        instance=2**53 + 1,
        ours=False,
        rust=True,
        python=True,
        name="multiples-of-large-integers",
        clause="Validation 6.2.1 says valid: ours reads an integer beyond 2^53 as a double where "
        "multipleOf is no integer; Core 6.4.2 allows that limit, and it refuses",
    ),
]


def ask_rust(schema: Schema, instances: list[object]) -> list[bool] | str:
    """Ask PyPI's jsonschema-rs."""
    try:
        validator = jsonschema_rs.validator_for(schema, validate_formats=False)
    except (ValueError, jsonschema_rs.ValidationError) as error:
        return str(error)
    return [validator.is_valid(instance) for instance in instances]


def ask_python(schema: Schema, instances: list[object]) -> list[bool | None] | str:
    """Ask PyPI's jsonschema; it has no opinion where it fails."""
    kind = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        return str(error.message)
    validator = kind(schema)
    return [has_opinion(validator, instance) for instance in instances]


def has_opinion(validator: jsonschema.protocols.Validator, instance: object) -> bool | None:
    """Ask for one verdict; `additionalItems` beside boolean `items` fails there."""
    try:
        return bool(validator.is_valid(instance))
    except TypeError:
        return None


def find_differences(program: Path, pairs: list[Pair]) -> Iterator[Difference]:
    """Compare the three on every pair."""
    answers = judge(program, [(schema, instances) for _, schema, instances in pairs])
    for (draft, schema, instances), ours in zip(pairs, answers, strict=True):
        rust, python = ask_rust(schema, instances), ask_python(schema, instances)
        if isinstance(ours, dict) or isinstance(rust, str) or isinstance(python, str):
            if not (isinstance(ours, dict) and isinstance(rust, str) and isinstance(python, str)):
                yield Difference(draft, schema, None, ours, rust, python)
            continue
        for place, instance in enumerate(instances):
            said = (ours[place], rust[place], python[place])
            if len({verdict for verdict in said if verdict is not None}) != 1:
                yield Difference(draft, schema, instance, *said)


def main() -> int:
    """Compare as many generated pairs as the command line says."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    program, counts = (
        find_judge(),
        dict.fromkeys([known.name for known in KNOWN] + ["unexplained"], 0),
    )
    for seed in range(max(1, wanted // (PER_SCHEMA * PER_ROUND))):
        for difference in find_differences(program, make_pairs(seed, PER_ROUND, PER_SCHEMA)):
            name = difference.explain() or "unexplained"
            counts[name] += 1
            if name == "unexplained":
                print(json.dumps(difference.__dict__, ensure_ascii=False))
    print(f"{wanted} pairs: {counts}", file=sys.stderr)
    return 1 if counts["unexplained"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
