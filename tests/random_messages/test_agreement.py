"""A few random sequences of messages a run; `make random-messages` sends many."""

import pytest

from tests.random_messages.messages import Bind, Execute, Parse, Query, Sync
from tests.random_messages.run import Contest
from tests.random_messages.sequences import Sequence, sequence

DIFFERED = (6, 8, 11, 13, 20, 25, 35, 41, 45, 52, 60, 67, 69, 74, 86, 100)
"""Sequences in which servers differed once: parameters, formats, portals run twice, when settings are told."""


@pytest.fixture(scope="module")
def contest(server, oracle):
    found = Contest(server.dsn, oracle.dsn)
    yield found
    found.close()


@pytest.mark.parametrize("seed", DIFFERED)
def test_both_servers_answer_alike(contest, seed, capsys):
    assert contest.play(seed), capsys.readouterr().out


def test_sequences_are_told_by_their_seed():
    assert sequence(7) == sequence(7)
    assert len({str(sequence(seed)) for seed in range(50)}) == 50


def test_a_client_waits_where_an_answer_is_sure():
    series = (Parse("", "select 1"), Bind("", ""), Execute(""))
    steps = (series, (Query("begin"),), (Sync(),), (Query("commit"),))
    first, second = Sequence(steps, waits=True).batches()
    assert first.endswith(Query("begin").sent() + Sync().sent())
    assert second == Query("commit").sent()
    assert len(Sequence(steps, waits=False).batches()) == 1


def test_a_difference_is_found_and_made_small(contest):
    ours, theirs = contest.answered(Sequence(((Query("select version()"),),), waits=True))
    assert ours != theirs
    large = Sequence(
        ((Query("begin"),), (Query("select version()"), Sync()), (Query("commit"),)), True
    )
    assert contest.shrunk(large).steps == ((Query("select version()"),),)
