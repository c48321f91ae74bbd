"""The path of a change: configuration and catalog -> snapshot document -> swap, or keep the old.

Changes that come together make one build; one build runs at a time, on a thread of its own since
the swap works without the interpreter lock. What the gate refuses leaves the old snapshot as it
is and shows in the status. Reload takes a whole configuration or nothing of it.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol, final

import msgspec

from mcpgate.config.firewall import decide
from mcpgate.config.model import Config, Server
from mcpgate.errors import ConfigError
from mcpgate.gate import LISTS, SnapshotError
from mcpgate.model import Mark
from mcpgate.registry.catalog import Catalog
from mcpgate.registry.document import Facts, Judged, Known, build_document, read_entries
from mcpgate.registry.last_good import LastGood
from mcpgate.registry.owners import Owners
from mcpgate.registry.pins import Pins
from mcpgate.registry.unlisted import find_unlisted
from mcpgate.registry.waiter import Waiter

GATHER_NS: Final = 50_000_000
_NEEDS_RESTART: Final = ("listeners", "state_dir", "workers", "audit", "log")
_LIMITS_RELOADED: Final = frozenset(("page_entries", "session_h"))

log = logging.getLogger("mcpgate.publisher")


class Swapped(Protocol):
    """What a swap changed."""

    @property
    def changed(self) -> int:
        """Bits of the lists that differ from before."""
        ...

    @property
    def problems(self) -> list[str]:
        """Entries left out, each with its reason."""
        ...


class Swapper(Protocol):
    """The gate, as far as a change concerns it."""

    def swap(self, document: bytes) -> Swapped:
        """Judge by this document from now on; raise SnapshotError and keep the old one."""
        ...

    def marks(self) -> bytes:
        """Return what was found on entries, as a JSON list of Mark."""
        ...


class Keeping(Protocol):
    """Whoever keeps the configured servers' links."""

    def apply(self, servers: Sequence[Server]) -> None:
        """Keep exactly these servers."""
        ...


@final
class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot is made from."""

    catalog: Catalog
    owners: Owners
    pins: Pins
    keepers: Keeping
    version: str


@final
class PublisherStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator sees of the snapshot in use."""

    generation: int = 0
    left_out: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    unlisted: tuple[str, ...] = ()
    last_error: tuple[str, ...] = ()
    reload_error: tuple[str, ...] = ()
    restart_for: tuple[str, ...] = ()


@final
class Built(msgspec.Struct, frozen=True):
    """What came of a build."""

    swapped: Swapped
    unlisted: tuple[str, ...]


@final
class Publisher:
    """Build snapshots and make them current."""

    def __init__(
        self, gate: Swapper, sources: Sources, last_good: LastGood, waiter: Waiter
    ) -> None:
        """Publish what the sources hold to this gate."""
        self._gate = gate
        self._sources = sources
        self._last_good = last_good
        self._waiter = waiter
        self._started = self._config = Config()
        self._generation = 0
        self._status = PublisherStatus()
        self._wanted = asyncio.Event()
        self._built = asyncio.Event()
        self._building = asyncio.Event()
        self._subscribers: list[Callable[[int], None]] = []
        sources.catalog.subscribe(self._wanted.set)

    @property
    def status(self) -> PublisherStatus:
        """What is published, and what went wrong last."""
        return self._status

    def subscribe(self, changed: Callable[[int], None]) -> None:
        """Call `changed` with the bits of lists that clients would see differ."""
        self._subscribers.append(changed)

    async def start(self, config: Config) -> None:
        """Publish what is known before any server is up; raise SnapshotError when that fails."""
        self._started = config
        self._take(config)
        restored = self._restore(config)
        try:
            self._accept(await asyncio.to_thread(self._prepare()))
        except SnapshotError as error:
            if not restored:
                raise
            _say("snapshot.refused", error.problems)
            for name in restored:
                self._sources.catalog.drop(name)
            self._accept(await asyncio.to_thread(self._prepare()))

    async def run(self) -> None:
        """Publish whenever something changed, until cancelled."""
        never = asyncio.Event()
        try:
            while True:
                await self._wanted.wait()
                await self._waiter.wait(never, self._waiter.clock.now() + GATHER_NS)
                self._wanted.clear()
                built, self._built = self._built, asyncio.Event()
                self._building = built
                await self._publish()
                built.set()
        finally:  # nobody waits for builds that will not come
            self._building.set()
            self._built.set()

    async def publish(self) -> PublisherStatus:
        """Ask for a build of what is true now and return how it went; `run` must be running."""
        built = self._built
        self._wanted.set()
        await built.wait()
        return self._status

    async def reload(self, load: Callable[[], Config]) -> PublisherStatus:
        """Load the configuration again and publish it, or keep the old one and say so."""
        try:
            config = load()
        except ConfigError as error:
            _say("config.refused", error.problems)
            self._note(reload_error=tuple(error.problems))
            return self._status
        except Exception as error:
            log.exception("config.failed")
            self._note(reload_error=(f"unexpected {type(error).__name__}: {error}",))
            return self._status
        restart_for = _find_restarts(self._started, config)
        for section in restart_for:
            log.warning("config.restart_needed", extra={"section": section})
        self._note(reload_error=(), restart_for=restart_for)
        self._take(config)
        log.info("config.taken", extra={"servers": len(config.servers)})
        return await self.publish()

    def _take(self, config: Config) -> None:
        """Make every source follow this configuration."""
        enabled = [server.name for server in config.servers if server.enabled]
        names = {server.name for server in config.servers}
        self._config = config
        self._sources.owners.keep(names)
        self._sources.pins.keep(names)
        self._sources.keepers.apply(config.servers)
        self._sources.catalog.configure(enabled)

    def _restore(self, config: Config) -> list[str]:
        """Take the entries that an earlier run knew of servers still configured."""
        document = self._last_good.load()
        if document is None:
            return []
        self._generation = document.generation
        restored = []
        transports = {server.name: server.transport for server in config.servers}
        for part in document.servers:
            entries = read_entries(part)
            if entries is not None and transports.get(part.name) == part.transport:
                self._sources.catalog.restore(part.name, entries)
                restored.append(part.name)
        return restored

    async def _publish(self) -> None:
        """Build and swap; whatever fails leaves the old snapshot and becomes the last error."""
        try:
            self._accept(await asyncio.to_thread(self._prepare()))
        except SnapshotError as error:
            _say("snapshot.refused", error.problems)
            self._note(last_error=tuple(error.problems))
        except Exception as error:
            log.exception("snapshot.failed")
            self._note(last_error=(f"unexpected {type(error).__name__}",))

    def _prepare(self) -> Callable[[], Built]:
        """Take what is true now and return the work that a thread can do alone."""
        config, known = self._config, self._sources.catalog.list_entries()
        lists = [(name, entries.resources) for name, entries in known if entries]
        owners = self._sources.owners.assign(lists)
        self._generation += 1
        generation = self._generation

        def work() -> Built:
            judged, unlisted = _judge(self._sources.pins, config, known)
            facts = Facts(known=known, owners=owners, judged=judged)
            document = build_document(config, facts, self._sources.version, generation)
            raw = msgspec.json.encode(document)
            swapped = self._gate.swap(raw)
            self._save(raw)
            return Built(swapped, unlisted)

        return work

    def _save(self, raw: bytes) -> None:
        try:
            self._last_good.save(raw)
        except OSError as error:
            log.warning("snapshot.not_kept", extra={"text": str(error)})

    def _accept(self, built: Built) -> None:
        """Say what is current now and tell who wants to know."""
        swapped = built.swapped
        marks = tuple(msgspec.json.decode(self._gate.marks(), type=list[Mark]))
        _tell(self._status.marks, marks)
        self._note(
            generation=self._generation,
            left_out=tuple(swapped.problems),
            marks=marks,
            unlisted=built.unlisted,
            last_error=(),
        )
        bits = swapped.changed & LISTS
        log.info("snapshot.published", extra={"generation": self._generation, "changed": bits})
        for changed in self._subscribers if bits else ():
            changed(bits)

    def _note(self, **changes: object) -> None:
        self._status = msgspec.structs.replace(self._status, **changes)


def _say(refusal: str, problems: Sequence[str]) -> None:
    for problem in problems:
        log.error(refusal, extra={"text": problem})


def _judge(pins: Pins, config: Config, known: Known) -> tuple[dict[str, Judged], tuple[str, ...]]:
    """Return what the pins say of each server, and the tools that are named for nothing."""
    entries = {name: found for name, found in known if found}
    checks = {
        server.name: decide(config, server) for server in config.servers if server.name in entries
    }
    judged = pins.judge((name, checks[name], found) for name, found in entries.items())
    tools = {
        name: {key[1] for key in pins.read(name, entries[name]) if key[0] == "tool"}
        for name, each in checks.items()
        if each.tools
    }
    return judged, find_unlisted(config, tools)


def _tell(before: Sequence[Mark], now: Sequence[Mark]) -> None:
    """Log which entries clients do not see any more, see again, or see with a finding."""
    known = set(before)
    for mark in now:
        if mark not in known:
            level = logging.WARNING if mark.quarantined else logging.INFO
            word = "quarantined" if mark.quarantined else "flagged"
            fields = {"rule": mark.rule, "text": mark.text}
            log.log(level, "entry.%s", word, extra={**_name_entry(mark), **fields})
    held = {_find_entry(mark) for mark in now if mark.quarantined}
    for mark in {_find_entry(mark): mark for mark in before if mark.quarantined}.values():
        if _find_entry(mark) not in held:
            log.info("entry.released", extra=_name_entry(mark))


def _find_entry(mark: Mark) -> tuple[str, str, str]:
    return (mark.server, mark.kind, mark.name)


def _name_entry(mark: Mark) -> dict[str, str]:
    return {"server": mark.server, "kind": mark.kind, "entry": mark.name}


def _find_restarts(old: Config, new: Config) -> tuple[str, ...]:
    """Name the changed sections that only a restart can bring into force."""
    sections = [name for name in _NEEDS_RESTART if getattr(old, name) != getattr(new, name)]
    limits = [name for name in new.limits.__struct_fields__ if name not in _LIMITS_RELOADED]
    if any(getattr(old.limits, name) != getattr(new.limits, name) for name in limits):
        sections.append("limits")
    return tuple(sections)
