"""Where the command begins: `mcpgate stdio` must start at once, so nothing is imported before it.

A client starts it for each conversation; the rest of the command line costs several times as much
to import as the interpreter itself, and is imported when a word asks for it.
"""

import sys
from importlib import import_module

from mcpgate.cli import shim


def main() -> int:
    """Do what the command line says."""
    asked = shim.read_words(sys.argv[2:]) if sys.argv[1:2] == ["stdio"] else None
    if asked is not None:
        return shim.run(asked)
    return int(import_module("mcpgate.cli.main").main())
