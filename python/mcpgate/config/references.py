"""Secrets by reference: `env:NAME` or `file:path`, behind an authentication scheme if need be.

Rules: a value is a reference as a whole or not at all; what it stands for is read once, never
logged, and never part of a problem's text. `text:` stands before a plain value that looks like a
reference.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, final

import msgspec

from mcpgate.config.document import Problem
from mcpgate.config.model import Config, Server

SECRET_BYTES: Final = 64 << 10
SECRET_WORDS: Final = (
    "authorization",
    "cookie",
    "key",
    "token",
    "secret",
    "password",
    "credential",
)

Kind = Literal["env", "file", "text"]

_REFERENCE = re.compile(r"(?:(?:([A-Za-z][A-Za-z0-9-]*) )?(env|file)|(text)):(.+)")
_BROKEN = re.compile(r"[\x00\r\n]")


@final
class Reference(msgspec.Struct, frozen=True):
    """Where a secret is to be found; `scheme` is put before it, as in `Bearer env:NAME`."""

    scheme: str
    kind: Kind
    name: str

    def write(self) -> str:
        """Write it as the configuration has it."""
        return f"{self.scheme} {self.kind}:{self.name}".lstrip()


def read_reference(value: str) -> Reference | None:
    """Read `[scheme ]env:NAME`, `[scheme ]file:path` or `text:...`; None for a plain value."""
    found = _REFERENCE.fullmatch(value)
    if found is None:
        return None
    kinds: dict[str | None, Kind] = {"env": "env", "file": "file", None: "text"}
    return Reference(found[1] or "", kinds[found[2]], found[4])


def keep_text(value: str) -> str:
    """Write a value so that it is taken as it is."""
    return value if read_reference(value) is None else f"text:{value}"


def is_hidden(value: str) -> bool:
    """Say whether a value only says where a secret is to be found."""
    reference = read_reference(value)
    return reference is not None and reference.kind != "text"


def looks_secret(name: str) -> bool:
    """Say whether a header or variable of this name usually holds a secret."""
    lowered = name.lower()
    return any(word in lowered for word in SECRET_WORDS)


def list_references(config: Config) -> Iterator[tuple[tuple[str | int, ...], Reference]]:
    """List the references of the enabled servers with their paths."""
    for index, server in enumerate(config.servers):
        if server.enabled:
            yield from _list_in(("servers", index, "headers"), server.headers)
            yield from _list_in(("servers", index, "env"), server.env)


def _list_in(
    path: tuple[str | int, ...], values: Mapping[str, str]
) -> Iterator[tuple[tuple[str | int, ...], Reference]]:
    for name, value in values.items():
        reference = read_reference(value)
        if reference is not None:
            yield (*path, name), reference


def replace_references(server: Server, environ: Mapping[str, str]) -> Server:
    """Put what the references stand for into a server; all of them must be sound."""
    return msgspec.structs.replace(
        server,
        headers={name: _replace(value, environ) for name, value in server.headers.items()},
        env={name: _replace(value, environ) for name, value in server.env.items()},
    )


def check_references(config: Config, environ: Mapping[str, str]) -> list[Problem]:
    """List the references that lead nowhere."""
    problems = []
    for path, reference in list_references(config):
        fault = _follow(reference, environ)[1]
        if fault:
            problems.append(Problem(path, fault))
    return problems


def _replace(value: str, environ: Mapping[str, str]) -> str:
    reference = read_reference(value)
    if reference is None:
        return value
    return f"{reference.scheme} {_follow(reference, environ)[0]}".lstrip()


def _follow(reference: Reference, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return what it stands for, or else what is wrong."""
    if reference.kind == "text":
        return reference.name, ""
    secret, fault = _read_secret(reference, environ)
    if not fault and not secret:
        fault = f"{reference.kind}:{reference.name} is empty; put the secret there"
    if not fault and _BROKEN.search(secret):
        fault = f"{reference.kind}:{reference.name} holds more than one line; keep only the secret"
    return ("", fault) if fault else (secret, "")


def _read_secret(reference: Reference, environ: Mapping[str, str]) -> tuple[str, str]:
    if reference.kind == "env":
        if reference.name not in environ:
            return "", f"variable {reference.name} is not set; set it before the gateway starts"
        return environ[reference.name].strip(), ""
    try:
        with Path(reference.name).open("rb") as secret_file:
            raw = secret_file.read(SECRET_BYTES + 1)
        if len(raw) > SECRET_BYTES:
            return "", f"file {reference.name} is larger than {SECRET_BYTES} bytes"
        return raw.decode().strip(), ""
    except OSError as fault:
        return "", f"file {reference.name} cannot be read: {fault.strerror}"
    except UnicodeDecodeError:
        return "", f"file {reference.name} is not UTF-8 text"
