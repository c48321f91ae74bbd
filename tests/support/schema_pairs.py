"""Schemas and instances made up from a seed: every keyword, nested, with references."""

import random
from typing import Any

DRAFTS = {
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
NAMES = ["a", "b", "c", "ab", "grün", "x-1", "", "a/b~c"]
TEXTS = ["", "a", "ab", "abc", "grün", "🦀", "🦀🦀", "e\u0301", "2020-01-01", "a\nb", '"', "A1"]
NUMBERS: list[Any] = [
    0, 1, -1, 2, 3, 10, 0.0, 1.0, 0.5, 1.5, -0.0, 1e2, 1e-2, 0.1, 0.3, 4.5,
    2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1, 1e20,
]  # fmt: skip
PATTERNS = [
    "^a",
    "b$",
    "^[a-z]+$",
    "[0-9]",
    "^.{2}$",
    "\\d",
    "^\\w*$",
    "ü",
    "^(a|b)*$",
    "(?=a)ab",
    "x-",
]
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
SHARED = ["one", "two", "three"]
Schema = dict[str, Any] | bool
Pair = tuple[str, Schema, list[object]]


class Maker:
    """Makes schemas of one draft and instances that come near to fitting them."""

    def __init__(self, seed: int, draft: str) -> None:
        """Start from a seed."""
        self.dice = random.Random(seed)
        self.draft = draft
        self.newer = draft != "draft7"

    def schema(self) -> dict[str, Any]:
        """Make a whole schema with its shared definitions."""
        whole = self.part(3)
        while not isinstance(whole, dict):
            whole = self.part(3)
        where = "$defs" if self.newer else "definitions"
        # A shared schema refers only to later ones in place, and to any below; nothing is endless.
        whole[where] = {name: self.shared(place) for place, name in enumerate(SHARED)}
        whole["$schema"] = DRAFTS[self.draft]
        return whole

    def shared(self, place: int) -> dict[str, Any]:
        """Make a schema that others refer to."""
        if place == len(SHARED) - 1:
            return self.plain()
        body = self.plain()
        if self.dice.random() < 0.5:
            below = {"$ref": self.reference(self.dice.choice(SHARED))}
            body.update(
                self.dice.choice([{"properties": {"a": below}}, {"additionalProperties": below}])
            )
        if self.dice.random() < 0.3:
            body["allOf"] = [{"$ref": self.reference(SHARED[place + 1])}]
        return body

    def reference(self, name: str) -> str:
        """Name a shared schema."""
        return f"#/{'$defs' if self.newer else 'definitions'}/{name}"

    def part(self, depth: int) -> Schema:
        """Make a schema at most `depth` levels deep."""
        if self.dice.random() < 0.07:
            return self.dice.random() < 0.6
        if depth == 0:
            return self.plain()
        body: dict[str, Any] = self.plain() if self.dice.random() < 0.6 else {}
        makers = [self.objects, self.arrays, self.joined, self.joined]
        for maker in self.dice.sample(makers, self.dice.randint(0, 2)):
            body.update(maker(depth - 1))
        if self.dice.random() < 0.15:
            body["$ref"] = self.reference(self.dice.choice(SHARED))
        return body

    def plain(self) -> dict[str, Any]:
        """Make a schema without subschemas."""
        pick = self.dice.choice
        small = self.dice.randint(0, 4)
        options: list[dict[str, Any]] = [
            {"type": pick(TYPES)},
            {"type": self.dice.sample(TYPES, self.dice.randint(1, 4))},
            {"enum": [self.value(1) for _ in range(self.dice.randint(1, 4))]},
            {"const": self.value(1)},
            {"minimum": pick(NUMBERS)},
            {"maximum": pick(NUMBERS)},
            {"exclusiveMinimum": pick(NUMBERS)},
            {"exclusiveMaximum": pick(NUMBERS)},
            {"multipleOf": pick([1, 2, 3, 0.5, 0.1, 0.01, 1.5, 2**53])},
            {"minLength": small},
            {"maxLength": small},
            {"pattern": pick(PATTERNS)},
            {"minItems": small},
            {"maxItems": small},
            {"uniqueItems": pick([True, True, False])},
            {"minProperties": small},
            {"maxProperties": small},
            {"required": self.dice.sample(NAMES, self.dice.randint(0, 3))},
            {"format": pick(["date", "email", "unheard-of"])},
        ]
        body: dict[str, Any] = {}
        for option in self.dice.sample(options, self.dice.randint(0, 3)):
            body.update(option)
        return body

    def objects(self, depth: int) -> dict[str, Any]:
        """Make the keywords for members."""
        few = self.dice.sample(NAMES, self.dice.randint(1, 3))
        options: list[dict[str, Any]] = [
            {"properties": {name: self.part(depth) for name in few}},
            {"properties": {name: self.part(depth) for name in few}},
            {"patternProperties": {self.dice.choice(PATTERNS): self.part(depth)}},
            {"additionalProperties": self.part(depth)},
            {"propertyNames": self.part(0)},
        ]
        if self.newer:
            options += [
                {"unevaluatedProperties": self.part(depth)},
                {"unevaluatedProperties": False},
                {"dependentRequired": {few[0]: self.dice.sample(NAMES, 1)}},
                {"dependentSchemas": {few[0]: self.part(depth)}},
            ]
        else:
            options.append({"dependencies": {few[0]: self.part(depth), few[-1]: ["a"]}})
        return self.some(options)

    def arrays(self, depth: int) -> dict[str, Any]:
        """Make the keywords for items."""
        contains: dict[str, Any] = {"contains": self.part(depth)}
        options: list[dict[str, Any]] = [{"items": self.part(depth)}, contains]
        if self.newer:
            contains["minContains"] = self.dice.randint(0, 2)
            if self.dice.random() < 0.5:
                contains["maxContains"] = self.dice.randint(1, 3)
            options += [
                {"prefixItems": [self.part(depth) for _ in range(self.dice.randint(1, 3))]},
                {"unevaluatedItems": self.part(depth)},
                {"unevaluatedItems": False},
            ]
        else:
            tuple_items = [self.part(depth) for _ in range(self.dice.randint(1, 3))]
            options.append({"items": tuple_items, "additionalItems": self.part(depth)})
        return self.some(options)

    def joined(self, depth: int) -> dict[str, Any]:
        """Make the keywords that judge the same place."""
        several = [self.part(depth) for _ in range(self.dice.randint(1, 3))]
        options: list[dict[str, Any]] = [
            {self.dice.choice(["allOf", "anyOf", "oneOf"]): several},
            {"not": self.part(depth)},
            {"if": self.part(depth), "then": self.part(depth), "else": self.part(depth)},
        ]
        return self.some(options)

    def some(self, options: list[dict[str, Any]]) -> dict[str, Any]:
        """Choose some of the keywords."""
        body: dict[str, Any] = {}
        for option in self.dice.sample(options, self.dice.randint(1, min(3, len(options)))):
            body.update(option)
        return body

    def value(self, depth: int) -> object:
        """Make any value."""
        kind = self.dice.randint(0, 9)
        if depth > 0 and kind < 3:
            return {
                name: self.value(depth - 1)
                for name in self.dice.sample(NAMES, self.dice.randint(0, 4))
            }
        if depth > 0 and kind < 6:
            return [self.value(depth - 1) for _ in range(self.dice.randint(0, 5))]
        return self.dice.choice(
            [self.dice.choice(TEXTS), self.dice.choice(NUMBERS), None, True, False]
        )

    def near(self, schema: object, depth: int) -> object:
        """Make a value that follows some of what the schema says."""
        if not isinstance(schema, dict) or depth == 0 or self.dice.random() < 0.25:
            return self.value(2)
        allowed = schema.get("enum", [schema["const"]] if "const" in schema else [])
        if allowed and self.dice.random() < 0.5:
            return self.dice.choice(allowed)
        return self.near_within(schema, depth)

    def near_within(self, schema: dict[str, Any], depth: int) -> object:
        """Make a value from what the schema says of members and items."""
        known: dict[str, Any] = schema.get("properties", {})
        if known and self.dice.random() < 0.8:
            made = {
                name: self.near(part, depth - 1)
                for name, part in known.items()
                if self.dice.random() < 0.8
            }
            made.update(
                {name: self.value(1) for name in schema.get("required", []) if name not in made}
            )
            return made
        items = schema.get("prefixItems", schema.get("items", schema.get("contains")))
        if items is not None and self.dice.random() < 0.8:
            parts = items if isinstance(items, list) else [items] * self.dice.randint(0, 4)
            return [self.near(part, depth - 1) for part in parts]
        for name in ("allOf", "anyOf", "oneOf"):
            if name in schema and self.dice.random() < 0.7:
                return self.near(self.dice.choice(schema[name]), depth - 1)
        return self.value(2)


def make_pairs(seed: int, schemas: int, instances: int) -> list[Pair]:
    """Make schemas of both drafts, each with its instances."""
    made: list[Pair] = []
    for number in range(schemas):
        draft = list(DRAFTS)[number % 2]
        maker = Maker(seed * 1_000_003 + number, draft)
        schema = maker.schema()
        made.append((draft, schema, [maker.near(schema, 4) for _ in range(instances)]))
    return made
