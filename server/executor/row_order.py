"""Which expressions of a row have to be evaluated before those of the next row.

Rule 1: what a row changes, as the next value of a sequence, is seen by what comes after it in the row, and by no row
        before it; so two expressions that meet in one thing go row by row.
Rule 2: a function of a user's own may change anything, and read anything: also what the statement that calls it does
        to the rows before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from server.errors import SqlError
from server.executor.waits import Sees
from server.expressions.expression import Call, Constant, Subquery, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.expressions.expression import Expression

Made = TypeVar("Made")

ANYTHING: Final = 0
"""Beside OIDs of sequences: whatever there is."""

CHANGES: Final = frozenset(("nextval", "setval"))
READS: Final = frozenset(("currval", "lastval"))
VALUES: Final = frozenset((*READS, "gen_random_uuid", "random"))
"""Volatile functions of which nobody can tell when they were called, nor how often."""


def in_order(expressions: Sequence[Expression]) -> frozenset[int]:
    """The places of the expressions that are evaluated row by row: none, or all that change or read such a thing."""
    touched = [
        (place, thing, changes)
        for place, expression in enumerate(expressions)
        for thing, changes in _touched(expression)
    ]
    for number, (_, thing, changes) in enumerate(touched):
        for _, other, changes_too in touched[number + 1 :]:
            if (changes or changes_too) and (thing == other or ANYTHING in (thing, other)):
                return frozenset(place for place, _, _ in touched)
    return frozenset()


def changing(expressions: Sequence[Expression]) -> frozenset[int]:
    """The places of the expressions whose calls change something, take their time or tell it."""
    return frozenset(
        place
        for place, expression in enumerate(expressions)
        if any(map(_is_told, walk(expression)))
    )


def _is_told(node: Expression) -> bool:
    if not isinstance(node, Call) or node.function.volatility != "v":
        return False
    return node.function.definition is not None or node.function.name not in VALUES


def seeing(expressions: Sequence[Expression]) -> frozenset[int]:
    """The places of the expressions whose calls see what the statement has done so far."""
    return frozenset(
        place
        for place, expression in enumerate(expressions)
        if any(changes and thing == ANYTHING for thing, changes in _touched(expression))
    )


def sees_alone(expression: Expression) -> bool:
    """Whether all that may change something in an expression are calls of one function of a user's own."""
    calls = [
        node.function
        for node in walk(expression)
        if isinstance(node, Call) and node.function.volatility == "v"
    ]
    has_parts = any(isinstance(node, Subquery) for node in walk(expression))
    return len(calls) == 1 and calls[0].definition is not None and not has_parts


def blindly(context: ExecutionContext, table: int, compute: Callable[[], Made]) -> Made | None:
    """What is computed for several rows of which none is written yet.

    None where each row has to be written before the next is computed: a body that is called reads, does more than
    giving its value, or raises. Then nothing has been done.
    """
    if context.is_blind or table in context.seeing:
        return None
    context.is_blind = True
    try:
        return compute()
    except (Sees, SqlError):
        context.seeing.add(table)
        return None
    finally:
        context.is_blind = False


def _touched(expression: Expression) -> Iterator[tuple[int, bool]]:
    """What an expression's calls change (True) or read (False): sequences by OID, or anything."""
    for node in walk(expression):
        if not isinstance(node, Call) or node.function.volatility != "v":
            continue
        name = node.function.name
        if node.function.definition is not None:
            yield ANYTHING, True
        elif name in CHANGES or name in READS:
            yield _sequence(node), name in CHANGES


def _sequence(call: Call) -> int:
    """The sequence that a call names; ANYTHING where only the run knows."""
    first = call.arguments[0] if call.arguments else None
    return first.value if isinstance(first, Constant) and isinstance(first.value, int) else ANYTHING
