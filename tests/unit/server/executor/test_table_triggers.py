"""Triggers of a table by when they fire."""

import pytest

from server.catalog.trigger_objects import Trigger
from server.executor.table_triggers import Triggers, concerns


def trigger(name, timing="before", events=("insert",), *, row=True, columns=()):
    return Trigger(
        oid=1,
        name=name,
        owner=10,
        table=2,
        function=3,
        timing=timing,
        events=events,
        for_each_row=row,
        columns=columns,
    )


def test_each_moment_has_its_own_in_the_order_given():
    first, second = trigger("a", events=("insert", "update")), trigger("b")
    after, statement = trigger("c", "after"), trigger("d", row=False)
    found = Triggers((first, second, after, statement))
    assert found.rows("before", "insert") == (first, second)
    assert found.rows("before", "update") == (first,)
    assert found.rows("after", "insert") == (after,)
    assert found.statements("before", "insert") == (statement,)
    assert found.rows("before", "delete") == ()
    assert found
    assert not Triggers(())


@pytest.mark.parametrize(
    ("columns", "event", "changed", "expected"),
    [
        ((), "update", {1}, True),
        ((2,), "update", {1}, False),
        ((1, 2), "update", {2}, True),
        ((2,), "insert", set(), True),
    ],
)
def test_update_of_columns(columns, event, changed, expected):
    assert concerns(trigger("a", columns=columns), event, changed) is expected
