"""Our judge of JSON Schemas against the official suite and against two other judges."""

from pathlib import Path

import pytest

from tests.conftest import need_part
from tests.support.schema_judge import find_judge, judge
from tests.support.schema_opinions import KNOWN, Difference, find_differences
from tests.support.schema_pairs import make_pairs
from tests.support.schema_suite import DIALECTS, REMOTE_RULES, load_groups

# Groups of each draft that need a document which nothing here fetches.
REMOTE_GROUPS = {"draft7": 11, "draft2020-12": 22}


@pytest.fixture(scope="session")
def program() -> Path:
    """Name the built judge: `cargo build --release -p mcpgate-schema --example judge`."""
    return need_part(find_judge(), "the judge of schemas")


@pytest.fixture(scope="session")
def suite(root: Path) -> Path:
    """Name the directory of the official suite."""
    return need_part(root / ".parts/schemas/json/tests", "the JSON Schema Test Suite")


@pytest.mark.requirement("R-SCHEMA")
@pytest.mark.parametrize("draft", DIALECTS)
def test_every_required_test_of_the_suite_passes(program: Path, suite: Path, draft: str) -> None:
    """Pass all of the suite but the groups that would have to fetch something."""
    groups = list(load_groups(suite, draft))
    answers = judge(program, [(group.schema, group.instances) for group in groups])
    wrong, remote = [], 0
    for group, answer in zip(groups, answers, strict=True):
        if isinstance(answer, dict) and group.is_remote and answer["fault"] in REMOTE_RULES:
            remote += 1
        elif answer != group.verdicts:
            wrong.append((group.name, answer, group.verdicts))
    assert wrong == []
    assert remote == REMOTE_GROUPS[draft]


@pytest.mark.requirement("R-SCHEMA")
@pytest.mark.timeout(120)
def test_generated_schemas_are_judged_as_others_judge_them(program: Path) -> None:
    """Agree with jsonschema-rs and jsonschema but for the differences that are explained."""
    found = list(find_differences(program, make_pairs(seed=7, schemas=400, instances=8)))
    assert [difference for difference in found if difference.explain() is None] == []


@pytest.mark.requirement("R-SCHEMA")
@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_each_explained_difference_is_still_one(program: Path, known: Difference) -> None:
    """Keep the table honest: a difference that is gone leaves it."""
    found = list(find_differences(program, [(known.draft, known.schema, [known.instance])]))
    assert [(one.ours, one.rust, one.python) for one in found] == [
        (known.ours, known.rust, known.python)
    ]
