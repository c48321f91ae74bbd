"""A careful, simple reading of Rust source: its functions, their length, depth and arguments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# What can hide braces: comments, raw strings, strings, characters (but not lifetimes).
HIDDEN = re.compile(
    r"""
      //[^\n]*
    | /\*.*?\*/
    | b?r(\#*)".*?"\1
    | b?"(?:\\.|[^"\\])*"
    | b?'(?:\\(?:x[0-9a-fA-F]{2}|u\{[^}]*\}|.)|[^\\'\n])'
    """,
    re.VERBOSE | re.DOTALL,
)
FUNCTION = re.compile(r"\bfn\s+(\w+)\s*")
TOKEN = re.compile(r"\b(?:if|else|while|loop|match|let|in|for(?!\s*<))\b|=>|==|[<>!]=|[{}()\[\];=]")
OPENERS = {"if", "else", "while", "loop", "match", "for"}


@dataclass(frozen=True)
class Function:
    """One function of a source file."""

    name: str
    line: int
    lines: int
    arguments: int
    nesting: int


def bare(source: str) -> str:
    """Blank out comments and literals; every offset and line stays where it was."""
    return HIDDEN.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), source)


def functions(source: str) -> Iterator[Function]:
    """Find every function that has a body."""
    text = bare(source)
    for found in FUNCTION.finditer(text):
        start = skip_generics(text, found.end())
        if text[start] != "(":
            continue
        inside_end = closing(text, start)
        brace = re.compile(r"[{;]").search(text, inside_end)
        if brace is None or brace[0] == ";":
            continue
        end = closing(text, brace.start())
        line = text.count("\n", 0, found.start()) + 1
        yield Function(
            name=found[1],
            line=line,
            lines=text.count("\n", 0, end) + 2 - line,
            arguments=count_arguments(text[start + 1 : inside_end]),
            nesting=nesting(text[brace.start() + 1 : end]),
        )


def skip_generics(text: str, at: int) -> int:
    """Return the offset behind `<...>`, or the same offset where there is none."""
    if text[at] != "<":
        return at
    depth = 0
    for index in range(at, len(text)):
        if text[index] == "<":
            depth += 1
        elif text[index] == ">" and text[index - 1] not in "-=":
            depth -= 1
            if depth == 0:
                return index + 1
    return at


def closing(text: str, at: int) -> int:
    """Return the offset of the bracket that closes the one at this offset."""
    depth = 0
    for index in range(at, len(text)):
        if text[index] in "([{":
            depth += 1
        elif text[index] in ")]}":
            depth -= 1
            if depth == 0:
                return index
    raise ValueError(f"no closing bracket for offset {at}")


def count_arguments(inside: str) -> int:
    """Count arguments other than self."""
    depth = 0
    parts = [""]
    for index, char in enumerate(inside):
        if char in "([{<":
            depth += 1
        elif char in ")]}" or (char == ">" and inside[index - 1] not in "-="):
            depth -= 1
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return sum(1 for part in parts if part.strip() and not re.search(r"\bself\b", part))


def nesting(body: str) -> int:
    """Say how deep if, for, while, loop and match stand inside each other."""
    blocks: list[bool] = []
    deepest = 0
    pending = False  # a control word was read and its block has not begun
    pattern = False  # between `let` (or `for`) and `=` (or `in`): braces belong to a pattern
    for found in TOKEN.finditer(body):
        token = found[0]
        if token in OPENERS:
            pending, pattern = True, token == "for"
        elif token in ("let", "=", "in"):
            pattern = token == "let" and pending
        elif token == ";":
            pending = pattern = False
        elif token in ("{", "(", "["):
            control = token == "{" and pending and not pattern
            blocks.append(control)
            pending = pending and not control
            deepest = max(deepest, sum(blocks))
        elif token in ("}", ")", "]") and blocks:
            blocks.pop()
    return deepest
