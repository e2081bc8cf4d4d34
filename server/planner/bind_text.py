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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import exp

    from server.expressions.expression import Expression
    from server.planner.environment import BindContext
    from server.planner.scope import Scope


@lru_cache(maxsize=2000)
def parse_query(text: str) -> exp.Expression:
    """The tree of one query."""
    return parse_statements(text)[0].tree  # type: ignore[return-value]


@lru_cache(maxsize=5000)
def parse_expression(text: str) -> exp.Expression:
    """The tree of one expression."""
    query = parse_query(f"SELECT {text}")
    tree: exp.Expression = query.args["targets"][0].args["this"]
    return tree


@contextmanager
def without_positions(context: BindContext) -> Iterator[None]:
    """Binds text that the client did not send: errors have no position."""
    previous, context.base_offset = context.base_offset, -1
    try:
        yield
    finally:
        context.base_offset = previous


def bind_catalog_expression(context: BindContext, scope: Scope, text: str) -> Expression:
    """An expression of the catalog over the columns of the scope."""
    from server.planner.bind_expression import bind_expression

    with without_positions(context):
        return bind_expression(context, scope, parse_expression(text))
