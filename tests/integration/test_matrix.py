"""Clients of every revision against servers of every revision: each works, or ends as told."""

from collections.abc import Callable

import pytest

from tests.support.matrix_plays import PLAYS
from tests.support.matrix_run import Matrix, play_matrix
from tests.support.matrix_table import ALL, FEATURES, LEGACY, MODERN, Feature, Outcome

pytestmark = pytest.mark.requirement("R-MATRIX")

CELLS = [
    pytest.param(feature, client, server, id=f"{feature.name}-{client}-{server}")
    for feature in FEATURES
    for client in ALL
    for server in ALL
    if feature.expect(client, server) is not Outcome.ABSENT
]


@pytest.fixture(scope="module")
def matrix(free_port: Callable[[], int]) -> Matrix:
    return play_matrix(free_port)


@pytest.mark.parametrize(("feature", "client", "server"), CELLS)
def test_cell(matrix: Matrix, feature: Feature, client: str, server: str) -> None:
    ended, expected = matrix.played[feature.name, client, server], feature.expect(client, server)
    if feature.is_pending(client, server):
        assert ended.outcome != expected, "it is as it should be: it is pending no more"
    else:
        assert ended.outcome == expected, str(ended)


@pytest.mark.parametrize("revision", ALL)
def test_servers_are_told_nothing_that_their_revision_does_not_know(
    matrix: Matrix, revision: str
) -> None:
    assert matrix.faults[revision] == []


@pytest.mark.parametrize("revision", ALL)
def test_client_and_server_of_one_revision_need_no_gateway(matrix: Matrix, revision: str) -> None:
    found = {
        name: ended for (name, client, _), ended in matrix.direct.items() if client == revision
    }
    assert len(found) >= 14
    assert not [f"{name}: {ended}" for name, ended in found.items() if ended.outcome != "works"]


def test_the_table_is_complete() -> None:
    assert [feature.name for feature in FEATURES] == list(PLAYS)
    for feature in FEATURES:
        outcomes = {(client, feature.expect(client, server)) for client in ALL for server in ALL}
        assert not {(client, Outcome.LACKS) for client in LEGACY} & outcomes
        assert (MODERN, Outcome.UNBRIDGED) not in outcomes
        assert "" not in [each.why for each in feature.endings]
        assert "" not in [each.why for each in feature.pending]
