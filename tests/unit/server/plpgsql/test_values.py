"""Expressions that read variables alone are computed over the frame's values, and only those."""

import pytest

from server.plpgsql import embedded
from tests.support.conversation import Client
from tests.support.engine import memory_database

ROUNDS = 20
LOOP = "do $$ declare x int := 0; r t; s record; begin select 1 as a into s; for i in 1..20 loop {} end loop; end $$"


@pytest.mark.parametrize(
    ("body", "is_over_values"),
    [
        ("x := x + i;", True),
        ("if x > i then x := 0; end if;", True),
        ("r.a := i; x := x + r.a;", True),
        ("x := twice(i);", True),
        ("x := x + s.a;", False),  # s may have another shape in the next round
    ],
)
def test_what_is_evaluated_with_parameters(monkeypatch, body, is_over_values):
    calls = []

    def counted(frame, compiled, row):
        calls.append(compiled)
        return evaluated(frame, compiled, row)

    evaluated = embedded.evaluated
    monkeypatch.setattr(embedded, "evaluated", counted)
    with memory_database() as database:
        client = Client(database)
        client.run("create table t (a int)")
        client.run(
            "create function twice(a int) returns int language sql immutable as 'select a * 2'"
        )
        client.run(LOOP.format(body))
        client.close()
    # each is evaluated with parameters once, while it is made ready
    assert (len(calls) < ROUNDS) is is_over_values
