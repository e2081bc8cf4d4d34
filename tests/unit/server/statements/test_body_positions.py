"""Errors in bodies point into the statement that makes the function."""

import pytest

from server.errors import SqlSyntaxError
from server.statements.body_positions import transpose


@pytest.mark.parametrize(
    ("source", "body", "at"),
    [
        ("create function f() as $$ select x $$", " select x ", 34),
        ("create function f() as $body$ select x $body$", " select x ", 38),
        ("create function f() as 'select ''a'', x'", "select 'a', x", 39),
        (r"create function f() as e'select \'a\', x'", "select 'a', x", 40),
    ],
)
def test_places(source, body, at):
    error = SqlSyntaxError("no")
    error.position = body.index("x") + 1
    assert transpose(error, body, source, 10)
    assert source[at - 1] == "x"
    assert (error.position, error.internal_query) == (10 + at, "")


@pytest.mark.parametrize("source", ["f as e'\\nselect x'", "f as $$a$$ or $$a$$", "f as 'a"])
def test_not_found(source):
    """What is written in another way, or twice, is a query of its own."""
    error = SqlSyntaxError("no")
    error.position = 1
    assert transpose(error, "a", source, 0)
    assert (error.position, error.internal_position, error.internal_query) == (0, 1, "a")


def test_without_position():
    assert not transpose(SqlSyntaxError("no"), "a", "'a'", 0)


def test_of_a_reader():
    error = SqlSyntaxError("no")
    error.internal_position, error.internal_query = 2, "ab"
    assert transpose(error, "ab", "f as 'ab'", 0)
    assert (error.position, error.internal_position, error.internal_query) == (8, 0, "")
