"""From a file to a Config: read, compare, check, place; all problems at once.

Rules: relative paths are relative to the file's folder; references stay references until `resolve`.
"""

import os
import shutil
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, final

import msgspec

from mcpgate.config.document import (
    Document,
    Problem,
    Where,
    join_path,
    read_document,
    read_text,
)  # fmt: skip
from mcpgate.config.imported import is_imported, read_imported
from mcpgate.config.model import Audit, Config, Listener, Server, Tls
from mcpgate.config.references import check_references, read_reference, replace_references
from mcpgate.config.rules import check_listener, check_rules, check_state_dir
from mcpgate.config.walk import fit
from mcpgate.errors import ConfigError

DEFAULT_FILE: Final = "mcpgate.yaml"


@final
class Places(msgspec.Struct, frozen=True):
    """Where a gateway keeps its state and its events."""

    state_dir: str
    events: str


@final
class ConfigSource:
    """A file that a configuration comes from, again and again."""

    def __init__(
        self, path: str, *, imported: bool = False, address: str = "", state_dir: str = ""
    ) -> None:
        """Take our own file, or an editor's, and what the command line sets instead of it."""
        self.path = path
        self.imported = imported
        self.notes: tuple[str, ...] = ()
        self._address = address
        self._state_dir = state_dir
        self._document = Document(path)
        self._origins: tuple[Where, ...] = ()

    def load(self, *, as_written: bool = False) -> Config:
        """Read the file anew; raise ConfigError with every problem in it."""
        if self.imported:
            found = read_imported(self.path, None if as_written else os.environ)
            self.notes, self._origins = found.notes, found.origins
            config, self._document = Config(servers=found.servers), found.document
        else:
            config, self._document = _read_own(self.path)
        config = self._override(_place(config, Path(self.path).absolute().parent))
        self._refuse(list(check_state_dir(config.state_dir)))
        return config

    def check(self) -> Config:
        """Load, and look for what the file speaks of; raise ConfigError with what is missing."""
        config = self.load()
        self._refuse(check_references(config, os.environ) + _check_surroundings(config))
        return config

    def check_secrets(self, config: Config) -> None:
        """Raise ConfigError if a reference of what was loaded leads nowhere."""
        self._refuse(check_references(config, os.environ))

    def load_resolved(self) -> Config:
        """Load, with secrets in place of their references; raise ConfigError with all problems."""
        config = self.load()
        self.check_secrets(config)
        return resolve(config)

    def _refuse(self, problems: list[Problem]) -> None:
        if problems:
            raise ConfigError(self._document.describe(map(self._find_origin, problems)))

    def _find_origin(self, problem: Problem) -> Problem:
        """Name the place in an editor's file, not in what was made of it."""
        part, index, *rest = (*problem.path, "", "")[: max(2, len(problem.path))]
        if part != "servers" or not isinstance(index, int) or not self._origins:
            return problem
        return Problem((*self._origins[index], *rest), problem.text)

    def _override(self, config: Config) -> Config:
        if self._state_dir:
            state_dir = str(Path(self._state_dir).expanduser().absolute())
            config = msgspec.structs.replace(config, state_dir=state_dir)
        if self._address:
            first = msgspec.structs.replace(config.listeners[0], address=self._address)
            problems = [f"--listen: {problem.text}" for problem in check_listener(first)]
            if problems:
                raise ConfigError(problems)
            config = msgspec.structs.replace(config, listeners=(first, *config.listeners[1:]))
        return config


def load(path: str) -> Config:
    """Read a configuration file; raise ConfigError with every problem in it."""
    return ConfigSource(path).load()


def resolve(config: Config, environ: Mapping[str, str] | None = None) -> Config:
    """Put the secrets in place of their references; raise ConfigError if one leads nowhere."""
    known = os.environ if environ is None else environ
    problems = check_references(config, known)
    if problems:
        raise ConfigError([f"{join_path(problem.path)}: {problem.text}" for problem in problems])
    servers = (
        replace_references(server, known) if server.enabled else server for server in config.servers
    )
    return msgspec.structs.replace(config, servers=tuple(servers))


def find_places(path: str, state_dir: str = "") -> Places:
    """Say where the gateway of this file keeps things, even if the file is broken otherwise."""
    config = Config()
    if path:
        value = read_document(read_text(path), path).value
        config = _peek(value) if isinstance(value, dict) else config
    config = _place(config, Path(path or ".").absolute().parent)
    if state_dir:
        placed = str(Path(state_dir).expanduser().absolute())
        config = msgspec.structs.replace(config, state_dir=placed)
    return Places(config.state_dir, find_events(config))


def find_events(config: Config) -> str:
    """Name the folder of the event files."""
    return config.audit.path or f"{config.state_dir}/events"


def _peek(value: Mapping[str, object]) -> Config:
    state_dir, audit = value.get("state_dir"), value.get("audit")
    events = audit.get("path") if isinstance(audit, dict) else None
    return Config(
        state_dir=state_dir if isinstance(state_dir, str) and state_dir else Config().state_dir,
        audit=Audit(path=events if isinstance(events, str) else None),
    )


def _read_own(path: str) -> tuple[Config, Document]:
    document = read_document(read_text(path), path)
    value = {} if document.value is None else document.value
    if is_imported(value):
        text = f"{path}: this is an editor's file; use it as it is with --from {path}"
        raise ConfigError([text])
    config, problems = fit(value, Config, check_rules)
    problems = document.problems + problems
    if config is None or problems:
        raise ConfigError(document.describe(problems))
    return config, document


def _place(config: Config, folder: Path) -> Config:
    """Make every path absolute."""
    return msgspec.structs.replace(
        config,
        state_dir=_join(folder, config.state_dir),
        audit=msgspec.structs.replace(config.audit, path=_join_some(folder, config.audit.path)),
        listeners=tuple(_place_listener(listener, folder) for listener in config.listeners),
        servers=tuple(_place_server(server, folder) for server in config.servers),
    )


def _place_listener(listener: Listener, folder: Path) -> Listener:
    if listener.tls is None:
        return listener
    tls = Tls(
        certificate=_join(folder, listener.tls.certificate), key=_join(folder, listener.tls.key)
    )
    return msgspec.structs.replace(listener, tls=tls)


def _place_server(server: Server, folder: Path) -> Server:
    program, *arguments = server.command or ("",)
    if program.startswith(("./", "../", "~/")):
        program = _join(folder, program)
    return msgspec.structs.replace(
        server,
        command=(program, *arguments) if program else (),
        cwd=_join_some(folder, server.cwd),
        ca_file=_join_some(folder, server.ca_file),
        headers={name: _place_value(value, folder) for name, value in server.headers.items()},
        env={name: _place_value(value, folder) for name, value in server.env.items()},
    )


def _place_value(value: str, folder: Path) -> str:
    reference = read_reference(value)
    if reference is None or reference.kind != "file":
        return value
    return msgspec.structs.replace(reference, name=_join(folder, reference.name)).write()


def _join(folder: Path, path: str) -> str:
    return os.path.normpath(folder / Path(path).expanduser())


def _join_some(folder: Path, path: str | None) -> str | None:
    return _join(folder, path) if path else None


def _check_surroundings(config: Config) -> list[Problem]:
    """List files and programs that are not there."""
    problems = []
    for index, listener in enumerate(config.listeners):
        if listener.tls is not None:
            problems += _check_tls(("listeners", index, "tls"), listener.tls)
    for index, server in enumerate(config.servers):
        if server.enabled:
            problems += _check_server_files(index, server)
    return problems


def _check_server_files(index: int, server: Server) -> list[Problem]:
    problems = []
    if server.ca_file:
        problems += _check_authorities(("servers", index, "ca_file"), server.ca_file)
    if server.cwd and not Path(server.cwd).is_dir():
        text = f"folder {server.cwd} is not there; make it or correct the path"
        problems.append(Problem(("servers", index, "cwd"), text))
    search = server.env.get("PATH") or os.environ.get("PATH")
    if server.command and shutil.which(server.command[0], path=search) is None:
        text = f"program {server.command[0]} is not found; install it or give its full path"
        problems.append(Problem(("servers", index, "command"), text))
    return problems


def _check_tls(path: Where, tls: Tls) -> list[Problem]:
    files = (("certificate", tls.certificate), ("key", tls.key))
    missing = [problem for key, name in files for problem in _check_file((*path, key), name)]
    if missing:
        return missing
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            tls.certificate, tls.key, password=lambda: ""
        )
    except (OSError, ValueError):
        text = "certificate and key are no pair; give the PEM files of one, without a passphrase"
        return [Problem(path, text)]
    return []


def _check_authorities(path: Where, name: str) -> list[Problem]:
    missing = _check_file(path, name)
    if missing:
        return missing
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(name)
    except (OSError, ValueError):
        return [Problem(path, f"file {name} holds no certificate in PEM form")]
    return []


def _check_file(path: Where, name: str) -> list[Problem]:
    if os.access(name, os.R_OK):
        return []
    return [Problem(path, f"file {name} cannot be read; make it or correct the path")]
