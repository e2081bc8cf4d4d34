"""What tables and trees hold is counted by portions: others have the latch in between, and a cancel is heard."""

import pytest

from tests.support.conversation import Client


class CancelledError(Exception):
    pass


@pytest.fixture
def filled(database):
    client = Client(database)
    client.rows("create table t (a int primary key)")
    client.rows("insert into t select g from generate_series(1, 150000) g")
    client.rows("delete from t where a <= 10")
    engine = database.engine
    table, index = (
        client.session.transaction.catalog.relation_named(2200, name).storage_id
        for name in ("t", "t_pkey")
    )
    return engine, table, index


def figures_of(filled, between):
    engine, table, index = filled
    transaction = engine.begin()
    try:
        yield engine.table_figures(table, transaction.snapshot(), between)
        yield engine.index_figures(index, between)
    finally:
        transaction.abort()


def test_others_have_the_latch_in_between(filled):
    engine, *_ = filled
    owned = []
    rows, entries = figures_of(filled, lambda: owned.append(engine.latch.is_owned()))
    assert (rows.live, rows.dead) == (149_990, 10)
    assert entries.entries == 150_000
    assert len(owned) > 4
    assert not any(owned)


def test_a_cancel_ends_it(filled):
    def cancelled():
        raise CancelledError

    with pytest.raises(CancelledError):
        next(figures_of(filled, cancelled))
