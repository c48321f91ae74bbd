"""Pins: the definitions that were approved, and what may be said against others.

Strategy: the first sight of an entry pins it, for the operator registered the server; from then on
its definition must be that one, or the entry is held until it is again or the operator approves
the other. What is held follows from the pins, the listing and the settings alone, so a restart
changes nothing. Rules: entries that went keep their pins, and only more than REMEMBERED for one
server make the oldest of those go; what cannot be written now is kept in memory and written later,
and a pin that cannot be read fits no definition. Listings are judged on the thread that builds the
snapshot, so whoever else comes takes turns.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, Literal, final

import msgspec

from mcpgate.config.firewall import Checks, ServerChecks
from mcpgate.errors import GatewayFault
from mcpgate.registry.catalog import ServerEntries
from mcpgate.registry.definitions import LISTS, Definition, Fingerprint, Key, Reader
from mcpgate.registry.difference import compare, cut, summarize
from mcpgate.registry.document import Cleared, EntryKind, Held, Judged
from mcpgate.registry.store import Store

SPACE: Final = "pin"
LISTED: Final = "pin-listed"
REMEMBERED: Final = 20_000
NAME_CHARS: Final = 60

Approver = Literal["first_seen", "operator"]
Against = Literal["drift", "renamed", "new"]
_Changes = dict[tuple[str, str], bytes | None]

log = logging.getLogger("mcpgate.registry")


@final
class Pin(msgspec.Struct, frozen=True):
    """One approved definition, without its text."""

    fingerprint: str
    body: str
    seen_ns: int
    by: Approver


@final
class Kept(msgspec.Struct, frozen=True):
    """A pin as the store has it."""

    fingerprint: str
    body: str
    seen_ns: int
    by: Approver
    definition: msgspec.Raw = msgspec.Raw(b"{}")


UNREADABLE: Final = Pin("", "", 0, "first_seen")


def find_objection(
    definition: Definition, pin: Pin | None, gone: Collection[tuple[EntryKind, str]], waits: bool
) -> Against | None:
    """Say what speaks against an entry: its own pin, that of one that went, or being new."""
    if pin is not None:
        return None if pin.fingerprint == definition.fingerprint else "drift"
    if definition.body and (definition.key[0], definition.body) in gone:
        return "renamed"
    return "new" if waits else None


@final
class _Memory(msgspec.Struct, frozen=True):
    """What a judgement was made of, and what it was."""

    lists: tuple[tuple[msgspec.Raw, ...], ...]
    listed: frozenset[str]
    checks: ServerChecks
    judged: Judged

    def fits(self, other: "_Memory") -> bool:
        """Say whether the judgement holds for these lists and checks as well."""
        same = all(a is b for a, b in zip(self.lists, other.lists, strict=True))
        return same and self.listed == other.listed and self.checks == other.checks


@final
class Pins:
    """Hold the pins of every configured server."""

    def __init__(self, store: Store, fingerprint: Fingerprint, wall: Callable[[], int]) -> None:
        """Read what was pinned before."""
        self._store = store
        self._wall = wall
        self._reader = Reader(fingerprint)
        self._pins: dict[str, dict[Key, Pin]] = {}
        self._listed: dict[str, frozenset[str]] = {}
        self._unsaved: _Changes = {}
        self._memory: dict[str, _Memory] = {}
        self._turn = threading.RLock()
        self._load()

    def keep(self, servers: Collection[str]) -> None:
        """Forget servers that left the configuration."""
        with self._turn:
            for server in {*self._pins, *self._listed}.difference(servers):
                self._forget(server)
            self._save()

    def _forget(self, server: str) -> None:
        for key in self._pins.pop(server, {}):
            self._unsaved[SPACE, _write_key(server, key)] = None
        self._unsaved[LISTED, server] = None
        self._listed.pop(server, None)
        self._memory.pop(server, None)
        self._reader.forget(server)

    def judge(self, lists: Iterable[tuple[str, ServerChecks, ServerEntries]]) -> dict[str, Judged]:
        """Pin what is seen first and return what is held and what is cleared, by server."""
        with self._turn:
            judged = {name: self._judge(name, checks, entries) for name, checks, entries in lists}
            self._save()
            return judged

    def read(self, server: str, entries: ServerEntries) -> dict[Key, Definition]:
        """Return a server's definitions as they are now."""
        with self._turn:
            return self._reader.read(server, entries)

    def find(self, server: str, key: Key) -> Pin | None:
        """Return an entry's pin."""
        with self._turn:
            return self._pins.get(server, {}).get(key)

    def find_definition(self, server: str, key: Key) -> bytes | None:
        """Return the approved definition, None when there is none or it cannot be read."""
        place = (SPACE, _write_key(server, key))
        try:
            with self._turn:
                raw = self._unsaved[place] if place in self._unsaved else self._store.get(*place)
            return None if raw is None else bytes(msgspec.json.decode(raw, type=Kept).definition)
        except (sqlite3.Error, msgspec.DecodeError):
            return None

    def approve(self, server: str, definitions: Sequence[Definition]) -> None:
        """Pin these definitions by the operator's word; raise GatewayFault and do nothing."""
        now = self._wall()
        changes: _Changes = {}
        pins: dict[Key, Pin] = {}
        for definition in definitions:
            pins[definition.key] = pin = _pin(definition, now, "operator")
            changes[SPACE, _write_key(server, definition.key)] = _encode(pin, definition.raw)
        with self._turn:
            try:
                self._store.change({**self._unsaved, **changes})
            except sqlite3.Error as error:
                text = f"the approval cannot be kept: {error}; free space in state_dir, try again"
                raise GatewayFault("internal", text) from error
            self._unsaved.clear()
            self._pins.setdefault(server, {}).update(pins)
            self._memory.pop(server, None)

    def _judge(self, server: str, checks: ServerChecks, entries: ServerEntries) -> Judged:
        asked = _Memory(
            tuple(getattr(entries, field) for _, field in LISTS),
            frozenset(field for _, field in LISTS if _is_listed(entries, field)),
            checks,
            Judged(),
        )
        known = self._memory.get(server)
        if known is not None and known.fits(asked):
            return known.judged
        judged = self._judge_anew(server, checks, entries)
        self._note_listed(server, checks, asked.listed)
        self._memory[server] = msgspec.structs.replace(asked, judged=judged)
        return judged

    def _judge_anew(self, server: str, checks: ServerChecks, entries: ServerEntries) -> Judged:
        found = self._reader.read(server, entries)
        pins = self._pins.setdefault(server, {})
        gone = {(key[0], pin.body): key for key, pin in pins.items() if key not in found}
        listed = self._listed.get(server, frozenset())
        held: list[Held] = []
        fresh: list[Definition] = []
        for key, definition in found.items():
            mode = checks.find(*key)
            if mode.pins == "off":
                continue
            waits = mode.new == "hold" and _find_field(key[0]) in listed
            against = find_objection(definition, pins.get(key), gone, waits)
            if against is not None:
                text = self._explain(server, definition, against, gone)
                held.append(_hold(definition, against, text, mode))
            elif key not in pins:
                fresh.append(definition)
        self._pin_fresh(server, fresh, found)
        cleared = tuple(
            Cleared(kind=key[0], name=key[1])
            for key, definition in found.items()
            if _is_cleared(definition, pins.get(key))
        )
        return Judged(tuple(held), cleared)

    def _pin_fresh(self, server: str, fresh: list[Definition], listed: Collection[Key]) -> None:
        """Pin what is seen for the first time, and forget the oldest of too many that went."""
        if not fresh:
            return
        pins, now = self._pins[server], self._wall()
        for definition in fresh:
            pins[definition.key] = pin = _pin(definition, now, "first_seen")
            self._unsaved[SPACE, _write_key(server, definition.key)] = _encode(pin, definition.raw)
        excess = max(0, len(pins) - REMEMBERED)
        for key in [key for key in pins if key not in listed][:excess]:
            del pins[key]
            self._unsaved[SPACE, _write_key(server, key)] = None
        log.info("entry.pinned", extra={"server": server, "entries": len(fresh)})

    def _explain(
        self,
        server: str,
        definition: Definition,
        against: Against,
        gone: dict[tuple[EntryKind, str], Key],
    ) -> str:
        if against == "new":
            return "appeared after the first listing and waits for approval"
        if against == "renamed":
            kind, name = gone[definition.key[0], definition.body]
            return f'has the definition of {kind} "{cut(name, NAME_CHARS)}", which is gone'
        approved = self.find_definition(server, definition.key)
        if approved is None:
            return "differs from what was approved, which cannot be read any more"
        return summarize(compare(approved, definition.raw))

    def _note_listed(self, server: str, checks: ServerChecks, fields: frozenset[str]) -> None:
        """Remember which lists were seen: what comes later is new."""
        known = self._listed.get(server, frozenset())
        if checks.own.pins == "off" or fields <= known:
            return
        self._listed[server] = known | fields
        self._unsaved[LISTED, server] = msgspec.json.encode(sorted(self._listed[server]))

    def _save(self) -> None:
        """Write what changed; what cannot be written is tried again with the next change."""
        try:
            self._store.change(self._unsaved)
        except sqlite3.Error as error:  # a full disk must not stop publishing
            log.warning("pins.not_kept", extra={"text": str(error)})
            return
        self._unsaved.clear()

    def _load(self) -> None:
        found = []
        for place, raw in self._store.scan(SPACE):
            server, kind, name = (*place.split("/", 2), "", "")[:3]
            try:
                kept = msgspec.json.decode(raw, type=Kept)
                pin = Pin(kept.fingerprint, kept.body, kept.seen_ns, kept.by)
            except msgspec.DecodeError:
                pin = UNREADABLE
            kinds = [each for each, _ in LISTS if each == kind]
            found += [(pin.seen_ns, server, each, name, pin) for each in kinds]
        for _, server, each, name, pin in sorted(found, key=lambda row: row[0]):
            self._pins.setdefault(server, {})[each, name] = pin
        for server, raw in self._store.scan(LISTED):
            try:
                self._listed[server] = frozenset(msgspec.json.decode(raw, type=list[str]))
            except msgspec.DecodeError:
                self._listed[server] = frozenset(field for _, field in LISTS)


def _pin(definition: Definition, seen_ns: int, by: Approver) -> Pin:
    return Pin(definition.fingerprint, definition.body, seen_ns, by)


def _encode(pin: Pin, raw: bytes) -> bytes:
    kept = Kept(pin.fingerprint, pin.body, pin.seen_ns, pin.by, msgspec.Raw(raw))
    return msgspec.json.encode(kept)


def _write_key(server: str, key: Key) -> str:
    return f"{server}/{key[0]}/{key[1]}"


def _find_field(kind: EntryKind) -> str:
    return next(field for each, field in LISTS if each == kind)


def _is_listed(entries: ServerEntries, field: str) -> bool:
    """Say whether this list was seen in full, now or in an earlier run."""
    fetched = entries.fetched_at_ns > 0 and field not in entries.missing
    return fetched or bool(getattr(entries, field))


def _is_cleared(definition: Definition, pin: Pin | None) -> bool:
    return pin is not None and pin.by == "operator" and pin.fingerprint == definition.fingerprint


def _hold(definition: Definition, against: Against, text: str, mode: Checks) -> Held:
    kind, name = definition.key
    quarantine = mode.pins == "enforce"
    return Held(kind=kind, name=name, rule=against, quarantine=quarantine, text=text)
