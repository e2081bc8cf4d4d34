"""Whether an expression may give another value for the same row some day.

Indexes, generated columns and partition keys keep values, so their expressions must not. As in
PostgreSQL, simple functions in SQL are judged by their bodies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.expressions.expression import Call, Expression, walk
from server.planner.rewrite.routines import inlined_expression

if TYPE_CHECKING:
    from server.planner.environment import BindContext

JOINS_TEXT: Final = frozenset(("textanycat", "anytextcat"))
"""Functions of ||, whose volatility is that of the text form of their other operand."""

FIXED_TEXTS: Final = frozenset(
    (16, 17, 18, 19, 20, 21, 23, 25, 26, 114, 650, 700, 701, 829, 869, 1042, 1043, 1186, 1560,
     1562, 1700, 2950, 3802)
)  # fmt: skip
"""Types whose text form depends on no setting and no other object."""


def is_mutable(context: BindContext, bound: Expression) -> bool:
    """Whether a function in the expression is not immutable."""
    return any(
        isinstance(node, Call) and node.function.volatility != "i" and not _joins_fixed(node)
        for node in walk(inlined_expression(context, bound))
    )


def _joins_fixed(call: Call) -> bool:
    return call.function.name in JOINS_TEXT and all(
        argument.type.oid in FIXED_TEXTS for argument in call.arguments
    )
