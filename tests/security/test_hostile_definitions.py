"""Definitions that address the model, hide or pretend; each is a named attack."""

import json
from pathlib import Path
from typing import Final

import pytest

from tests.support.screening import screen

pytestmark = [pytest.mark.requirement("R-SCREEN"), pytest.mark.timeout(900)]

CORPUS: Final = Path(__file__).parent / "attacks"
FAMILIES: Final = (
    "poisoning",
    "shadowing",
    "schema",
    "unicode",
    "markup",
    "languages",
    "variants",
)


def load(name: str) -> list[dict[str, object]]:
    cases = json.loads((CORPUS / f"{name}.json").read_text())
    assert isinstance(cases, list)
    return cases


@pytest.mark.parametrize("family", FAMILIES)
def test_each_attack_is_caught_by_its_rule(family: str) -> None:
    attacks = load(family)
    found = screen([attack["definition"] for attack in attacks])
    missed = [
        (attack["attack"], marks)
        for attack, marks in zip(attacks, found, strict=True)
        if attack["rule"] not in {mark.rule for mark in marks}
    ]
    assert not missed


def test_near_misses_stay_clean() -> None:
    cases = load("benign")
    found = screen([case["definition"] for case in cases])
    pairs = zip(cases, found, strict=True)
    unschemed = {"schema_missing"}  # most of these cases are about texts
    dirty = [(case["case"], marks) for case, marks in pairs if {m.rule for m in marks} - unschemed]
    assert not dirty


def test_one_hostile_entry_leaves_the_others_alone() -> None:
    good = {"name": "add", "description": "Adds two numbers."}
    hostile = load("poisoning")[0]["definition"]
    held = [any(mark.quarantined for mark in marks) for marks in screen([good, hostile, good])]
    assert held == [False, True, False]


def test_the_corpus_is_large() -> None:
    assert sum(len(load(family)) for family in FAMILIES) >= 60
    assert len(load("benign")) >= 60
