"""SQL text that the catalog keeps.

Defaults, checks, generated columns, index expressions, view queries.

Trees are kept by text; they are never changed after parsing, so every statement may bind the same
one.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from server.sql.parse import parse_statements
from server.sql.utility_statement import UtilityStatement

RETURN = "RETURN "
"""What a body of the SQL standard begins with that is one expression."""

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import exp

    from server.expressions.expression import Expression
    from server.planner.environment import BindContext
    from server.planner.scope import Scope
    from server.sql.parse import Statement


@lru_cache(maxsize=2000)
def parse_query(text: str) -> exp.Expression:
    """The tree of one query."""
    tree = parse_statements(text)[0].tree
    assert not isinstance(tree, UtilityStatement)
    return tree


@lru_cache(maxsize=5000)
def parse_expression(text: str) -> exp.Expression:
    """The tree of one expression."""
    query = parse_query(f"SELECT {text}")
    tree: exp.Expression = query.args["targets"][0].args["this"]
    return tree


@lru_cache(maxsize=1000)
def body_statements(body: str) -> tuple[Statement, ...]:
    """The statements of a body; trees are never changed after parsing."""
    text = "SELECT " + body[len(RETURN) :] if body.startswith(RETURN) else body
    return tuple(parse_statements(text))


@contextmanager
def without_positions(context: BindContext) -> Iterator[None]:
    """Binds text that the client did not send: errors have no position, and no names of a body mean anything."""
    previous, context.base_offset = context.base_offset, -1
    routine, context.routine = context.routine, None
    try:
        yield
    finally:
        context.base_offset, context.routine = previous, routine


def bind_catalog_expression(context: BindContext, scope: Scope, text: str) -> Expression:
    """An expression of the catalog over the columns of the scope."""
    from server.planner.bind_expression import bind_expression

    previous, context.noted_from = context.noted_from, len(context.access)
    try:
        with without_positions(context):
            return bind_expression(context, scope, parse_expression(text))
    finally:
        context.noted_from = previous
