"""Nobody looks for garbage while a long text is read, and somebody does again behind the last who asked for that."""

import gc

import pytest

from protocol.messages import Parse, Sync
from server.garbage import not_looked_for
from server.sql.grammar import SLOW_LENGTH_MIN
from tests.support.conversation import Client
from tests.support.engine import memory_database


@pytest.fixture(autouse=True)
def looking():
    """Looking for garbage is as it was behind a test."""
    before = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if before else gc.disable)()


def test_the_last_who_leaves_switches_it_on_again():
    with not_looked_for():
        with not_looked_for():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_switches_it_on_again():
    with pytest.raises(ValueError, match="long"), not_looked_for():
        raise ValueError("too long")
    assert gc.isenabled()


def test_what_was_off_stays_off():
    gc.disable()
    with not_looked_for():
        gc.enable()  # the end of a start, in the meantime
    assert gc.isenabled()
    gc.disable()
    with not_looked_for():
        pass
    assert not gc.isenabled()


def test_a_long_text_is_read_so(monkeypatch):
    seen = []
    with memory_database() as database:
        client = Client(database)
        client.rows("CREATE TABLE t (n int)")
        statements = database.plans.statements
        monkeypatch.setattr(
            database.plans,
            "statements",
            lambda *arguments: seen.append(gc.isenabled()) or statements(*arguments),
        )
        long = "INSERT INTO t VALUES (0), " + ", ".join(
            f"(${n})" for n in range(1, SLOW_LENGTH_MIN)
        )
        for text in (long, "INSERT INTO t VALUES ($1)"):
            client.send(Parse("", text), Sync())
        client.close()
    assert seen == [False, True]
    assert gc.isenabled()
