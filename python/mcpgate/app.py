"""From a configuration to a running gateway: what is made, in which order it starts and stops.

Start: state directory and its lock, store, events, gate, snapshot, listeners; then the links, which
delay nothing. Stop, on SIGTERM or SIGINT: not ready, no new clients, streams told and ended, open
calls up to ten seconds, links and children, control socket, events. A second signal waits for no
one.
"""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, final

import msgspec
import uvloop

from mcpgate.admin.answers import add_faults, build_call, count_entries, list_problems
from mcpgate.admin.control import Control
from mcpgate.admin.quarantine import Quarantine
from mcpgate.admin.wire import Status
from mcpgate.audit.trail import Trail
from mcpgate.clock import Clock, SystemClock
from mcpgate.config.load import ConfigSource, find_events, resolve
from mcpgate.config.model import Config, Limits
from mcpgate.config.rules import SOCKET_NAME
from mcpgate.errors import ConfigError, GatewayFault
from mcpgate.exchange import Exchange
from mcpgate.gate import Gate, declare, fingerprint
from mcpgate.links.guard import Guard
from mcpgate.links.open import LinkOpener
from mcpgate.links.pool import Pool
from mcpgate.links.setup import Setup
from mcpgate.links.wheel import Wheel
from mcpgate.listeners.body import BodyReader
from mcpgate.listeners.choice import ListenerServer, open_listeners
from mcpgate.listeners.parts import Parts
from mcpgate.listeners.session_sink import SessionSinks
from mcpgate.publisher import Publisher, Sources
from mcpgate.registry.catalog import Catalog
from mcpgate.registry.era import Eras
from mcpgate.registry.keeper import Means
from mcpgate.registry.keepers import Keepers
from mcpgate.registry.last_good import LastGood
from mcpgate.registry.owners import Owners
from mcpgate.registry.pins import Pins
from mcpgate.registry.store import Store, open_state_dir, open_store
from mcpgate.registry.waiter import SystemWaiter
from mcpgate.registry.watch import Watch
from mcpgate.sessions.collected import Collected
from mcpgate.sessions.seal_key import KEY_BYTES, open_key
from mcpgate.sessions.streams import Streams
from mcpgate.telemetry.log import open_log

DRAIN_S: Final = 10.0
LAST_S: Final = 1.0
LINKS_S: Final = 12.0
BEAT_S: Final = 15.0
LOOK_S: Final = 1.0
OPERATOR: Final = "operator"
_log = logging.getLogger("mcpgate.app")


def serve(source: ConfigSource) -> int:
    """Serve until a signal says stop; return the exit code."""
    config = source.load()
    if config.workers != 1:
        text = f"workers: {config.workers}; only 1 works for now, leave it out"
        raise ConfigError([f"{source.path}: {text}"])
    open_log(config.log)
    gateway = Gateway(source, config)
    uvloop.run(gateway.serve())
    return gateway.exit_code


@final
class Core:
    """The parts of a gateway, put together; nothing of it runs yet."""

    def __init__(self, config: Config, clock: Clock, store: Store, release: str) -> None:
        self.clock = clock
        self._refuse_unrecorded = config.audit.on_failure == "refuse"
        audit, limits = config.audit, config.limits
        self.trail = Trail(find_events(config), audit.segment_bytes, audit.keep, clock.wall)
        key = open_key(Path(config.state_dir), clock)
        self.gate = Gate(key, None, clock.random(KEY_BYTES), socket.gethostname())
        self.wheel = Wheel(clock)
        self.pool = Pool(self.wheel, clock, declare)
        self.streams = Streams()
        self.sessions = SessionSinks(clock)
        self.message_bytes = limits.message_bytes
        self.bodies = BodyReader(self.message_bytes, int(limits.body_s * 1e9))
        watches = self.streams.watches
        watches.changed = self._watch
        self.exchange = Exchange(self.gate, self.pool, clock.now, self.record, watches)
        self.operator = self.gate.new_caller(OPERATOR, modern=False)
        self.guard = Guard()
        waiter = SystemWaiter(clock)
        catalog = Catalog()
        self.keepers = Keepers(
            Means(
                open_link=LinkOpener(self._make_setup(limits, release)),
                pool=self.pool,
                catalog=catalog,
                eras=Eras(store),
                waiter=waiter,
                news=self.streams,
            )
        )
        self.pool.keepers = self.keepers
        pins = Pins(store, fingerprint, clock.wall)
        sources = Sources(
            catalog=catalog,
            owners=Owners(store),
            pins=pins,
            keepers=self.keepers,
            version=release,
        )
        self.publisher = Publisher(self.gate, sources, LastGood(config.state_dir), waiter)
        self.quarantine = Quarantine(self.publisher, catalog, pins)
        self.publisher.subscribe(self.streams.announce)
        sweeps = (self._sweep_bodies, self.sessions.sweep, self.exchange.sweep)
        for each in (self.align, *sweeps):
            self.wheel.every(each)

    def _make_setup(self, limits: Limits, release: str) -> Setup:
        return Setup(
            gate=self.gate,
            wheel=self.wheel,
            clock=self.clock,
            guard=self.guard,
            version=release,
            reply_bytes=limits.reply_bytes,
            connections_per_server=limits.connections_per_server,
        )

    def _watch(self, server: str) -> None:
        """Have a server told what is watched there now; a link that opens later is told then."""
        link = self.pool.find(server)
        if link is not None:
            link.watch(self.streams.list_wanted(server))

    def record(self) -> bool:
        """Write due events; say False where calls must not go ahead without them."""
        return self.trail.record(self.gate.drain()) or not self._refuse_unrecorded

    def list_parts(self, ready: Callable[[], tuple[bool, bytes]]) -> Parts:
        """Return what the front of every listener shares."""
        return Parts(
            gate=self.gate,
            exchange=self.exchange,
            streams=self.streams,
            bodies=self.bodies,
            live=self.sessions.live,
            sessions=self.sessions,
            now=self.clock.now,
            record=self.record,
            ready=ready,
        )

    def align(self) -> None:
        """Tie the gate's clock to the wall clock."""
        self.gate.align(self.clock.wall(), self.clock.now())

    def end_trail(self) -> None:
        """Write the last events and close their file."""
        self.record()
        self.trail.close()

    def _sweep_bodies(self) -> None:
        self.bodies.sweep(self.clock.now())


@final
class Gateway:
    """One running gateway, from its first file to its last byte."""

    def __init__(self, source: ConfigSource, config: Config, clock: Clock | None = None) -> None:
        """Take where the configuration comes from, and what it was when it was read first."""
        self._source = source
        self._config = config
        self._clock: Clock = clock or SystemClock()
        self.core: Core | None = None
        self.listeners: list[ListenerServer] = []
        self._group: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self.started = asyncio.Event()
        self.exit_code = 0
        self.state_dir = config.state_dir
        self.config_path = source.path
        self._release = _read_release()

    async def serve(self) -> None:
        """Run until a signal says stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload_soon)
        await self.run()

    def stop(self) -> None:
        """Begin to stop; the second time, wait for nobody."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    def _fail(self) -> None:
        """Stop, because clients can come in no more."""
        self.exit_code = 1
        self.stop()

    async def run(self) -> None:
        """Start, serve until `stop`, and end everything in order."""
        config = resolve(self._config)
        open_state_dir(config.state_dir)
        async with AsyncExitStack() as stack:
            control = Control(f"{config.state_dir}/{SOCKET_NAME}", self._list_handlers())
            await control.start()
            stack.push_async_callback(control.stop)
            store = open_store(config.state_dir)
            stack.callback(store.close)
            core = Core(config, self._clock, store, self._release)
            core.align()
            core.trail.open()
            stack.callback(core.end_trail)
            stack.callback(core.guard.close)
            core.wheel.start()
            stack.callback(core.wheel.stop)
            await core.publisher.start(config)
            stack.push_async_callback(core.pool.close)
            stack.push_async_callback(self._end_listeners)
            self.core = core
            await self._listen(core, config)
            await self._run_parts(core)
        _log.info("gateway.stopped")

    async def _listen(self, core: Core, config: Config) -> None:
        parts = core.list_parts(self._describe_readiness)
        for name, server in open_listeners(config, parts, core.wheel, core.clock, self._fail):
            await server.start()
            self.listeners.append(server)
            _log.info("listener.opened", extra={"listener": name, "url": server.url})

    async def _run_parts(self, core: Core) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            keeping = group.create_task(core.keepers.run())
            watch = Watch(self._source.path, self._reload_soon, SystemWaiter(self._clock))
            works: list[Coroutine[None, None, None]] = [
                core.publisher.run(),
                watch.run(),
                self._beat(core),
                self._renew(),
            ]
            tasks = [group.create_task(work) for work in works]
            self.started.set()
            await self._stopping.wait()
            await self._drain(core)
            core.keepers.stop()
            await asyncio.wait({keeping}, timeout=LINKS_S)
            for task in (keeping, *tasks):
                task.cancel()
            self._group = None

    async def _drain(self, core: Core) -> None:
        """Take no more, tell the streams, and give open calls their time."""
        _log.info("gateway.stopping", extra={"calls": len(core.exchange.open)})
        core.streams.drain()
        for listener in self.listeners:
            listener.retire()
        ending = asyncio.create_task(self._end_listeners(DRAIN_S))
        hurrying = asyncio.create_task(self._wait_hurry())
        await asyncio.wait({ending, hurrying}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        hurrying.cancel()
        core.exchange.stop_all()

    async def _wait_hurry(self) -> None:
        await self._hurry.wait()

    async def _end_listeners(self, within_s: float = LAST_S) -> None:
        ended = await asyncio.gather(*(listener.stop(within_s) for listener in self.listeners))
        if not all(ended):
            _log.warning("listener.late", extra={"within_s": within_s})

    async def _beat(self, core: Core) -> None:
        """Keep what is between us and clients from closing quiet streams."""
        while True:
            await asyncio.sleep(BEAT_S)
            for sink in tuple(core.sessions.live):
                sink.beat()

    async def _renew(self) -> None:
        """Take up new certificates."""
        while True:
            await asyncio.sleep(LOOK_S)
            for listener in self.listeners:
                await listener.renew()

    def _reload_soon(self) -> None:
        if self._group is not None and self.core is not None:
            self._group.create_task(self._reload(self.core))

    async def _reload(self, core: Core) -> None:
        await core.publisher.reload(self._source.load_resolved)

    def _describe_readiness(self) -> tuple[bool, bytes]:
        core = self._find_core()
        generation = core.publisher.status.generation
        ready = self.started.is_set() and generation > 0 and not self._stopping.is_set()
        servers = core.keepers.list_status()
        up = sum(server.state == "up" for server in servers)
        detail = {"ready": ready, "generation": generation, "servers": len(servers), "up": up}
        return ready, msgspec.json.encode(detail)

    def _find_core(self) -> Core:
        if self.core is None:
            raise GatewayFault("unavailable", "the gateway is starting; try again")
        return self.core

    def _list_handlers(self) -> dict[str, Callable[[bytes], Awaitable[bytes]]]:
        return {
            "status": self._answer_status,
            "servers": self._answer_servers,
            "catalog": self._answer_catalog,
            "call": self._answer_call,
            "reload": self._answer_reload,
            "quarantine": self._answer_quarantine,
            "approve": self._answer_quarantine,
        }

    async def _answer_status(self, _: bytes) -> bytes:
        core = self._find_core()
        published = core.publisher.status
        quarantined, flagged = count_entries(published.marks)
        status = Status(
            urls=tuple(listener.url for listener in self.listeners if listener.url),
            version=self._release,
            pid=os.getpid(),
            config=self._source.path,
            generation=published.generation,
            problems=(*list_problems(published), *filter(None, (core.trail.failure,))),
            quarantined=quarantined,
            flagged=flagged,
        )
        return msgspec.json.encode(status)

    async def _answer_servers(self, _: bytes) -> bytes:
        core = self._find_core()
        return msgspec.json.encode(add_faults(core.keepers.list_status(), core.gate.faults()))

    async def _answer_catalog(self, _: bytes) -> bytes:
        return self._find_core().gate.catalog()

    async def _answer_call(self, line: bytes) -> bytes:
        core = self._find_core()
        raw = build_call(line)
        if len(raw) > core.message_bytes:
            refused = core.gate.refuse("too_large", OPERATOR, core.clock.now()).body
            core.record()
            return refused
        sink = Collected()
        await core.exchange.run(raw, core.operator, None, sink)
        return sink.body

    async def _answer_quarantine(self, line: bytes) -> bytes:
        return await self._find_core().quarantine.answer(line)

    async def _answer_reload(self, line: bytes) -> bytes:
        core = self._find_core()
        await self._reload(core)
        problems = core.publisher.status.reload_error
        if problems:
            raise ConfigError(list(problems))
        return await self._answer_status(line)


def _read_release() -> str:
    try:
        return version("mcpgate")
    except PackageNotFoundError:
        return "0"
