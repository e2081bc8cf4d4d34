"""Errors of queries in bodies: positions in the query, or the query in the CONTEXT."""

import pytest

from server.errors import DivisionByZero, UndefinedColumn
from server.plpgsql.queries import InQuery, in_expression
from server.plpgsql.tree import Names, Source


def test_a_position_is_one_in_the_query() -> None:
    with pytest.raises(UndefinedColumn) as raised, InQuery("SELECT nosuch"):
        raise UndefinedColumn('column "nosuch" does not exist', position=8)
    error = raised.value
    assert (error.internal_position, error.internal_query) == (8, "SELECT nosuch")
    assert (error.position, error.context) == (0, "")


def test_an_error_without_a_position_names_the_query() -> None:
    with pytest.raises(DivisionByZero) as raised, InQuery("SELECT f()"), InQuery("SELECT g()"):
        raise DivisionByZero("division by zero")
    assert raised.value.context == 'SQL statement "SELECT g()"\nSQL statement "SELECT f()"'


@pytest.mark.parametrize(
    ("lead", "query", "position"), [("", "nosuch", 1), ("a := ", "a := nosuch", 6)]
)
def test_an_expression_is_shown_as_written(lead: str, query: str, position: int) -> None:
    source = Source("nosuch", 1, Names(None, ""), lead=lead)
    with pytest.raises(UndefinedColumn) as raised, in_expression(source):
        raise UndefinedColumn('column "nosuch" does not exist', position=8)
    error = raised.value
    assert (error.internal_query, error.internal_position) == (query, position)
