"""`${...}` in an editor's file, as the editor that wrote it would read it.

Rules: a secret that stands alone stays a reference; what a person is asked for is a variable here;
whatever only the editor knows is a problem, because something else would be started without it.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, final

import msgspec

from mcpgate.config.references import keep_text

_FOUND = re.compile(r"\$\{([^{}]*)\}")
_ALONE = re.compile(r"((?:[A-Za-z][A-Za-z0-9-]* )?)\$\{([^{}]*)\}")
_NAMED = re.compile(r"(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_ASKED: Final = "input:"
_SETTINGS: Final = (".cursor", ".vscode")


@final
class Expanded(msgspec.Struct, frozen=True):
    """A text with its variables in place, and what is to be said of it."""

    text: str
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@final
class Variables:
    """What `${...}` stands for in one file."""

    def __init__(self, path: str, environ: Mapping[str, str] | None) -> None:
        """Take the file and the variables; None = leave everything as it is written."""
        folder = Path(path).absolute().parent
        workspace = folder.parent if folder.name in _SETTINGS else folder
        self._environ = environ
        self._fixed = {
            "workspaceFolder": str(workspace),
            "workspaceFolderBasename": workspace.name,
            "userHome": str(Path.home()),
            "pathSeparator": os.sep,
            "/": os.sep,
        }

    def refer(self, text: str) -> Expanded:
        """Make a reference of a value that is one variable, perhaps behind a scheme.

        Any other value stays what it is, also one that looks like a reference of ours.
        """
        alone = _ALONE.fullmatch(text)
        name, default = self._read_name(alone[2]) if alone else ("", None)
        known = self._environ is not None and name in self._environ
        if alone is None or not name or (default is not None and not known):
            expanded = self.expand(text)
            return msgspec.structs.replace(expanded, text=keep_text(expanded.text))
        notes = (_explain_question(name),) if alone[2].startswith(_ASKED) else ()
        return Expanded(f"{alone[1]}env:{name}", notes)

    def expand(self, text: str) -> Expanded:
        """Put what each variable stands for in its place."""
        found = [match[1] for match in _FOUND.finditer(text)]
        if not found:
            return Expanded(text)
        if self._environ is None:
            return Expanded(text, ("holds ${...}; write out what it stands for",))
        notes, problems, values = [], [], {}
        for inner in dict.fromkeys(found):
            name, default = self._read_name(inner)
            value = self._fixed.get(inner, self._environ.get(name, default))
            if value is None:
                problems.append(_explain_missing(inner, name))
            elif inner.startswith("workspaceFolder"):
                notes.append(f"${{{inner}}} is taken to be {value}")
            elif inner.startswith(_ASKED):
                notes.append(_explain_question(name))
            values[inner] = value or ""
        placed = _FOUND.sub(lambda match: values[match[1]], text)
        return Expanded(placed, tuple(notes), tuple(problems))

    def _read_name(self, inner: str) -> tuple[str, str | None]:
        """Return the variable that is meant and its default; no name if none is meant."""
        if inner.startswith(_ASKED):
            return re.sub(r"[^A-Z0-9]+", "_", inner.removeprefix(_ASKED).upper()), None
        named = None if inner in self._fixed else _NAMED.fullmatch(inner)
        return (named[1], named[2]) if named else ("", None)


def _explain_question(name: str) -> str:
    return f"the editor asks a person for it; here it is the variable {name}"


def _explain_missing(inner: str, name: str) -> str:
    if name:
        return f"variable {name} is not set; set it before the gateway starts"
    return f"holds ${{{inner}}}, which only the editor knows; write out what it stands for"
