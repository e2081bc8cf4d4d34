"""Expressions and queries that the catalog keeps as text, as the pg_get_* functions print them."""

from __future__ import annotations

from functools import lru_cache

from sqlglot import exp

from server.sql.deparse import deparse
from server.sql.deparse_pretty import deparse_pretty
from server.sql.parse import parse_expression, parse_statements


@lru_cache(maxsize=2000)
def printed(text: str, pretty: bool) -> str:
    """An expression as it is kept, or with only the parentheses that people need."""
    return deparse_pretty(parse_expression(text), indented=True) if pretty else text


@lru_cache(maxsize=2000)
def printed_query(text: str, pretty: bool) -> str:
    """A query with line breaks; pretty: with only the parentheses that people need."""
    (only,) = parse_statements(text)
    assert isinstance(only.tree, exp.Expression), text
    print_query = deparse_pretty if pretty else deparse
    return print_query(only.tree, indented=True)
