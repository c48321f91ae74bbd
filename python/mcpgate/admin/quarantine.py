"""What an operator sees of entries that are held back, and how they are approved."""

import asyncio
import difflib
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final, final

import msgspec

from mcpgate.admin.wire import Approval, Approved, ApproveRequest, Quarantined, Request
from mcpgate.errors import GatewayFault
from mcpgate.model import Mark
from mcpgate.publisher import Publisher
from mcpgate.registry.catalog import Catalog
from mcpgate.registry.definitions import Definition, Key
from mcpgate.registry.difference import compare, cut, render
from mcpgate.registry.pins import Pins

DIFF_CHARS: Final = 4 << 20
NAME_CHARS: Final = 60
REGISTRY_RULES: Final = frozenset(("drift", "renamed", "new"))
LEFT_OUT: Final = ("the diffs of more entries are left out; approve or correct these first",)

log = logging.getLogger("mcpgate.admin")


@final
class Quarantine:
    """Answer `quarantine` and `approve`."""

    def __init__(self, publisher: Publisher, catalog: Catalog, pins: Pins) -> None:
        """Take where findings, definitions and pins are."""
        self._publisher = publisher
        self._catalog = catalog
        self._pins = pins

    async def answer(self, line: bytes) -> bytes:
        """Do what the request line asks."""
        if msgspec.json.decode(line, type=Request).do == "approve":
            return msgspec.json.encode(await self._approve(line))
        return msgspec.json.encode(await self._list())

    async def _list(self) -> list[Quarantined]:
        """List every finding, with what differs from the approved definition."""
        marks = self._publisher.status.marks
        now = {name: self._read(name) for name in {mark.server for mark in marks}}
        works = [self._plan(mark, now[mark.server].get((mark.kind, mark.name))) for mark in marks]
        return await asyncio.to_thread(_describe_all, works)

    async def _approve(self, line: bytes) -> Approval:
        """Approve what is quarantined, publish, and say what became of it."""
        try:
            asked = msgspec.json.decode(line, type=ApproveRequest)
        except msgspec.DecodeError as fault:
            text = f"approve takes server, kind, name and fingerprint: {fault}"
            raise GatewayFault("params", text) from fault
        definitions = self._choose(asked)
        if definitions:
            self._pins.approve(asked.server, definitions)
            _say(asked.server, definitions)
            status = await self._publisher.publish()
            if status.last_error:
                text = f"approved, but not in force: {status.last_error[0]}"
                raise GatewayFault("internal", text)
        chosen = {definition.key for definition in definitions}
        remaining = [
            mark
            for mark in self._publisher.status.marks
            if mark.quarantined and _is_meant(mark, asked)
            if not (asked.name or asked.fingerprint) or (mark.kind, mark.name) in chosen
        ]
        return _build_approval(asked.server, definitions, remaining)

    def _choose(self, asked: ApproveRequest) -> list[Definition]:
        """Find the definitions that are meant and held back."""
        entries = self._catalog.find(asked.server)
        if entries is None:
            name = cut(asked.server, NAME_CHARS)
            raise GatewayFault("params", f'server "{name}" has listed nothing, or is none of ours')
        listed = self._pins.read(asked.server, entries)
        if asked.name is not None:
            _check_name(asked, listed)
        meant = dict.fromkeys(
            (mark.kind, mark.name)
            for mark in self._publisher.status.marks
            if _is_meant(mark, asked) and (mark.quarantined or mark.rule in REGISTRY_RULES)
        )
        found = [definition for key, definition in listed.items() if key in meant]
        if asked.name is not None and len(found) > 1:
            kinds = " and a ".join(definition.key[0] for definition in found)
            raise GatewayFault("params", f"it is a {kinds}; say which with kind")
        if asked.name is None:
            return [each for each in found if each.fingerprint.startswith(asked.fingerprint)]
        for definition in found:
            if not definition.fingerprint.startswith(asked.fingerprint):
                text = (
                    f"{asked.server}/{cut(definition.key[1], NAME_CHARS)} changed again: its "
                    f"fingerprint is {definition.fingerprint}; look at it with `mcpgate quarantine`"
                )
                raise GatewayFault("params", text)
        return found

    def _read(self, server: str) -> dict[tuple[str, str], Definition]:
        entries = self._catalog.find(server)
        listed = self._pins.read(server, entries) if entries else {}
        return {(kind, name): each for (kind, name), each in listed.items()}

    def _plan(self, mark: Mark, definition: Definition | None) -> Callable[[int], Quarantined]:
        """Read what the description of a mark needs, and return the work that is left."""
        approved = None
        if definition is not None and mark.rule == "drift":
            approved = self._pins.find_definition(mark.server, definition.key)
        return lambda room: _describe(mark, definition, approved, room)


def _describe_all(works: Sequence[Callable[[int], Quarantined]]) -> list[Quarantined]:
    found, room = [], DIFF_CHARS
    for work in works:
        one = work(room)
        room -= sum(map(len, one.diff))
        found.append(one)
    return found


def _describe(
    mark: Mark, definition: Definition | None, approved: bytes | None, room: int
) -> Quarantined:
    diff: tuple[str, ...] = ()
    if definition is not None and approved is not None:
        diff = render(compare(approved, definition.raw)) if room > 0 else LEFT_OUT
    return Quarantined(
        server=mark.server,
        kind=mark.kind,
        name=mark.name,
        rule=mark.rule,
        quarantined=mark.quarantined,
        text=mark.text,
        fingerprint=definition.fingerprint if definition else "",
        diff=diff,
    )


def _is_meant(mark: Mark, asked: ApproveRequest) -> bool:
    return (
        mark.server == asked.server
        and asked.name in (None, mark.name)
        and asked.kind in (None, mark.kind)
    )


def _check_name(asked: ApproveRequest, listed: Iterable[Key]) -> None:
    """Refuse a name that the server does not list."""
    names = [name for kind, name in listed if asked.kind in (None, kind)]
    if asked.name in names:
        return
    near = difflib.get_close_matches(str(asked.name), names, n=1)
    hint = f'; did you mean "{cut(near[0], NAME_CHARS)}"?' if near else ""
    name = cut(str(asked.name), NAME_CHARS)
    raise GatewayFault("params", f'server {asked.server} lists no entry "{name}"{hint}')


def _say(server: str, definitions: Sequence[Definition]) -> None:
    for definition in definitions:
        kind, name = definition.key
        fields = {"server": server, "kind": kind, "entry": name}
        log.info("entry.approved", extra={**fields, "fingerprint": definition.fingerprint})


def _build_approval(
    server: str, definitions: Sequence[Definition], remaining: Sequence[Mark]
) -> Approval:
    return Approval(
        approved=tuple(
            Approved(
                server=server, kind=each.key[0], name=each.key[1], fingerprint=each.fingerprint
            )
            for each in definitions
        ),
        remaining=tuple(_describe(mark, None, None, 0) for mark in remaining),
    )
