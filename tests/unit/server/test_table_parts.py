"""A part of a table is made when somebody asks for a row that is in none before it."""

import pytest

from server.table_parts import TableParts


def table(made):
    def part(name, **rows):
        def make():
            made.append(name)
            return rows

        return make

    return TableParts(part("first", a=1), part("second", b=2, c=3), part("third", d=4))


def test_parts_are_made_in_order_until_the_row_is_there():
    made = []
    rows = table(made)
    assert (rows["a"], made) == (1, ["first"])
    assert (rows.get("c"), made) == (3, ["first", "second"])
    assert "a" in rows
    assert made == ["first", "second"]


def test_whoever_wants_all_gets_all():
    made = []
    rows = table(made)
    assert dict(rows) == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert (len(rows), made) == (4, ["first", "second", "third"])


def test_row_that_is_nowhere_is_looked_for_everywhere():
    made = []
    rows = table(made)
    with pytest.raises(KeyError):
        rows["e"]
    assert rows.get("e") is None
    assert made == ["first", "second", "third"]


def test_row_stands_in_one_part():
    rows = TableParts(lambda: {"a": 1}, lambda: {"a": 2})
    with pytest.raises(AssertionError):
        len(rows)
