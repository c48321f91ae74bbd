"""Compare a document with the Structs and list everything that does not fit, not only the first.

Rules: the Structs say what is allowed (`msgspec.inspect`), nothing is written twice here; the rules
of a Struct run as soon as that Struct fits by itself: shape and meaning are reported together.
"""

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Final, TypeVar, final

import msgspec
from msgspec import inspect

from mcpgate.config.document import Problem, Value, Where

Rules = Callable[[msgspec.Struct], Iterator[Problem]]
"""What a Struct that fits must obey besides; paths are within the Struct."""

Found = TypeVar("Found", bound=msgspec.Struct)

_SAID: Final = 60


def nearest(word: str, known: list[str]) -> str:
    """Return the hint `; did you mean "x"?`, or nothing."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f'; did you mean "{found[0]}"?' if found else ""


def fit(value: Value, kind: type[Found], rules: Rules) -> tuple[Found | None, list[Problem]]:
    """Make a Struct of a value, or say everything that is wrong with it."""
    walker = _Walker(rules)
    shape = inspect.type_info(kind)
    walker.check(value, shape, ())
    if walker.problems:
        return None, walker.problems
    return msgspec.convert(value, kind), []


def count_settings(kind: type[msgspec.Struct]) -> int:
    """Count the things that can be set: the leaves of the configuration."""
    return _count(inspect.type_info(kind))


def _count(shape: inspect.Type) -> int:
    shape = _strip(shape)
    if isinstance(shape, inspect.StructType):
        return sum(_count(field.type) for field in shape.fields)
    if isinstance(shape, inspect.VarTupleType):
        return _count(shape.item_type)
    return 1


def _strip(shape: inspect.Type) -> inspect.Type:
    """Take away descriptions and `| None`."""
    while isinstance(shape, inspect.Metadata):
        shape = shape.type
    if isinstance(shape, inspect.UnionType):
        kept = [kind for kind in shape.types if not isinstance(kind, inspect.NoneType)]
        return _strip(kept[0])
    return shape


def _is_optional(shape: inspect.Type) -> bool:
    while isinstance(shape, inspect.Metadata):
        shape = shape.type
    if isinstance(shape, inspect.UnionType):
        return any(isinstance(kind, inspect.NoneType) for kind in shape.types)
    return isinstance(shape, inspect.NoneType)


@final
class _Walker:
    def __init__(self, rules: Rules) -> None:
        self.problems: list[Problem] = []
        self._rules = rules

    def check(self, value: Value, shape: inspect.Type, path: Where) -> None:
        if value is None and _is_optional(shape):
            return
        shape = _strip(shape)
        if isinstance(shape, inspect.StructType):
            self._check_struct(value, shape, path)
        elif isinstance(shape, inspect.VarTupleType):
            self._check_list(value, shape, path)
        elif isinstance(shape, inspect.DictType):
            self._check_dict(value, shape, path)
        elif fault := _check_scalar(value, shape):
            self._add(path, fault)

    def _add(self, path: Where, text: str) -> None:
        self.problems.append(Problem(path, text))

    def _check_struct(self, value: Value, shape: inspect.StructType, path: Where) -> None:
        if not isinstance(value, dict):
            self._add(path, f"{say(value)} where keys are expected: {_names(shape)}")
            return
        before = len(self.problems)
        known = [field.name for field in shape.fields]
        for key in value.keys() - set(known):
            hint = nearest(key, known)
            self._add((*path, key), f"unknown key{hint or '; allowed: ' + ', '.join(known)}")
        for field in shape.fields:
            if field.name in value:
                self.check(value[field.name], field.type, (*path, field.name))
            elif field.required:
                self._add(path, f"{field.name} is missing; {_expected(_strip(field.type))}")
        if len(self.problems) == before:
            for problem in self._rules(msgspec.convert(value, shape.cls)):
                self._add((*path, *problem.path), problem.text)

    def _check_list(self, value: Value, shape: inspect.VarTupleType, path: Where) -> None:
        if not isinstance(value, list):
            got = "a text" if isinstance(value, str) else say(value)
            things = isinstance(_strip(shape.item_type), inspect.StructType)
            how = 'each item begins with "- name: "' if things else 'write ["one", "two"]'
            self._add(path, f"{got} where a list is expected; {how}")
            return
        if shape.min_length is not None and len(value) < shape.min_length:
            self._add(path, f"needs at least {shape.min_length} item")
        for index, item in enumerate(value):
            self.check(item, shape.item_type, (*path, index))

    def _check_dict(self, value: Value, shape: inspect.DictType, path: Where) -> None:
        if not isinstance(value, dict):
            self._add(path, f"{say(value)} where name: value pairs are expected")
            return
        for key, item in value.items():
            if fault := _check_scalar(key, _strip(shape.key_type)):
                self._add((*path, key), fault)
            if isinstance(item, bool | int | float):  # perhaps a secret: never shown
                self._add((*path, key), "not a text; write it in quotes")
            else:
                self.check(item, shape.value_type, (*path, key))


def say(value: Value) -> str:
    """Name a value in an error sentence; long text is cut."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= _SAID else f'"{value[:_SAID]}..."'
    return str(value)


def _names(shape: inspect.StructType) -> str:
    return ", ".join(field.name for field in shape.fields)


def _expected(shape: inspect.Type) -> str:
    if isinstance(shape, inspect.LiteralType):
        return "allowed: " + ", ".join(str(value) for value in shape.values)
    if isinstance(shape, inspect.StrType):
        return f"text like {shape.pattern}" if shape.pattern else "give a text"
    return "give a value"


def _check_scalar(value: Value, shape: inspect.Type) -> str:
    """Return what is wrong with a scalar, or nothing."""
    if isinstance(shape, inspect.LiteralType):
        return _check_choice(value, [str(choice) for choice in shape.values])
    if isinstance(shape, inspect.StrType):
        return _check_text(value, shape)
    if isinstance(shape, inspect.BoolType):
        return "" if isinstance(value, bool) else f"{say(value)} where true or false is expected"
    if isinstance(shape, inspect.IntType | inspect.FloatType):
        return _check_number(value, shape)
    raise TypeError(f"no check for {shape}")


def _check_choice(value: Value, allowed: list[str]) -> str:
    if isinstance(value, str) and value in allowed:
        return ""
    hint = nearest(value, allowed) if isinstance(value, str) else ""
    return f"{say(value)} is not allowed{hint or '; allowed: ' + ', '.join(allowed)}"


def _check_text(value: Value, shape: inspect.StrType) -> str:
    if not isinstance(value, str):
        plain = isinstance(value, bool | int | float)
        hint = f'; write "{say(value)}" in quotes' if plain else ""
        return f"{say(value)} where a text is expected{hint}"
    if shape.min_length is not None and len(value) < shape.min_length:
        return "empty; give a text"
    if shape.max_length is not None and len(value) > shape.max_length:
        return f"{len(value)} characters; at most {shape.max_length}"
    if shape.pattern is not None and re.fullmatch(shape.pattern, value) is None:
        return f"{say(value)} does not match {shape.pattern}"
    return ""


def _check_number(value: Value, shape: inspect.IntType | inspect.FloatType) -> str:
    whole = isinstance(shape, inspect.IntType)
    kinds = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, kinds):
        return f"{say(value)} where a {'whole ' if whole else ''}number is expected"
    if shape.ge is not None and value < shape.ge:
        return f"{value} is too small; at least {shape.ge}"
    if shape.gt is not None and value <= shape.gt:
        return f"{value} is too small; more than {shape.gt}"
    if shape.le is not None and value > shape.le:
        return f"{value} is too large; at most {shape.le}"
    return ""
