"""A few random sequences of changes a run; tests.random_changes.run plays many."""

import pytest

from tests.random_changes.run import Contest, sequence

TOLD = (2109, 2126, 2166, 2178, 5027, 5029, 5182, 5225, 5469, 5492, 5495, 5500, 5559)
"""Sequences in which servers differed once: in which of several mistakes they told, and in what waits."""


@pytest.fixture(scope="module")
def contest(server, oracle):
    found = Contest(server.dsn, oracle.dsn)
    yield found
    for side in found.sides:
        side.ask("rollback")
        side.ask("drop schema if exists rc cascade")
        side.close()


@pytest.mark.parametrize("seed", [*range(6), *TOLD])
def test_both_servers_change_alike(contest, seed, capsys):
    assert contest.play(seed), capsys.readouterr().out


def test_sequences_are_told_by_their_seed():
    assert sequence(7) == sequence(7)
    assert sequence(7) != sequence(8)
