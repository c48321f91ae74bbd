"""Pins against a model: whatever servers, operators and restarts do, the same entries are held."""

import tempfile
from contextlib import ExitStack

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mcpgate.config.firewall import Checks, ServerChecks
from mcpgate.config.model import NewEntries, PinMode
from mcpgate.registry.catalog import ServerEntries
from mcpgate.registry.document import Judged
from mcpgate.registry.pins import Pins
from mcpgate.registry.store import open_store
from tests.support.definitions import digest, make_entries, make_tool

NAMES = st.sampled_from("abcd")
TEXTS = st.sampled_from(["one", "two", "three", "four"])


class PinsMachine(RuleBasedStateMachine):
    """One server; a definition is its name and its text."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        self._store = self._stack.enter_context(open_store(f"{self._folder}/state"))
        self._pins = self._open()
        self._mode: PinMode = "enforce"
        self._new: NewEntries = "approve"
        self._listed: dict[str, str] = {}
        self._judged = Judged()
        self._model: dict[str, str] = {}
        self._approved: dict[str, str] = {}
        self._before = False
        self._expected: dict[str, str] = {}

    def teardown(self) -> None:
        self._stack.close()

    def _open(self) -> Pins:
        return Pins(self._store, digest, lambda: 1)

    @initialize(listed=st.dictionaries(NAMES, TEXTS))
    def list_first(self, listed: dict[str, str]) -> None:
        self._listed = listed
        self._look()

    @rule(name=NAMES, text=TEXTS)
    def change(self, name: str, text: str) -> None:
        self._listed[name] = text
        self._look()

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        self._listed.pop(name, None)
        self._look()

    @rule(old=NAMES, new=NAMES)
    def rename(self, old: str, new: str) -> None:
        if old in self._listed and new not in self._listed:
            self._listed[new] = self._listed.pop(old)
        self._look()

    @rule(
        mode=st.sampled_from(["enforce", "warn", "off"]), new=st.sampled_from(["approve", "hold"])
    )
    def configure(self, mode: PinMode, new: NewEntries) -> None:
        self._mode, self._new = mode, new
        self._look()

    @rule(name=NAMES)
    def approve(self, name: str) -> None:
        if name not in self._listed:
            return
        found = self._pins.read("s", self._entries())["tool", name]
        self._pins.approve("s", [found])
        self._model[name] = self._approved[name] = self._listed[name]
        self._look()

    @rule()
    def restart(self) -> None:
        self._pins = self._open()
        self._look()

    @invariant()
    def held_entries_are_those_of_the_model(self) -> None:
        found = {held.name: held.rule for held in self._judged.held}
        assert found == self._expected
        assert all(held.quarantine == (self._mode == "enforce") for held in self._judged.held)
        cleared = {name for name, text in self._listed.items() if self._approved.get(name) == text}
        assert {each.name for each in self._judged.cleared} == cleared

    def _entries(self) -> ServerEntries:
        return make_entries(*(make_tool(name, text) for name, text in self._listed.items()))

    def _look(self) -> None:
        checks = ServerChecks(Checks(pins=self._mode, new=self._new), {})
        self._judged = self._pins.judge([("s", checks, self._entries())])["s"]
        self._expected = self._judge_plainly() if self._mode != "off" else {}
        self._before = self._before or self._mode != "off"

    def _judge_plainly(self) -> dict[str, str]:
        held = {}
        gone = {text for name, text in self._model.items() if name not in self._listed}
        for name, text in self._listed.items():
            if name in self._model:
                if self._model[name] != text:
                    held[name] = "drift"
            elif text in gone:
                held[name] = "renamed"
            elif self._new == "hold" and self._before:
                held[name] = "new"
            else:
                self._model[name] = text
        return held


TestPins = pytest.mark.requirement("R-PINS")(PinsMachine.TestCase)
TestPins.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
