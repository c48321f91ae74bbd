"""A YAML (or JSON) file as plain values that know where they stand.

Rules: scalars are read as the YAML 1.2 core schema reads them (`on` and `2025-11-25` are text), so
that the loader and an editor with our JSON Schema agree; a key may stand only once; tags, merge
keys and more than NODES nodes (counted through aliases) are refused.
"""

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, final

import msgspec
import yaml

from mcpgate.errors import ConfigError

FILE_BYTES: Final = 4 << 20
NODES: Final = 20_000
DEPTH: Final = 32

Scalar = str | int | float | bool | None
Value = Scalar | list["Value"] | dict[str, "Value"]
Where = tuple[str | int, ...]

_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("bool", "float", "int", "map", "merge", "null", "seq", "str", "timestamp", "value")
)
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}|0x[0-9a-fA-F]{1,15}|0o[0-7]{1,20}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


@final
class Problem(msgspec.Struct, frozen=True):
    """What is wrong, and where in the document; empty path = the document itself."""

    path: Where
    text: str


def join_path(path: Where) -> str:
    """Write a path as `servers[1].headers`."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            out += f".{part}" if out else part
        else:
            out += f'["{part}"]'
    return out


@final
class Document:
    """A file's values, its marks and the faults that were met while reading."""

    def __init__(self, name: str) -> None:
        """Take the file's name as problems show it."""
        self.name = name
        self.value: Value = None
        self.problems: list[Problem] = []
        self._marks: dict[Where, tuple[int, int]] = {}
        self._nodes = 0

    def mark(self, path: Where, mark: yaml.Mark) -> None:
        """Remember where a path stands; for a key that stands twice the first place counts."""
        self._marks.setdefault(path, (mark.line + 1, mark.column + 1))

    def count(self) -> bool:
        """Count a node; say whether it is still within bounds."""
        self._nodes += 1
        return self._nodes <= NODES

    def describe(self, problems: Iterable[Problem]) -> list[str]:
        """Write problems as `file:line:column: path: text`, in the order of the file."""
        placed = [(self._locate(problem.path), problem) for problem in problems]
        placed.sort(key=lambda item: item[0])
        return [self._write(place, problem) for place, problem in placed]

    def _locate(self, path: Where) -> tuple[int, int]:
        while path and path not in self._marks:
            path = path[:-1]
        return self._marks.get(path, (1, 1))

    def _write(self, place: tuple[int, int], problem: Problem) -> str:
        where = f"{self.name}:{place[0]}:{place[1]}: " if self._marks else f"{self.name}: "
        path = join_path(problem.path)
        return f"{where}{path}: {problem.text}" if path else f"{where}{problem.text}"


def read_text(path: str) -> str:
    """Read a configuration file; raise ConfigError with what to do if it cannot be."""
    try:
        raw = Path(path).read_bytes()
    except OSError as fault:
        raise ConfigError([f"{path}: cannot be read: {fault.strerror or fault}"]) from fault
    if len(raw) > FILE_BYTES:
        raise ConfigError([f"{path}: {len(raw)} bytes; at most {FILE_BYTES} are read"])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise ConfigError([f"{path}: byte {fault.start} is not UTF-8; save it as UTF-8"]) from fault


def read_document(text: str, name: str) -> Document:
    """Read YAML; raise ConfigError on a syntax fault, collect everything else in `problems`."""
    document = Document(name)
    try:
        if not _is_bounded(text):
            raise ConfigError([f"{name}: too large or too deep"])
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        tab = mark is not None and text[mark.index : mark.index + 1] == "\t"
        hint = "; indent with spaces, not with a tab" if tab else ""
        raise ConfigError([f"{place}: not readable as YAML: {fault.problem}{hint}"]) from fault
    except (yaml.YAMLError, ValueError) as fault:
        raise ConfigError([f"{name}: not readable as YAML: {_flatten(fault)}"]) from fault
    except RecursionError as fault:
        raise ConfigError([f"{name}: nested too deep"]) from fault
    if root is not None:
        document.value = _build(document, root, ())
    return document


def _is_bounded(text: str) -> bool:
    """Say whether the text may be composed: that recurses in C, and a deep one ends the process."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH + 1 or count > 2 * NODES:
            return False
    return True


def _flatten(fault: Exception) -> str:
    return " ".join(str(fault).split())


def _build(document: Document, node: yaml.Node, path: Where) -> Value:
    document.mark(path, node.start_mark)
    if len(path) > DEPTH or not document.count():
        if not document.problems or document.problems[-1].text != "too large or too deep":
            document.problems.append(Problem(path, "too large or too deep"))
        return None
    if node.tag not in _TAGS:
        document.problems.append(Problem(path, f"tag {node.tag}: only plain values are read"))
        return None
    if isinstance(node, yaml.MappingNode):
        return _build_mapping(document, node, path)
    if isinstance(node, yaml.SequenceNode):
        return [_build(document, item, (*path, index)) for index, item in enumerate(node.value)]
    return _build_scalar(node)


def _build_mapping(document: Document, node: yaml.MappingNode, path: Where) -> Value:
    built: dict[str, Value] = {}
    first: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.problems.append(Problem(path, f"key in line {line} is not plain text"))
            continue
        key = str(key_node.value)
        if key_node.tag == "tag:yaml.org,2002:merge":
            document.problems.append(Problem(path, "merge key <<: write the keys out"))
            continue
        if key in built:
            text = f"stands twice, in lines {first[key]} and {line}; keep one"
            document.problems.append(Problem((*path, key), text))
            continue
        first[key] = line
        document.mark((*path, key), key_node.start_mark)
        built[key] = _build(document, value_node, (*path, key))
    return built


def _build_scalar(node: yaml.Node) -> Scalar:
    text = str(node.value)
    quoted = getattr(node, "style", None) in ("'", '"', "|", ">")
    return text if quoted else read_plain(text)


def read_plain(text: str) -> Scalar:
    """Read an unquoted scalar by the YAML 1.2 core schema."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        base = {"0x": 16, "0o": 8}.get(text[:2], 10)
        return int(text, base)
    if _NUMBER.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text
